using System.Collections.Concurrent;
using Backup.Core.Model;
using Backup.Core.Storage;

namespace Backup.Core.Catalog;

/// <summary>One committed backup as the vault shows it. A manifest that cannot be read is shown as a problem, never left out.</summary>
public sealed record CatalogEntry
{
    /// <summary>Key prefix of everything that belongs to it, with a final '/'.</summary>
    public required string Prefix { get; init; }
    public required Tier Tier { get; init; }
    public required BackupId Id { get; init; }

    /// <summary>Null when <see cref="Problem"/> says why it cannot be read.</summary>
    public Manifest? Manifest { get; init; }
    public string? Problem { get; init; }

    /// <summary><c>locked.json</c> is there: every artifact has its full lock.</summary>
    public required bool IsLocked { get; init; }

    /// <summary>What verify and drill left beside it, oldest first.</summary>
    public required IReadOnlyList<ResultName> Results { get; init; }

    /// <summary>The newest result of one kind, or null when there is none.</summary>
    public ResultName? Newest(ProofKind kind) => Results.LastOrDefault(r => r.Kind == kind);
}

/// <summary>The manifests of a vault. Publishing one is the commit of a backup; what has none, or has a tombstone, does not exist.</summary>
public sealed class BackupCatalog(IVault vault)
{
    private const int ReadAhead = 16;

    public IVault Vault { get; } = vault;

    /// <summary>The commit: writes the manifest under a key that must not exist.</summary>
    public async Task PublishAsync(string prefix, Manifest manifest, RetainUntil? retain, CancellationToken cancel)
    {
        using var content = new MemoryStream(ManifestJson.Write(manifest), writable: false);
        await Vault.PutAsync(prefix + VaultKeys.ManifestName, content, ObjectState.Committed, retain, cancel);
    }

    /// <summary>Adds a result beside the manifest. Results are written once: when another one of this second is there, it gets the next free second.</summary>
    /// <returns>The name under which it is stored.</returns>
    public async Task<ResultName> AttachAsync(string prefix, ResultName name, ReadOnlyMemory<byte> content, CancellationToken cancel)
    {
        for (var free = name; ; free = free with { At = free.At.AddSeconds(1) })
        {
            try
            {
                using var stream = new MemoryStream(content.ToArray(), writable: false);
                await Vault.PutAsync(free.Key(prefix), stream, ObjectState.Committed, retain: null, cancel);
                return free;
            }
            catch (BackupException e) when (e.Code == ErrorCode.VaultConflict)
            {
                // Another proof ended in the same second: the next one is free, or the one after it.
            }
        }
    }

    /// <summary>The backup of this id in whichever tier it is, or null.</summary>
    public async Task<CatalogEntry?> FindAsync(string environment, BackupId id, CancellationToken cancel)
    {
        foreach (var tier in Enum.GetValues<Tier>())
        {
            var found = await ReadAsync([VaultKeys.BackupPrefix(environment, tier, id)], cancel);
            if (found.Count > 0) return found[0];
        }

        return null;
    }

    /// <summary>
    /// All backups, oldest first. <paramref name="environment"/> null = every environment in the vault; <paramref name="database"/> null = every database.
    /// </summary>
    public async Task<IReadOnlyList<CatalogEntry>> ListAsync(string? environment, string? database, CancellationToken cancel)
    {
        IReadOnlyList<string> prefixes = (environment, database) switch
        {
            (not null, not null) => VaultKeys.DatabasePrefixes(environment, database),
            (not null, null) => [VaultKeys.Escape(environment) + "/"],
            _ => [""],
        };
        var entries = await ReadAsync(prefixes, cancel);
        return [.. entries.Where(e => database is null || e.Id.Database == database).OrderBy(e => e.Id.Time).ThenBy(e => e.Prefix, StringComparer.Ordinal)];
    }

    public async Task<byte[]> ReadObjectAsync(string key, CancellationToken cancel)
    {
        await using var stream = await Vault.OpenAsync(key, 0, cancel);
        using var memory = new MemoryStream();
        await stream.CopyToAsync(memory, cancel);
        return memory.ToArray();
    }

    private async Task<List<CatalogEntry>> ReadAsync(IReadOnlyList<string> prefixes, CancellationToken cancel)
    {
        var folders = new Dictionary<string, Folder>(StringComparer.Ordinal);
        foreach (var prefix in prefixes)
        {
            await foreach (var item in Vault.ListAsync(prefix, cancel))
            {
                if (!VaultKeys.TryBackup(item.Key, out var folder, out var tier, out var id)) continue;
                if (!folders.TryGetValue(folder, out var seen)) folders[folder] = seen = new Folder(tier, id);
                seen.Add(item.Key[folder.Length..]);
            }
        }

        var entries = new ConcurrentBag<CatalogEntry>();
        await Parallel.ForEachAsync(folders.Where(f => f.Value is { HasManifest: true, HasTombstone: false }),
            new ParallelOptions { MaxDegreeOfParallelism = ReadAhead, CancellationToken = cancel },
            async (f, token) => entries.Add(await EntryAsync(f.Key, f.Value, token)));
        return [.. entries.OrderBy(e => e.Prefix, StringComparer.Ordinal)];
    }

    private Task<CatalogEntry> EntryAsync(string prefix, Folder folder, CancellationToken cancel) => LoadAsync(
        new CatalogEntry { Prefix = prefix, Tier = folder.Tier, Id = folder.Id, IsLocked = folder.IsLocked, Results = [.. folder.Results.OrderBy(r => r.At)] }, cancel);

    /// <summary>The entry with its manifest, or with the problem that keeps it from being read.</summary>
    public async Task<CatalogEntry> LoadAsync(CatalogEntry entry, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(entry);
        var key = entry.Prefix + VaultKeys.ManifestName;
        try
        {
            return entry with { Manifest = ManifestJson.Read(await ReadObjectAsync(key, cancel), key) };
        }
        catch (BackupException e) when (e.Code == ErrorCode.BackupDamaged || e.Code == ErrorCode.BackupFormat)
        {
            return entry with { Problem = e.Message };
        }
    }

    private sealed class Folder(Tier tier, BackupId id)
    {
        public Tier Tier { get; } = tier;
        public BackupId Id { get; } = id;
        public bool HasManifest { get; private set; }
        public bool HasTombstone { get; private set; }
        public bool IsLocked { get; private set; }
        public List<ResultName> Results { get; } = [];

        public void Add(string name)
        {
            HasManifest |= name == VaultKeys.ManifestName;
            HasTombstone |= name == VaultKeys.TombstoneName;
            IsLocked |= name == VaultKeys.LockedName;
            if (name.StartsWith(ResultName.Folder, StringComparison.Ordinal) && ResultName.TryParse(name, out var result)) Results.Add(result);
        }
    }
}
