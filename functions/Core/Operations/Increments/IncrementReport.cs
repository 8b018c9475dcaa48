using Backup.Core.Model;

namespace Backup.Core.Operations.Increments;

public enum IncrementOutcome
{
    Committed,

    /// <summary>This id is committed already: nothing to do.</summary>
    AlreadyDone,

    /// <summary>Another increment of this database is being made; the next one starts where the last one ended, so nothing is lost.</summary>
    AlreadyRunning,

    /// <summary>No table's time has come.</summary>
    NothingDue,
}

public sealed record IncrementReport
{
    public required IncrementOutcome Outcome { get; init; }
    public required BackupId Id { get; init; }
    public Manifest? Manifest { get; init; }
    public string? Prefix { get; init; }

    /// <summary>Tables that could not be copied while others were: each is a failure of this run. They are findings of the manifest too.</summary>
    public IReadOnlyList<Finding> Failures => [.. (Manifest?.Findings ?? []).Where(f => f.Code == ErrorCode.SourceTable.Name)];
}
