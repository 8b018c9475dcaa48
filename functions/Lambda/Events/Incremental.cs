using Backup.Core.Model;
using Backup.Core.Operations.Increments;
using Backup.Lambda.Hosting;

namespace Backup.Lambda.Events;

/// <summary>Copy the rows of critical tables that appeared or changed since the last increment.</summary>
public sealed record IncrementalEvent
{
    public string? Database { get; init; }

    /// <summary>incremental; may be left out.</summary>
    public string? Kind { get; init; }

    /// <summary>The schedule's own time: the tables that are due then. Without it all critical tables.</summary>
    public string? ScheduledTime { get; init; }

    /// <summary>True in the task that took the run over.</summary>
    public bool HandedOver { get; init; }
}

public sealed record IncrementalResult
{
    public const string Committed = "committed";
    public const string NothingToDo = "nothing to do";
    public const string Skipped = "skipped";
    public const string HandedOver = "handed over";
    public const string Failed = "failed";

    public required string Outcome { get; init; }
    public string? Id { get; init; }

    /// <summary>The backup that it completes.</summary>
    public string? Base { get; init; }
    public int? Tables { get; init; }
    public long? StoredBytes { get; init; }
    public long? Rows { get; init; }
    public double? Seconds { get; init; }

    /// <summary>Tables that could not be copied are among them; their outcome is "failed" although the others are safe.</summary>
    public IReadOnlyList<Finding>? Findings { get; init; }
    public string? Reason { get; init; }
    public string? Task { get; init; }
    public Failure? Error { get; init; }

    public static IncrementalResult Fail(Failure failure) => new() { Outcome = Failed, Error = failure };

    public static IncrementalResult Of(IncrementReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        var m = report.Manifest;
        return new IncrementalResult
        {
            Outcome = report switch
            {
                { Outcome: IncrementOutcome.Committed, Failures.Count: > 0 } => Failed,
                { Outcome: IncrementOutcome.Committed } => Committed,
                { Outcome: IncrementOutcome.AlreadyRunning } => Skipped,
                _ => NothingToDo,
            },
            Reason = report.Outcome switch
            {
                IncrementOutcome.AlreadyDone => "it is committed already",
                IncrementOutcome.AlreadyRunning => "another increment is running; the next one starts where it ends",
                IncrementOutcome.NothingDue => "no table's time has come",
                _ => null,
            },
            Id = report.Id.ToString(),
            Base = m?.Increment?.Base,
            Tables = m?.Totals.Tables,
            StoredBytes = m?.Totals.StoredBytes,
            Rows = m?.Totals.Rows,
            Seconds = m is null ? null : Math.Round((m.FinishedAt - m.StartedAt).TotalSeconds, 1),
            Findings = m?.Findings,
        };
    }
}
