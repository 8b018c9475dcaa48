using Backup.Core.Catalog;
using Backup.Core.Model;
using Backup.Core.Operations.Drills;
using Backup.Core.Policies;
using Backup.Core.Storage;

namespace Backup.Core.Operations.Reporting;

/// <summary>Gathers the facts of a month: one listing, the manifests of the month and the last ones before it, the drills and the trail of the month.</summary>
internal sealed class ReportReader(MonthlyReportRequest request, DateTimeOffset now)
{
    private const int ReadAhead = 16;

    /// <summary>So many backups before the month are looked at for the last good one that had ended by then.</summary>
    private const int MostBefore = 10;

    private static readonly TimeSpan _leastLookBack = TimeSpan.FromDays(7);

    private readonly BackupCatalog _catalog = new(request.Vault);
    private readonly string _environment = request.Policy.Environment;

    public async Task<ReportFacts> ReadAsync(CancellationToken cancel)
    {
        var databases = new List<DatabaseFacts>();
        foreach (var database in request.Databases) databases.Add(await ReadAsync(database, cancel));
        return new ReportFacts
        {
            Policy = request.Policy,
            Vault = request.Vault.Name,
            Month = request.Month,
            Now = now,
            Databases = databases,
            Copy = request.Copy is { } copy ? await CopyAsync(copy, cancel) : null,
            Access = request.AccessLog is { } log ? await new AccessLog(log, request.Vault.Name).ReadAsync(_environment, request.Month, cancel) : null,
        };
    }

    private async Task<DatabaseFacts> ReadAsync(DatabasePolicy database, CancellationToken cancel)
    {
        var month = request.Month;
        var scan = await VaultScan.ReadAsync(request.Vault, VaultKeys.DatabasePrefixes(_environment, database.Name), cancel);
        var committed = scan.Folders.Where(f => f.IsBackup || f.HasTombstone || f.LostItsManifest).OrderBy(f => f.Id.Time).ToList();
        var gap = database.Schedule is { } text ? Schedule.Parse(text).LargestGap * 2 : TimeSpan.Zero;
        // What spills over the edges: the last backup before the month may be known from the trail alone, the last of the month may end after it.
        var trail = await new EvidenceTrail(request.Vault, _environment, database.Name)
            .ReadAsync(month.From - (gap > _leastLookBack ? gap : _leastLookBack), month.Until + _leastLookBack, cancel);
        var entries = trail.Items.Select(i => i.Entry).OfType<Evidence>().ToList();
        var proofs = ProofsOf(committed, entries);

        var read = new List<KnownBackup>();
        await Parallel.ForEachAsync(committed.Where(f => month.Holds(f.Id.Time)), new ParallelOptions { MaxDegreeOfParallelism = ReadAhead, CancellationToken = cancel }, async (folder, token) =>
        {
            var known = await KnowAsync(folder, proofs, token);
            lock (read) read.Add(known);
        });
        foreach (var folder in committed.Where(f => !f.Id.IsIncrement && f.Id.Time < month.From).Reverse().Take(MostBefore))
        {
            read.Add(await KnowAsync(folder, proofs, cancel));
            if (read[^1] is { IsGood: true } last && last.FinishedAt <= month.From) break;
        }

        // An increment's time is in its id; the last one before the month closes the gap over its edge.
        if (committed.LastOrDefault(f => f.Id.IsIncrement && f.Id.Time < month.From) is { } increment) read.Add(await KnowAsync(increment, proofs, cancel));
        var ids = committed.Select(f => f.Id.ToString()).ToHashSet(StringComparer.Ordinal);
        read.AddRange(FromTrail(entries.Where(e => e.Verb is "run" or "incremental"), proofs).Where(b => !ids.Contains(b.Id.ToString()) && b.Id.Time < month.Until));

        var expired = committed.Where(f => f.ExpiredAt is { } at && month.Holds(at)).Select(f => f.Id.ToString())
            .Union(entries.Where(e => e.Verb == "prune" && month.Holds(e.At)).SelectMany(e => e.On), StringComparer.Ordinal).Count();
        return new DatabaseFacts
        {
            Database = database,
            Backups = [.. read.OrderBy(b => b.Id.Time).ThenBy(b => b.Id.IsIncrement)],
            Proofs = await MeasureAsync(committed, proofs, cancel),
            Stored = [.. scan.Folders.Where(f => f.CommittedAt is not null || f.HasTombstone).Select(ToStored)],
            Trail = trail with { Items = [.. trail.Items.Where(i => i.Entry is null || month.Holds(i.Entry.At))] },
            Began = committed.Select(f => (DateTimeOffset?)f.Id.Time).Append(trail.Began).Min(),
            Expired = expired,
            NewestLock = await NewestLockAsync(committed, cancel),
        };
    }

    private async Task<LockPromise?> NewestLockAsync(IReadOnlyList<BackupFolder> committed, CancellationToken cancel)
    {
        foreach (var folder in committed.Where(f => f is { IsBackup: true, Id.IsIncrement: false }).Reverse())
            if ((await _catalog.LoadAsync(folder.ToEntry(), cancel))?.Manifest is { } newest) return newest.Lock;
        return null;
    }

    private async Task<KnownBackup> KnowAsync(BackupFolder folder, ILookup<string, ResultName> proofs, CancellationToken cancel)
    {
        var known = new KnownBackup
        {
            Id = folder.Id,
            Source = folder.HasTombstone ? KnownBy.Tombstone : KnownBy.Manifest,
            Tier = folder.Tier,
            StoredAt = folder.CommittedAt,
            Results = [.. proofs[folder.Id.ToString()]],
        };
        if (folder.LostItsManifest)
            return known with { Damage = FindingCode.BackupHidden, Problem = "its lock or results are there, and no manifest" };
        if (folder.Id.IsIncrement || folder.CommittedAt is null) return known; // of increments only times are asked for
        if (await _catalog.LoadAsync(folder.ToEntry(), cancel) is not { } entry) return known with { Source = KnownBy.Trail };
        // What has expired is on its way out: that parts are missing says nothing.
        if (folder.HasTombstone) return known with { Manifest = entry.Manifest, Source = entry.Manifest is null ? KnownBy.Tombstone : KnownBy.Manifest };
        if (entry.Manifest is null) return known with { Damage = FindingCode.BackupUnreadable, Problem = entry.Problem };
        return folder.Holds(entry.Manifest)
            ? known with { Manifest = entry.Manifest }
            : known with { Manifest = entry.Manifest, Damage = FindingCode.BackupIncomplete, Problem = "objects that it names are missing or have another size" };
    }

    /// <summary>Every proof that is known, by backup: results beside it, and, where these have gone with it, the trail.</summary>
    private static ILookup<string, ResultName> ProofsOf(IReadOnlyList<BackupFolder> folders, IReadOnlyList<Evidence> entries)
    {
        var beside = folders.SelectMany(f => f.ToEntry().Results.Select(r => (Id: f.Id.ToString(), Result: r))).ToList();
        var here = beside.Select(b => b.Id).ToHashSet(StringComparer.Ordinal);
        var told = entries.SelectMany(e => e.On.Select(id => (Id: id, Result: ToResult(e)))).Where(p => p.Result is not null && !here.Contains(p.Id)).Select(p => (p.Id, p.Result!));
        return beside.Concat(told).OrderBy(p => p.Item2.At).ToLookup(p => p.Item1, p => p.Item2, StringComparer.Ordinal);
    }

    private static ResultName? ToResult(Evidence e) =>
        Words.TryParse<ProofKind>(e.Verb, out var kind) && Words.TryParse<Verdict>(e.Result, out var verdict) ? new ResultName(kind, verdict, e.At) : null;

    private static IEnumerable<KnownBackup> FromTrail(IEnumerable<Evidence> runs, ILookup<string, ResultName> proofs)
    {
        foreach (var (text, at) in runs.Where(e => e.Result == "committed").SelectMany(e => e.On.Select(id => (id, e.At))).DistinctBy(r => r.id))
            if (BackupId.TryParse(text, out var id)) yield return new KnownBackup { Id = id, Source = KnownBy.Trail, StoredAt = at, Results = [.. proofs[text]] };
    }

    private async Task<IReadOnlyList<ProofFact>> MeasureAsync(IReadOnlyList<BackupFolder> folders, ILookup<string, ResultName> proofs, CancellationToken cancel)
    {
        var places = folders.DistinctBy(f => f.Id).ToDictionary(f => f.Id.ToString(), StringComparer.Ordinal);
        var facts = new List<ProofFact>();
        foreach (var group in proofs)
        {
            foreach (var result in group.Where(r => request.Month.Holds(r.At)))
            {
                if (!BackupId.TryParse(group.Key, out var id)) continue;
                DrillReport? drill = null;
                if (result.Kind == ProofKind.Drill && places.TryGetValue(group.Key, out var place) && place.ToEntry().Results.Contains(result))
                    drill = VerifyResults.TryReadDrill(await _catalog.ReadObjectAsync(result.Key(place.Prefix), cancel));
                facts.Add(new ProofFact(id, result.Kind, result.Verdict, result.At, drill));
            }
        }

        return [.. facts.OrderBy(f => f.At)];
    }

    private async Task<CopyStored> CopyAsync(IVault copy, CancellationToken cancel)
    {
        try
        {
            var stored = new List<StoredBackup>();
            foreach (var database in request.Databases)
            {
                var scan = await VaultScan.ReadAsync(copy, VaultKeys.DatabasePrefixes(_environment, database.Name), cancel);
                stored.AddRange(scan.Folders.Where(f => f.CommittedAt is not null || f.HasTombstone).Select(ToStored));
            }

            return new CopyStored(copy.Name, stored, null);
        }
        catch (BackupException e)
        {
            return new CopyStored(copy.Name, [], e.Message);
        }
    }

    private static StoredBackup ToStored(BackupFolder folder) => new(folder.Id, folder.Tier, folder.IsLocked, folder.HasTombstone, folder.Bytes);
}
