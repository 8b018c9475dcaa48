using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Core.Operations.Drills;
using Backup.Lambda.Hosting;

namespace Backup.Lambda.Events;

/// <summary>Prove that one backup is whole.</summary>
public sealed record VerifyEvent
{
    public string? Database { get; init; }

    /// <summary>latest, an id, or a UTC time. latest when it is not said.</summary>
    public string? Backup { get; init; }

    /// <summary>checksum, archive, or restore, which is a drill with the policy's checks. checksum when it is not said.</summary>
    public string? Level { get; init; }

    /// <summary>The schedule's own time, for the log.</summary>
    public string? ScheduledTime { get; init; }

    /// <summary>True in the task that took the proof over.</summary>
    public bool HandedOver { get; init; }
}

public sealed record VerifyEventResult
{
    public const string Passed = "passed";
    public const string Different = "different";
    public const string CouldNotVerify = "could not verify";
    public const string HandedOver = "handed over";
    public const string Failed = "failed";

    public required string Outcome { get; init; }
    public string? Id { get; init; }
    public VerifyLevel? Level { get; init; }
    public int? Objects { get; init; }
    public long? StoredBytes { get; init; }
    public double? Seconds { get; init; }

    /// <summary>Drills: whether the promised recovery time was kept.</summary>
    public bool? RtoMet { get; init; }
    public IReadOnlyList<Finding>? Findings { get; init; }
    public string? Reason { get; init; }
    public string? Task { get; init; }
    public Failure? Error { get; init; }

    public static VerifyEventResult Fail(Failure failure) => new() { Outcome = Failed, Error = failure };

    public static VerifyEventResult Of(VerifyResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        return new VerifyEventResult
        {
            Outcome = Word(result.Verdict),
            Id = result.Id,
            Level = result.Level,
            Objects = result.Objects,
            StoredBytes = result.StoredBytes,
            Seconds = result.Seconds,
            Findings = result.Findings,
        };
    }

    public static VerifyEventResult Of(DrillReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        return new VerifyEventResult
        {
            Outcome = Word(report.Verdict),
            Id = report.Id,
            Level = VerifyLevel.Restore,
            StoredBytes = report.Backup.StoredBytes,
            Seconds = report.Seconds.Total,
            RtoMet = report.Rto?.Met,
            Findings = report.Findings,
        };
    }

    private static string Word(Verdict verdict) => verdict switch { Verdict.Pass => Passed, Verdict.Fail => Different, _ => CouldNotVerify };
}
