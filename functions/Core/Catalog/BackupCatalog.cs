using System.Collections.Concurrent;
using System.Text.Json;
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

    public string Environment => VaultKeys.EnvironmentOf(Prefix);

    /// <summary>Null when <see cref="Problem"/> says why it cannot be read.</summary>
    public Manifest? Manifest { get; init; }
    public string? Problem { get; init; }

    /// <summary><c>locked.json</c> is there: every artifact has its full lock.</summary>
    public required bool IsLocked { get; init; }

    /// <summary>What verify and drill left beside it, oldest first.</summary>
    public required IReadOnlyList<ResultName> Results { get; init; }

    /// <summary>The newest result of one kind, or null when there is none.</summary>
    public ResultName? Newest(ProofKind kind) => Results.LastOrDefault(r => r.Kind == kind);

    /// <summary>Readable, and neither the newest verify nor the newest drill failed: what fills a calendar period and counts for retention.</summary>
    public bool IsGood => Manifest is not null && !Results.HasFailed();
}

/// <summary>All that one listing shows: what exists, oldest first, and what lies below an id and is no backup: it has expired, or never became one.</summary>
public sealed record CatalogSurvey(IReadOnlyList<CatalogEntry> Entries, IReadOnlyList<BackupFolder> Remains);

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
            if (found.Entries.Count > 0) return found.Entries[0];
        }

        return null;
    }

    /// <summary>The tombstone of this id in whichever tier and environment (null = any) it is, or null.</summary>
    public async Task<Tombstone?> FindTombstoneAsync(string? environment, BackupId id, CancellationToken cancel)
    {
        var survey = await SurveyAsync(environment, id.Database, cancel);
        return survey.Remains.FirstOrDefault(r => r.Id == id && r.ExpiredAt is not null) is { } remains
            ? JsonSerializer.Deserialize(await ReadObjectAsync(remains.Prefix + VaultKeys.TombstoneName, cancel), ManifestJson.Context.Tombstone)
            : null;
    }

    /// <summary>
    /// All backups, oldest first. <paramref name="environment"/> null = every environment in the vault; <paramref name="database"/> null = every database.
    /// </summary>
    public async Task<IReadOnlyList<CatalogEntry>> ListAsync(string? environment, string? database, CancellationToken cancel) =>
        (await SurveyAsync(environment, database, cancel)).Entries;

    /// <summary>As <see cref="ListAsync"/>, with what has expired and what was never finished.</summary>
    public async Task<CatalogSurvey> SurveyAsync(string? environment, string? database, CancellationToken cancel)
    {
        IReadOnlyList<string> prefixes = (environment, database) switch
        {
            (not null, not null) => VaultKeys.DatabasePrefixes(environment, database),
            (not null, null) => [VaultKeys.Escape(environment) + "/"],
            _ => [""],
        };
        var (entries, remains) = await ReadAsync(prefixes, cancel);
        return new CatalogSurvey(
            [.. entries.Where(e => database is null || e.Id.Database == database).OrderBy(e => e.Id.Time).ThenBy(e => e.Prefix, StringComparer.Ordinal)],
            [.. remains.Where(r => database is null || r.Id.Database == database).OrderBy(r => r.Prefix, StringComparer.Ordinal)]);
    }

    /// <summary>The newest whole backup with a manifest that can be read, or null. Reads no other manifest.</summary>
    public async Task<CatalogEntry?> NewestAsync(string environment, string database, CancellationToken cancel)
    {
        var scan = await VaultScan.ReadAsync(Vault, VaultKeys.DatabasePrefixes(environment, database), cancel);
        foreach (var folder in scan.Folders.Where(f => f is { IsBackup: true, Id.IsIncrement: false }).OrderByDescending(f => f.Id.Time))
            if (await LoadAsync(folder.ToEntry(), cancel) is { Manifest: not null } entry) return entry;
        return null;
    }

    public async Task<byte[]> ReadObjectAsync(string key, CancellationToken cancel)
    {
        await using var stream = await Vault.OpenAsync(key, 0, cancel);
        using var memory = new MemoryStream();
        await stream.CopyToAsync(memory, cancel);
        return memory.ToArray();
    }

    private async Task<CatalogSurvey> ReadAsync(IReadOnlyList<string> prefixes, CancellationToken cancel)
    {
        var scan = await VaultScan.ReadAsync(Vault, prefixes, cancel);
        var entries = new ConcurrentBag<CatalogEntry>();
        await Parallel.ForEachAsync(scan.Folders.Where(f => f.IsBackup),
            new ParallelOptions { MaxDegreeOfParallelism = ReadAhead, CancellationToken = cancel },
            async (f, token) =>
            {
                if (await LoadAsync(f.ToEntry(), token) is { } entry) entries.Add(entry);
            });
        return new CatalogSurvey([.. entries.OrderBy(e => e.Prefix, StringComparer.Ordinal)], [.. scan.Folders.Where(f => !f.IsBackup)]);
    }

    /// <summary>The entry with its manifest, or with the problem that keeps it from being read; null when a prune has removed it since it was listed.</summary>
    public async Task<CatalogEntry?> LoadAsync(CatalogEntry entry, CancellationToken cancel)
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
        catch (BackupException e) when (e.Code == ErrorCode.VaultMissing)
        {
            return null;
        }
    }
}
