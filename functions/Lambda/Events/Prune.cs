using Backup.Core.Model;
using Backup.Core.Operations.Pruning;
using Backup.Lambda.Hosting;

namespace Backup.Lambda.Events;

/// <summary>End what retention does not keep, of one database or of all.</summary>
public sealed record PruneEvent
{
    public string? Database { get; init; }

    /// <summary>Say what would happen, change nothing.</summary>
    public bool DryRun { get; init; }

    /// <summary>The schedule's own time, for the log.</summary>
    public string? ScheduledTime { get; init; }
}

public sealed record PruneResult
{
    public const string Done = "done";
    public const string Failed = "failed";

    public required string Outcome { get; init; }
    public IReadOnlyList<PrunedDatabase>? Databases { get; init; }
    public Failure? Error { get; init; }

    public static PruneResult Fail(Failure failure) => new() { Outcome = Failed, Error = failure };
}

/// <summary>Numbers only: reasons are in the log, and in the tombstones of what expired.</summary>
public sealed record PrunedDatabase
{
    public required string Database { get; init; }
    public required bool DryRun { get; init; }
    public required int Expired { get; init; }
    public required int Kept { get; init; }

    /// <summary>Backups whose removal an earlier prune had begun.</summary>
    public required int Finished { get; init; }
    public string? Stopped { get; init; }
    public required IReadOnlyList<Finding> Findings { get; init; }

    public static PrunedDatabase Of(PruneReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        return new PrunedDatabase
        {
            Database = report.Database,
            DryRun = report.DryRun,
            Expired = report.Expired,
            Kept = report.Backups.Count - report.Expired,
            Finished = report.Finished.Count,
            Stopped = report.Stopped,
            Findings = report.Findings,
        };
    }
}
