using Backup.Core.Model;

namespace Backup.Core.Operations.Drills;

/// <summary>What one drill found: a write-once object beside the manifest, and what the HTML page shows. Documented in docs/FORMAT.md.</summary>
public sealed record DrillReport
{
    public const int CurrentVersion = 1;

    public required int SchemaVersion { get; init; }
    public required string Id { get; init; }
    public required Verdict Verdict { get; init; }
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>The end.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>user@host of the process.</summary>
    public required string Operator { get; init; }
    public required BackupFacts Backup { get; init; }
    public required DrillSeconds Seconds { get; init; }
    public RtoResult? Rto { get; init; }

    /// <summary>Of a drill of increments: the tables that they brought forward.</summary>
    public IReadOnlyList<IncrementedTable> Increments { get; init; } = [];

    /// <summary>Every table of the manifest that was compared, by name. Empty when it did not come to that.</summary>
    public IReadOnlyList<TableComparison> Tables { get; init; } = [];
    public IReadOnlyList<SequenceComparison> Sequences { get; init; } = [];
    public LargeObjectComparison? LargeObjects { get; init; }
    public IReadOnlyList<ViewComparison> MaterializedViews { get; init; } = [];
    public ConstraintFacts? Constraints { get; init; }

    /// <summary>The policy's SQL, applied after the comparison and before the checks; null when there is none, or it failed.</summary>
    public AfterRestoreResult? AfterRestore { get; init; }
    public IReadOnlyList<CheckResult> Checks { get; init; } = [];
    public required IReadOnlyList<Finding> Findings { get; init; }

    /// <summary>What a PASS does not say anything about.</summary>
    public required IReadOnlyList<NotProven> NotProven { get; init; }
    public required DrillMachine Machine { get; init; }
}

/// <summary>The backup in short. All but database and environment are null when its manifest cannot be read.</summary>
public sealed record BackupFacts
{
    public required string Database { get; init; }
    public required string Key { get; init; }
    public required Tier Tier { get; init; }
    public string? Environment { get; init; }
    public BackupKind? Kind { get; init; }
    public DateTimeOffset? SnapshotTime { get; init; }
    public string? ServerVersion { get; init; }
    public long? DatabaseBytes { get; init; }
    public long? StoredBytes { get; init; }
    public long? Rows { get; init; }
    public string? ManifestSha256 { get; init; }
}

/// <summary>
/// prepare: server and roles. fetch: what is stored looked at, base archive read. restore: schema and rows, chunks read on the way.
/// index: indexes, keys, constraints. verify: statistics, comparison, erasures, checks.
/// </summary>
public sealed record DrillSeconds(double Prepare, double Fetch, double Restore, double Index, double Verify, double Total);

/// <param name="ObjectiveSeconds">What the policy promises.</param>
/// <param name="Met">The whole drill, from the first step to the last check, took no longer.</param>
public sealed record RtoResult(double ObjectiveSeconds, bool Met);

/// <param name="NotValidated">Constraints that the original had not validated either: a restore leaves them so.</param>
public sealed record ConstraintFacts(int Validated, IReadOnlyList<string> NotValidated);

/// <param name="Answer">Null when there was none.</param>
/// <param name="Expectation">In words.</param>
/// <param name="Reason">Why it is not a pass.</param>
public sealed record CheckResult(string Name, string Question, string? Answer, string Expectation, Verdict Verdict, string? Reason);

public sealed record NotProven(string Subject, string Why);

/// <param name="Isolated">The server was cut off from every network.</param>
public sealed record DrillMachine(string Host, string Backup, string? Postgres, bool? Isolated);
