using System.Collections.Concurrent;
using Backup.Core.Catalog;
using Backup.Core.Model;
using Backup.Core.Policies;
using Backup.Core.Storage;

namespace Backup.Core.Operations.Watching;

/// <summary>What to look at.</summary>
public sealed record WatchRequest
{
    public required Policy Policy { get; init; }
    public required IVault Vault { get; init; }
    public IVault? Copy { get; init; }

    /// <summary>Null = every database of the policy.</summary>
    public string? Database { get; init; }

    /// <summary>Ask for versions too, where the vault keeps them: once a day is enough.</summary>
    public bool WithVersions { get; init; } = true;

    /// <summary>What an earlier look saw of versions; it holds when this one does not ask.</summary>
    public IReadOnlyList<TouchedObject>? KnownVersions { get; init; }

    /// <summary>Complete locks that are missing.</summary>
    public bool RepairLocks { get; init; } = true;

    /// <summary>A chain of more increments is not judged: reading it would cost more than it tells. A week of hourly ones is 168.</summary>
    public int LongestChain { get; init; } = 500;
}

/// <summary>Gathers the facts: one listing, and the manifests that can matter to a judgement. A vault of ten years costs no more to read than one of a month.</summary>
internal sealed class WatchReader(WatchRequest request, TimeProvider clock)
{
    private const int ReadAhead = 16;

    /// <summary>Per database: what is scheduled, what precedes deployments and what was made by hand are compared among themselves.</summary>
    private const int NewestWhole = 30;
    private const int NewestIncrements = 3;

    private readonly BackupCatalog _catalog = new(request.Vault);
    private readonly string _environment = request.Policy.Environment;

    public async Task<WatchFacts> ReadAsync(CancellationToken cancel)
    {
        var scan = await VaultScan.ReadAsync(request.Vault, Prefixes, cancel);
        var folders = scan.Folders.Where(f => f.IsBackup).ToList();
        var whole = await LoadAsync([.. folders.Where(f => f.Tier != Tier.Incremental)], cancel);
        var (chains, tooLong) = Chains(folders, whole);
        IReadOnlyList<WatchedBackup> entries = [.. whole, .. await LoadAsync([.. folders.Where(f => f.Tier == Tier.Incremental)], cancel, chains)];
        var (relocked, unlocked) = await RelockAsync(request.RepairLocks ? entries : [], cancel);
        return new WatchFacts
        {
            Vault = request.Vault.Name,
            Backups = [.. entries.OrderBy(b => b.Id.Time).ThenBy(b => b.Entry.Prefix, StringComparer.Ordinal)],
            Orphans = [.. Orphans(scan, entries)],
            Headless = [.. scan.Folders.Where(f => f.LostItsManifest).Select(f => f.Id).OrderBy(id => id.Time)],
            Touched = request.WithVersions && request.Vault is IVersionedVault versioned ? await TouchedAsync(versioned, entries, cancel) : request.KnownVersions,
            Unknown = [.. scan.Unknown.Select(o => o.Key)],
            UnknownCount = scan.UnknownCount,
            VaultHasClock = request.Vault is IVersionedVault,
            Relocked = relocked,
            Unlocked = unlocked,
            Copy = request.Copy is { } copy ? await CopyAsync(copy, cancel) : null,
            LongChains = tooLong,
        };
    }

    /// <summary>The increments since the newest complete backup of each database, as far as there are not too many.</summary>
    private (HashSet<BackupFolder> Chains, HashSet<string> TooLong) Chains(IReadOnlyList<BackupFolder> folders, IReadOnlyList<WatchedBackup> whole)
    {
        var (chains, tooLong, now) = (new HashSet<BackupFolder>(), new HashSet<string>(StringComparer.Ordinal), clock.GetUtcNow());
        foreach (var database in folders.Where(f => f.Tier == Tier.Incremental).GroupBy(f => f.Id.Database))
        {
            if (whole.Where(b => b.Id.Database == database.Key && b is { IsComplete: true, Manifest: not null } && !DatabaseHistory.IsFuture(b, now)).MaxBy(b => b.Manifest!.Snapshot.Time) is not { } basis) continue;
            var chain = database.Where(f => f.Id.Time >= basis.Id.Time).ToList();
            if (chain.Count > request.LongestChain) tooLong.Add(database.Key);
            else chains.UnionWith(chain);
        }

        return (chains, tooLong);
    }

    private IReadOnlyList<string> Prefixes => request.Database is { } database
        ? VaultKeys.DatabasePrefixes(_environment, database)
        : [VaultKeys.Escape(_environment) + "/"];

    private async Task<IReadOnlyList<WatchedBackup>> LoadAsync(IReadOnlyList<BackupFolder> folders, CancellationToken cancel, IReadOnlySet<BackupFolder>? also = null)
    {
        var recent = folders.GroupBy(f => (f.Id.Database, Group(f.Tier)))
            .SelectMany(g => g.OrderByDescending(f => f.Id.Time).Take(g.Key.Item2 == 0 ? NewestIncrements : NewestWhole)).ToHashSet();
        var loaded = new ConcurrentBag<WatchedBackup>();
        await Parallel.ForEachAsync(folders, new ParallelOptions { MaxDegreeOfParallelism = ReadAhead, CancellationToken = cancel }, async (folder, token) =>
        {
            // Only a manifest says whether a lock was promised.
            var isAsked = recent.Contains(folder) || also?.Contains(folder) == true || (request.Policy.Lock != LockMode.None && !folder.IsLocked);
            var entry = isAsked ? await _catalog.LoadAsync(folder.ToEntry(), token) : folder.ToEntry();
            if (entry is not null) loaded.Add(new WatchedBackup { Entry = entry, StoredAt = folder.CommittedAt!.Value, IsWhole = entry.Manifest is null || folder.Holds(entry.Manifest), StoredBytes = Stored(folder, entry.Manifest) });
        });
        return [.. loaded];
    }

    // Only the manifest names the attempt that counts; without it, the largest one that is there.
    private static long Stored(BackupFolder folder, Manifest? manifest) => manifest is not null
        ? folder.Attempts.GetValueOrDefault(manifest.Attempt)?.Bytes ?? 0
        : folder.Attempts.Values.Select(a => a.Bytes).DefaultIfEmpty().Max();

    private static int Group(Tier tier) => tier switch
    {
        Tier.Incremental => 0,
        Tier.PreDeploy => 1,
        Tier.Manual => 2,
        _ => 3,
    };

    private static IEnumerable<Orphan> Orphans(VaultScan scan, IReadOnlyList<WatchedBackup> backups)
    {
        var manifests = backups.ToDictionary(b => b.Entry.Prefix, StringComparer.Ordinal);
        foreach (var folder in scan.Folders.Where(f => !f.HasTombstone))
        {
            manifests.TryGetValue(folder.Prefix, out var backup);
            if (folder.IsBackup && backup?.Manifest is null) continue; // which attempt is the backup's is not known
            foreach (var (name, attempt) in folder.Attempts.Where(a => a.Key != backup?.Manifest?.Attempt))
                yield return new Orphan($"{folder.Prefix}{name}/", folder.Id.Database, attempt);
        }
    }

    private async Task<(IReadOnlyList<BackupId>, IReadOnlyDictionary<BackupId, string>)> RelockAsync(IReadOnlyList<WatchedBackup> backups, CancellationToken cancel)
    {
        var (done, failed) = (new List<BackupId>(), new Dictionary<BackupId, string>());
        await ObjectLock.RepairAsync(request.Vault, backups.Select(b => b.Entry), clock, (id, problem) =>
        {
            if (problem is null) done.Add(id);
            else failed[id] = problem.Message;
        }, cancel);
        return (done, failed);
    }

    private async Task<IReadOnlyList<TouchedObject>> TouchedAsync(IVersionedVault vault, IReadOnlyList<WatchedBackup> backups, CancellationToken cancel)
    {
        var attempts = backups.Where(b => b.Manifest is not null).ToDictionary(b => b.Entry.Prefix, b => b.Manifest!.Attempt, StringComparer.Ordinal);
        var reader = new VersionReader(attempts);
        foreach (var prefix in Prefixes)
            await foreach (var version in vault.ListVersionsAsync(prefix, cancel)) reader.Add(version);
        return reader.Finish();
    }

    private async Task<CopyFacts> CopyAsync(IVault copy, CancellationToken cancel)
    {
        try
        {
            var scan = await VaultScan.ReadAsync(copy, Prefixes, cancel);
            return new CopyFacts { Name = copy.Name, Backups = scan.Folders.Where(f => f.IsBackup).Select(f => f.Id.ToString()).ToHashSet(StringComparer.Ordinal) };
        }
        catch (BackupException e)
        {
            return new CopyFacts { Name = copy.Name, Problem = e.Message };
        }
    }
}
