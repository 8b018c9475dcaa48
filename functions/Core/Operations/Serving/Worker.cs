using System.Globalization;
using Backup.Core.Catalog;
using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Operations.Drills;
using Backup.Core.Operations.Increments;
using Backup.Core.Operations.Pruning;
using Backup.Core.Operations.Syncing;
using Backup.Core.Operations.Watching;
using Backup.Core.Policies;
using Backup.Core.Postgres;
using Backup.Core.Signals;

namespace Backup.Core.Operations.Serving;

/// <summary>Does one work with the operation that the verb of the same name has, and says in a sentence how it ended. Keeps the newest look at the vault.</summary>
internal sealed class Worker(ServiceSettings settings, MachineEnvironment machine, TimeProvider clock, PostgresInstallations installations)
{
    private static readonly TimeSpan _versionsEvery = TimeSpan.FromHours(24);

    private volatile WatchLook? _look;
    private DateTimeOffset? _versionsAt;
    private IReadOnlyList<TouchedObject>? _versions;

    public WatchLook? Look => _look;
    public DateTimeOffset? LookedAt => _look?.Report.At;

    public Task<WorkResult> ExecuteAsync(Work work, IProgress<Progress> progress, CancellationToken cancel) => work.Kind switch
    {
        WorkKind.Backup => BackupAsync(work, progress, cancel),
        WorkKind.Increment => IncrementAsync(work, progress, cancel),
        WorkKind.Drill => DrillAsync(work, progress, cancel),
        WorkKind.Verify => VerifyAsync(work, progress, cancel),
        WorkKind.Prune => PruneAsync(work, progress, cancel),
        WorkKind.Sync => SyncAsync(work, progress, cancel),
        _ => WatchAsync(cancel),
    };

    private async Task<WorkResult> BackupAsync(Work work, IProgress<Progress> progress, CancellationToken cancel)
    {
        var run = new CountedRun(new RunBackup(machine, clock, installations, progress), settings.Metrics, clock);
        var report = await run.ExecuteAsync(Request(work, work.ScheduledTime is null ? BackupKind.Manual : BackupKind.Scheduled), cancel);
        return report switch
        {
            { Outcome: RunOutcome.Committed, Manifest: { } m } => Done($"{report.Id}: {m.Totals.Rows:N0} rows, stored as {Bytes.Text(m.Totals.StoredBytes)}"),
            { Outcome: RunOutcome.AlreadyDone } => Nothing($"{report.Id} is committed already"),
            _ => Nothing($"{report.Id} is being made by another process"),
        };
    }

    private async Task<WorkResult> IncrementAsync(Work work, IProgress<Progress> progress, CancellationToken cancel)
    {
        if (Look?.Facts?.Backups.Any(b => b.Id.Database == work.Database && b.IsComplete) != true) return Nothing("there is no backup yet that an increment could complete");
        var run = new CountedIncrement(new RunIncrement(machine, clock, progress), settings.Metrics, clock);
        var report = await run.ExecuteAsync(Request(work, BackupKind.Incremental), cancel);
        if (report.Failures is [var first, ..]) return new WorkResult(WorkOutcome.Failed, string.Join("; ", report.Failures.Select(f => f.Sentence)), first.NextStep, first.Code);
        return report.Outcome switch
        {
            IncrementOutcome.Committed => Done($"{report.Id}: {report.Manifest!.Totals.Rows:N0} rows of {report.Manifest.Totals.Tables} tables"),
            IncrementOutcome.AlreadyDone => Nothing($"{report.Id} is committed already"),
            IncrementOutcome.NothingDue => Nothing("no critical table is due"),
            _ => Nothing("another increment is being made"),
        };
    }

    private async Task<WorkResult> DrillAsync(Work work, IProgress<Progress> progress, CancellationToken cancel)
    {
        var database = Policy(work);
        var drill = new CountedDrill(new RunDrill(machine, clock, installations, progress), settings.Metrics, clock);
        var report = await drill.ExecuteAsync(new DrillRequest
        {
            Vault = settings.Vault,
            Backup = await LatestAsync(database.Name, cancel),
            Checks = database.Checks,
            AfterRestore = database.AfterRestore,
            IgnoreExtensions = settings.Policy.Drill?.IgnoreExtensions ?? [],
            Rto = settings.Policy.Objectives?.Rto,
            Jobs = database.Jobs,
        }, cancel);
        return Proof(report.Id, report.Verdict, report.Findings, string.Create(CultureInfo.InvariantCulture, $"restored and compared in {report.Seconds.Total:0.0} s"));
    }

    private async Task<WorkResult> VerifyAsync(Work work, IProgress<Progress> progress, CancellationToken cancel)
    {
        var verify = new VerifyBackup(machine, clock, installations, progress, settings.Policy.Drill?.IgnoreExtensions);
        var result = await verify.ExecuteAsync(settings.Vault, await LatestAsync(work.Database!, cancel), VerifyLevel.Archive, record: true, cancel);
        return Proof(result.Id, result.Verdict, result.Findings, $"{result.Objects} objects read to their end");
    }

    private async Task<WorkResult> PruneAsync(Work work, IProgress<Progress> progress, CancellationToken cancel)
    {
        var report = await new PruneBackups(machine, clock, progress).ExecuteAsync(PruneRequest.Of(settings.Policy, work.Database, settings.Vault, dryRun: false).Single(), cancel);
        await settings.Metrics.EmitAsync([new Metric(MetricName.PruneExpired, report.Expired, settings.Policy.Environment, work.Database!, clock.GetUtcNow())], cancel);
        return Done(report.Stopped ?? $"expired {report.Expired} of {report.Backups.Count} backups");
    }

    private async Task<WorkResult> SyncAsync(Work work, IProgress<Progress> progress, CancellationToken cancel)
    {
        var sync = new CountedSync(new SyncVaults(machine, clock, progress), settings.Metrics, clock);
        var report = await sync.ExecuteAsync(new SyncRequest
        {
            From = settings.Vault,
            To = settings.Copy!,
            Environment = settings.Policy.Environment,
            Database = work.Database,
            Lock = settings.Policy.Lock != LockMode.None,
        }, cancel);
        return report.Failed is [var first, ..]
            ? new WorkResult(WorkOutcome.Failed, $"{report.Failed.Count} backups were not copied to {report.To}, the first is {first.Id}: {first.Sentence}", first.NextStep, first.Code)
            : Done($"copied {report.Copied.Count} backups to {report.To}; {report.Present} were there");
    }

    private async Task<WorkResult> WatchAsync(CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        var wantsVersions = _versionsAt is null || now - _versionsAt >= _versionsEvery;
        var look = await new Watch(clock).LookAsync(new WatchRequest
        {
            Policy = settings.Policy,
            Vault = settings.Vault,
            Copy = settings.Copy,
            WithVersions = wantsVersions,
            KnownVersions = _versions,
        }, cancel);
        if (wantsVersions && look.Facts is { } seen) (_versionsAt, _versions) = (now, seen.Touched);
        _look = look;
        await settings.Metrics.EmitAsync(WatchSignals.Metrics(look.Report), cancel);
        if (look.Facts is null) return WorkResult.Of(look.Report.Databases[0].Findings[0]);
        var atRisk = look.Report.Databases.Where(d => !d.Safe).Select(d => d.Database).ToList();
        return Done(atRisk.Count == 0 ? $"all {look.Report.Databases.Count} databases are safe" : $"at risk: {string.Join(", ", atRisk)}");
    }

    private RunRequest Request(Work work, BackupKind kind)
    {
        var database = Policy(work);
        return RunRequest.Of(settings.Policy, database, settings.Sources[database.Name], settings.Vault, kind) with { ScheduledTime = work.ScheduledTime };
    }

    private DatabasePolicy Policy(Work work) => settings.Policy.Databases.Single(d => d.Name == work.Database);

    private async Task<CatalogEntry> LatestAsync(string database, CancellationToken cancel) =>
        BackupSelector.Choose(await new BackupCatalog(settings.Vault).ListAsync(settings.Policy.Environment, database, cancel), "latest", settings.Vault.Name);

    private static WorkResult Proof(string id, Verdict verdict, IReadOnlyList<Finding> findings, string how) => verdict == Verdict.Pass
        ? Done($"{id} passed: {how}")
        : findings.MaxBy(f => f.Severity) is { } worst
            ? new WorkResult(WorkOutcome.Failed, $"{id}: {worst.Sentence}", worst.NextStep, worst.Code)
            : new WorkResult(WorkOutcome.Failed, $"{id}: {Words.Of(verdict)}", "Read the result beside the backup.", (verdict == Verdict.Fail ? FindingCode.DrillFailed : FindingCode.DrillInconclusive).Name);

    private static WorkResult Done(string sentence) => new(WorkOutcome.Done, sentence);

    private static WorkResult Nothing(string sentence) => new(WorkOutcome.Nothing, sentence);
}
