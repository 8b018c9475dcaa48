using System.Text.Json;
using Backup.Core.Model;
using Backup.Core.Storage;

namespace Backup.Core.Catalog;

/// <param name="Key">Where it is stored.</param>
/// <param name="Entry">Null when it cannot be read.</param>
/// <param name="Problem">Why it cannot be believed, or null.</param>
public sealed record EvidenceItem(string Key, Evidence? Entry, string? Problem);

/// <summary>One database's trail, checked.</summary>
/// <param name="Environment">Of the policy.</param>
/// <param name="Database">Its name.</param>
/// <param name="Items">Oldest first.</param>
/// <param name="Forks">Entries that share their predecessor with another: two commands ended at the same time. No damage.</param>
public sealed record EvidenceChain(string Environment, string Database, IReadOnlyList<EvidenceItem> Items, int Forks)
{
    /// <summary>When the first entry of the whole trail was written; null = it is empty.</summary>
    public DateTimeOffset? Began { get; init; }

    public bool IsIntact => Items.All(i => i.Problem is null);
}

/// <summary>
/// Who did what to the backups of one database, as a chain: each entry holds the SHA-256 of the one before. Everything is read and written below
/// <c>{environment}/audit/{database}/</c>. Removing the newest entries is not seen by the chain itself; the vault's own lock is what prevents it.
/// </summary>
public sealed class EvidenceTrail(IVault vault, string environment, string database)
{
    private const int ReadAhead = 16;

    private readonly string _prefix = VaultKeys.AuditPrefix(environment, database);

    /// <summary>Adds an entry after the newest one. Needs to list and to write, not to read.</summary>
    /// <param name="evidence">Its <see cref="Evidence.Previous"/> is set here.</param>
    public async Task AppendAsync(Evidence evidence, CancellationToken cancel)
    {
        string? previous = null;
        await foreach (var item in vault.ListAsync(_prefix, cancel))
            if (EvidenceName.TryParse(item.Key, out var newest)) previous = newest.Sha256;
        var bytes = JsonSerializer.SerializeToUtf8Bytes(evidence with { Previous = previous }, ManifestJson.Context.Evidence);
        using var content = new MemoryStream(bytes, writable: false);
        await vault.PutAsync(_prefix + EvidenceName.Of(evidence.At, bytes), content, ObjectState.Committed, retain: null, cancel);
    }

    public Task<EvidenceChain> ReadAsync(CancellationToken cancel) => ReadAsync(DateTimeOffset.MinValue, DateTimeOffset.MaxValue, cancel);

    /// <summary>The entries of a period; the chain is checked for these. All names are listed, nothing else is read.</summary>
    /// <param name="from">The first moment.</param>
    /// <param name="until">The first moment that is no longer asked for.</param>
    /// <param name="cancel">Stops reading.</param>
    public async Task<EvidenceChain> ReadAsync(DateTimeOffset from, DateTimeOffset until, CancellationToken cancel)
    {
        var all = new List<(string Key, EvidenceName? Name)>();
        await foreach (var item in vault.ListAsync(_prefix, cancel)) all.Add((item.Key, EvidenceName.TryParse(item.Key, out var name) ? name : null));
        var keys = all.Where(e => e.Name is null || (e.Name.At >= from && e.Name.At < until)).Select(e => e.Key).ToList();
        var items = new EvidenceItem[keys.Count];
        await Parallel.ForAsync(0, keys.Count, new ParallelOptions { MaxDegreeOfParallelism = ReadAhead, CancellationToken = cancel },
            async (i, token) => items[i] = await ReadAsync(keys[i], token));
        var names = all.Select(e => e.Name?.Sha256).OfType<string>().ToHashSet(StringComparer.Ordinal);
        var forks = items.Where(i => i.Entry is not null).GroupBy(i => i.Entry!.Previous).Sum(g => g.Count() - 1);
        return new EvidenceChain(environment, database,
            [.. items.Select(i => i.Problem is null && i.Entry!.Previous is { } previous && !names.Contains(previous) ? i with { Problem = $"the entry before it, {previous[..12]}…, is missing" } : i)],
            forks) { Began = all.Select(e => e.Name?.At).Min() };
    }

    /// <summary>True for the key of an entry of any trail.</summary>
    public static bool Holds(string key)
    {
        ArgumentNullException.ThrowIfNull(key);
        var parts = key.Split('/');
        return parts.Length == 4 && parts[1] == VaultKeys.AuditFolder && EvidenceName.TryParse(key, out _);
    }

    /// <summary>Every trail of the vault, or of one environment or database.</summary>
    public static async Task<IReadOnlyList<EvidenceTrail>> FindAsync(IVault vault, string? environment, string? database, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(vault);
        if (environment is not null && database is not null) return [new EvidenceTrail(vault, environment, database)];
        var found = new SortedSet<(string Environment, string Database)>();
        await foreach (var item in vault.ListAsync(environment is null ? "" : VaultKeys.AuditPrefix(environment), cancel))
        {
            var parts = item.Key.Split('/');
            if (parts.Length == 4 && parts[1] == VaultKeys.AuditFolder) found.Add((VaultKeys.Unescape(parts[0]), VaultKeys.Unescape(parts[2])));
        }

        return [.. found.Where(f => database is null || f.Database == database).Select(f => new EvidenceTrail(vault, f.Environment, f.Database))];
    }

    private async Task<EvidenceItem> ReadAsync(string key, CancellationToken cancel)
    {
        if (!EvidenceName.TryParse(key, out var name)) return new EvidenceItem(key, null, "it is not an entry of the trail");
        var bytes = await new BackupCatalog(vault).ReadObjectAsync(key, cancel);
        try
        {
            var entry = JsonSerializer.Deserialize(bytes, ManifestJson.Context.Evidence) ?? throw new JsonException("it is null");
            var actual = EvidenceName.Of(name.At, bytes).Sha256;
            return new EvidenceItem(key, entry, actual == name.Sha256 ? null : $"it was changed: its SHA-256 is {actual[..12]}…");
        }
        catch (JsonException e)
        {
            return new EvidenceItem(key, null, $"it cannot be read: {e.Message}");
        }
    }
}
