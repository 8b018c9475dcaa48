using Backup.Core.Model;

namespace Backup.Core.Operations.Serving;

/// <summary>What a service does.</summary>
public enum WorkKind
{
    Backup,
    Increment,
    Drill,
    Verify,
    Prune,
    Sync,
    Watch,
}

/// <summary>One thing to do.</summary>
/// <param name="Kind">What.</param>
/// <param name="Database">Null for a watch, which looks at all of them.</param>
/// <param name="ScheduledTime">The schedule's own time; null when a person or another work asked for it.</param>
public sealed record Work(WorkKind Kind, string? Database = null, DateTimeOffset? ScheduledTime = null)
{
    /// <summary>
    /// Works of one lane are done one after the other. Increments have a lane of their own, since a backup may take hours and they are made to run beside it;
    /// a watch waits for nobody.
    /// </summary>
    public string Lane => Kind switch
    {
        WorkKind.Watch => "watch",
        WorkKind.Increment => $"increments of {Database}",
        _ => $"work on {Database}",
    };

    /// <summary>Reads or writes whole databases: only a few such works run side by side.</summary>
    public bool IsHeavy => Kind is not (WorkKind.Watch or WorkKind.Increment);

    /// <summary>The same wish, for this time or another.</summary>
    public bool IsLike(Work other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return Kind == other.Kind && Database == other.Database && ScheduledTime is null == other.ScheduledTime is null;
    }

    public override string ToString() => Database is null ? Words.Of(Kind) : $"{Words.Of(Kind)} of {Database}";
}

public enum WorkOutcome
{
    Done,

    /// <summary>There was nothing to do, or another process does it.</summary>
    Nothing,
    Failed,

    /// <summary>The service was stopped.</summary>
    Stopped,
}

/// <summary>How a work ended: a sentence for people, and after a failure what to do.</summary>
/// <param name="Code">Name of the error or finding; null unless it failed.</param>
public sealed record WorkResult(WorkOutcome Outcome, string Sentence, string? NextStep = null, string? Code = null)
{
    /// <summary>Of a defect: everything that is known, for the log.</summary>
    public string? Detail { get; init; }

    public static WorkResult Of(BackupException e)
    {
        ArgumentNullException.ThrowIfNull(e);
        return new WorkResult(WorkOutcome.Failed, e.Message, e.NextStep, e.Code.Name);
    }

    public static WorkResult Of(Finding finding)
    {
        ArgumentNullException.ThrowIfNull(finding);
        return new WorkResult(WorkOutcome.Failed, finding.Sentence, finding.NextStep, finding.Code);
    }
}

/// <summary>A work that has ended.</summary>
public sealed record WorkRecord(Work Work, DateTimeOffset StartedAt, DateTimeOffset EndedAt, WorkResult Result)
{
    public TimeSpan Duration => EndedAt - StartedAt;
}

/// <summary>A work that is being done.</summary>
/// <param name="Step">What it does right now, one line.</param>
public sealed record RunningWork(Work Work, DateTimeOffset StartedAt, string Step);

/// <summary>How often one kind of work on one database ended how, since the service started, and the last end that says something.</summary>
public sealed record WorkCount(WorkKind Kind, string? Database, int Succeeded, int Failed, WorkRecord Last);
