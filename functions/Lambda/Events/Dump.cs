using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Lambda.Hosting;

namespace Backup.Lambda.Events;

/// <summary>Make one backup of one database.</summary>
public sealed record DumpEvent
{
    public string? Database { get; init; }

    /// <summary>scheduled, manual or pre-deploy.</summary>
    public string? Kind { get; init; }

    /// <summary>The schedule's own time; it makes the id. Scheduled runs only, and there required.</summary>
    public string? ScheduledTime { get; init; }

    /// <summary>What the caller calls this run; repeated calls with the same one make one backup. Not of scheduled runs.</summary>
    public string? RequestId { get; init; }

    /// <summary>The release that the backup precedes.</summary>
    public string? Commit { get; init; }
    public string? Ref { get; init; }

    /// <summary>True in the task that took the run over: nobody hands it over again.</summary>
    public bool HandedOver { get; init; }
}

/// <summary>How a dump ended.</summary>
public sealed record DumpResult
{
    public const string Committed = "committed";
    public const string NothingToDo = "nothing to do";
    public const string Skipped = "skipped";
    public const string HandedOver = "handed over";
    public const string Failed = "failed";

    /// <summary>One of the five words above.</summary>
    public required string Outcome { get; init; }
    public string? Id { get; init; }
    public Tier? Tier { get; init; }
    public long? StoredBytes { get; init; }
    public long? RawBytes { get; init; }
    public long? Rows { get; init; }
    public int? Tables { get; init; }
    public double? Seconds { get; init; }
    public IReadOnlyList<Finding>? Findings { get; init; }

    /// <summary>Why it was skipped or handed over.</summary>
    public string? Reason { get; init; }

    /// <summary>ARN of the task that has it now.</summary>
    public string? Task { get; init; }
    public Failure? Error { get; init; }

    public static DumpResult Fail(Failure failure) => new() { Outcome = Failed, Error = failure };

    public static DumpResult Of(RunReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        var m = report.Manifest;
        return new DumpResult
        {
            Outcome = report.Outcome switch { RunOutcome.Committed => Committed, RunOutcome.AlreadyDone => NothingToDo, _ => Skipped },
            Reason = report.Outcome switch { RunOutcome.AlreadyDone => "it is committed already", RunOutcome.AlreadyRunning => "it is running already", _ => null },
            Id = report.Id.ToString(),
            Tier = m?.Tier,
            StoredBytes = m?.Totals.StoredBytes,
            RawBytes = m?.Totals.RawBytes,
            Rows = m?.Totals.Rows,
            Tables = m?.Totals.Tables,
            Seconds = m is null ? null : Math.Round((m.FinishedAt - m.StartedAt).TotalSeconds, 1),
            Findings = m?.Findings,
        };
    }
}
