using Backup.Core.Model;
using Backup.Core.Operations.Serving;
using Backup.Core.Operations.Watching;
using Backup.Core.Policies;

namespace Backup.Core.Operations.Status;

/// <summary>How a database stands for somebody who looks at the page.</summary>
public enum Standing
{
    Safe,

    /// <summary>Safe by what the vault holds, but the last run failed.</summary>
    Failing,
    AtRisk,

    /// <summary>Nobody has looked, or not lately.</summary>
    Unknown,
}

/// <summary>A service at one moment: what the page, the health check and the figures are made of. Holds no secret.</summary>
public sealed record ServiceStatus
{
    /// <summary>A look at the vault that is older says nothing about now.</summary>
    public static readonly TimeSpan LongestUnwatched = TimeSpan.FromHours(2);

    public required DateTimeOffset Now { get; init; }
    public required DateTimeOffset StartedAt { get; init; }
    public required Policy Policy { get; init; }
    public required string Vault { get; init; }
    public string? Copy { get; init; }

    /// <summary>The newest look at the vault, judged now; null before the first.</summary>
    public WatchLook? Look { get; init; }
    public DateTimeOffset? LookedAt { get; init; }
    public IReadOnlyList<RunningWork> Running { get; init; } = [];
    public IReadOnlyList<Work> Waiting { get; init; } = [];

    /// <summary>The next time of everything that happens by the clock, soonest first.</summary>
    public IReadOnlyList<Work> Planned { get; init; } = [];

    /// <summary>What has ended, newest first.</summary>
    public IReadOnlyList<WorkRecord> Records { get; init; } = [];
    public IReadOnlyList<WorkCount> Counts { get; init; } = [];

    /// <summary>The page offers buttons.</summary>
    public bool AllowsActions { get; init; }

    /// <summary>The clock that starts works runs.</summary>
    public bool IsScheduling { get; init; } = true;

    /// <summary>False too for a look that lies ahead: the clock was wrong then or is now.</summary>
    public bool IsCurrent => LookedAt is { } at && Now - at < LongestUnwatched && at - Now < DatabaseHistory.ClockTolerance;

    /// <summary>Null = well; else one line that says what is not.</summary>
    public string? Illness => this switch
    {
        { IsScheduling: false } => "the scheduler does not run",
        { LookedAt: null } => "no look at the vault has ended yet",
        { IsCurrent: false } => $"the last look at the vault was at {UtcText.Minutes(LookedAt!.Value)}",
        { Look.Facts: null } => "the vault could not be read",
        _ => null,
    };

    /// <summary>Of every database of the policy, in its order.</summary>
    public IReadOnlyList<DatabaseStatus> Databases => [.. Policy.Databases.Select(d => Of(d.Name))];

    public DatabaseStatus Of(string database)
    {
        var state = Look?.Report.Databases.FirstOrDefault(d => d.Database == database);
        var failures = Counts.Where(c => c.Database == database && c.Last.Result.Outcome == WorkOutcome.Failed).Select(c => c.Last).OrderByDescending(r => r.EndedAt).ToList();
        return new DatabaseStatus
        {
            Name = database,
            State = state,
            Failures = failures,
            Standing = state is null || !IsCurrent ? Standing.Unknown
                : !state.Safe ? Standing.AtRisk
                : failures.Exists(f => f.Work.Kind == WorkKind.Backup) ? Standing.Failing : Standing.Safe,
            Next = Planned.FirstOrDefault(w => w.Database == database && w.Kind == WorkKind.Backup)?.ScheduledTime,
        };
    }

    /// <summary>Backups without increments, by database, newest first, as the last look saw them.</summary>
    public ILookup<string, WatchedBackup> Backups() =>
        (Look?.Facts?.Backups ?? []).Where(b => b.Entry.Tier != Tier.Incremental).Reverse().ToLookup(b => b.Id.Database, StringComparer.Ordinal);
}

/// <summary>One database on the page.</summary>
public sealed record DatabaseStatus
{
    public required string Name { get; init; }
    public required Standing Standing { get; init; }

    /// <summary>Null before the first look.</summary>
    public DatabaseState? State { get; init; }

    /// <summary>Works of which the last one failed, newest first.</summary>
    public IReadOnlyList<WorkRecord> Failures { get; init; } = [];
    public DateTimeOffset? Next { get; init; }
}
