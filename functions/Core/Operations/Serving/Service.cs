using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Operations.Status;
using Backup.Core.Operations.Watching;
using Backup.Core.Policies;
using Backup.Core.Postgres;
using Backup.Core.Signals;
using Backup.Core.Storage;

namespace Backup.Core.Operations.Serving;

/// <summary>What a service works with.</summary>
public sealed record ServiceSettings
{
    public required Policy Policy { get; init; }
    public required IVault Vault { get; init; }

    /// <summary>Null = no second copy.</summary>
    public IVault? Copy { get; init; }

    /// <summary>By the name of the database in the policy.</summary>
    public required IReadOnlyDictionary<string, ConnectionTarget> Sources { get; init; }
    public IMetricSink Metrics { get; init; } = new NoMetrics();

    /// <summary>Null = nobody is told.</summary>
    public Messenger? Messenger { get; init; }

    /// <summary>Backups, drills and the like that run side by side.</summary>
    public int Together { get; init; } = 2;
}

/// <summary>
/// A whole policy on one machine, without its clock and its page: what follows from what. A backup is followed by its copy and a look at the vault; a look, by what the
/// vault lacks. Nothing is remembered on disk: the vault says what was done.
/// </summary>
public sealed class Service : IDisposable
{
    /// <summary>For one scheduled time, its own run among them; each look at the vault may bring one.</summary>
    private const int MostAttempts = 3;

    private static readonly TimeSpan _startingUp = TimeSpan.FromHours(1);
    private static readonly TimeSpan _judgedFor = TimeSpan.FromSeconds(30);

    private readonly ServiceSettings _settings;
    private readonly TimeProvider _clock;
    private readonly Action<string> _note;
    private readonly Worker _worker;
    private readonly Workshop _workshop;
    private readonly DateTimeOffset _startedAt;
    private readonly Dictionary<(WorkKind, string?), (DateTimeOffset Time, int Count)> _attempts = [];
    private readonly Lock _gate = new();
    private (WatchLook Of, DateTimeOffset At, WatchLook Judged)? _judged;
    private int _looks;

    /// <param name="note">One line for the log; may be called from several threads.</param>
    public Service(ServiceSettings settings, MachineEnvironment machine, TimeProvider clock, PostgresInstallations installations, Action<string> note)
    {
        ArgumentNullException.ThrowIfNull(settings);
        ArgumentNullException.ThrowIfNull(clock);
        (_settings, _clock, _note, _startedAt) = (settings, clock, note, clock.GetUtcNow());
        _worker = new Worker(settings, machine, clock, installations);
        _workshop = new Workshop(clock, settings.Together, ExecuteAsync, NoteEnd, AfterAsync);
        Plan = ServicePlan.Of(settings.Policy);
    }

    public IReadOnlyList<PlannedWork> Plan { get; }

    public void Ask(Work work) => _workshop.Add(work);

    /// <summary>The first look, and with it whatever the vault lacks.</summary>
    public void Start() => Ask(new Work(WorkKind.Watch));

    public Task IdleAsync() => _workshop.IdleAsync();

    /// <summary>As <see cref="Workshop.CloseAsync"/>.</summary>
    public Task StopAsync(TimeSpan grace, CancellationToken atOnce) => _workshop.CloseAsync(grace, atOnce);

    public ServiceStatus Status()
    {
        var now = _clock.GetUtcNow();
        return new ServiceStatus
        {
            Now = now,
            StartedAt = _startedAt,
            Policy = _settings.Policy,
            Vault = _settings.Vault.Name,
            Copy = _settings.Copy?.Name,
            Look = Judged(now),
            LookedAt = _worker.LookedAt,
            Running = _workshop.Running,
            Waiting = _workshop.Waiting,
            Planned = [.. Plan.Select(p => p.At(p.Times.Next(now))).OrderBy(w => w.ScheduledTime)],
            Records = _workshop.Records,
            Counts = _workshop.Counts,
        };
    }

    public void Dispose()
    {
        _workshop.Dispose();
        _settings.Messenger?.Dispose();
    }

    // Health checks and scrapes come every few seconds, and a judgement of many databases is work.
    private WatchLook? Judged(DateTimeOffset now)
    {
        if (_worker.Look is not { } look) return null;
        lock (_gate)
        {
            if (_judged is not { } known || !ReferenceEquals(known.Of, look) || now - known.At >= _judgedFor || now < known.At) _judged = known = (look, now, look.At(_settings.Policy, now));
            return known.Judged;
        }
    }

    private Task<WorkResult> ExecuteAsync(Work work, IProgress<Progress> progress, CancellationToken cancel)
    {
        if (work.ScheduledTime is { } planned) lock (_gate) _attempts[(work.Kind, work.Database)] = (planned, Attempts(work) + 1);
        _note($"{work}: begins{(work.ScheduledTime is { } time ? $", scheduled for {UtcText.Seconds(time)}" : "")}");
        return _worker.ExecuteAsync(work, progress, cancel);
    }

    private void NoteEnd(WorkRecord record)
    {
        var result = record.Result;
        _note($"{record.Work}: {Words.Of(result.Outcome)}: {result.Sentence}{(result.NextStep is null ? "" : $" [{result.Code}] → {result.NextStep}")}{(result.Detail is null ? "" : $"\n{result.Detail}")}");
    }

    private async Task AfterAsync(WorkRecord record, CancellationToken cancel)
    {
        var (work, result) = (record.Work, record.Result);
        switch (work.Kind)
        {
            case WorkKind.Backup:
                await TellAsync(record, FindingCode.BackupFailed, cancel);
                if (result.Outcome == WorkOutcome.Done && _settings.Copy is not null) Ask(new Work(WorkKind.Sync, work.Database));
                Ask(new Work(WorkKind.Watch));
                break;
            case WorkKind.Sync:
                await TellAsync(record, FindingCode.SyncFailed, cancel);
                Ask(new Work(WorkKind.Watch));
                break;
            case WorkKind.Drill or WorkKind.Verify or WorkKind.Prune:
                Ask(new Work(WorkKind.Watch));
                break;
            case WorkKind.Watch when _worker.Look is { } look:
                if (look.Facts is { } facts && (Interlocked.Increment(ref _looks) == 1 || work.ScheduledTime is not null)) AskForMissing(facts);
                if (_settings.Messenger is { } messenger) await messenger.TellAsync(look.Report, UnderWay(), cancel);
                break;
        }
    }

    /// <summary>The first look and those by the clock: not the ones that follow a run, or a run that fails would follow itself at once.</summary>
    private void AskForMissing(WatchFacts facts)
    {
        foreach (var work in MakeUp.Due(_settings.Policy, facts, _clock.GetUtcNow()))
        {
            lock (_gate) if (Attempts(work) >= MostAttempts) continue;
            Ask(work);
        }
    }

    /// <summary>What a start makes up for. Later, a judge's own patience with running backups is enough, and a run that hangs must not keep anybody from being told.</summary>
    private IReadOnlyCollection<string> UnderWay() => _clock.GetUtcNow() - _startedAt > _startingUp ? []
        : [.. _workshop.Running.Select(r => r.Work).Concat(_workshop.Waiting).Where(w => w.Kind == WorkKind.Backup).Select(w => w.Database!)];

    private int Attempts(Work work) => _attempts.GetValueOrDefault((work.Kind, work.Database)) is var known && known.Time == work.ScheduledTime ? known.Count : 0;

    private async Task TellAsync(WorkRecord record, FindingCode code, CancellationToken cancel)
    {
        // Stopped, or nothing to do, is neither good news nor bad.
        if (_settings.Messenger is not { } messenger || record.Work.Database is not { } database || record.Result.Outcome is not (WorkOutcome.Done or WorkOutcome.Failed)) return;
        var failure = record.Result is { Outcome: WorkOutcome.Failed } failed ? code.On(database, $"the {record.Work} failed: {failed.Sentence}", failed.NextStep ?? "Look at the log.") : null;
        await messenger.TellRunAsync(_settings.Policy.Environment, database, code, failure, cancel);
    }
}
