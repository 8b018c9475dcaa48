using Backup.Core.Model;

namespace Backup.Core.Operations.Watching;

/// <summary>How one database stands: what metrics, the status page and JSON show. Times are UTC, ages and lags in hours, absent = not known or not asked for.</summary>
public sealed record DatabaseState
{
    public required string Database { get; init; }

    /// <summary>No critical finding: it can be restored, and nothing is known that says otherwise.</summary>
    public bool Safe => !Findings.Any(f => f.Severity == Severity.Critical);
    public string? Schedule { get; init; }
    public DateTimeOffset? NextBackup { get; init; }
    public required int Backups { get; init; }

    /// <summary>The newest complete backup.</summary>
    public string? LastBackup { get; init; }

    /// <summary>The moment that a restore of it goes back to.</summary>
    public DateTimeOffset? LastBackupAt { get; init; }
    public double? AgeHours { get; init; }
    public double? MaxAgeHours { get; init; }
    public long? StoredBytes { get; init; }
    public long? RawBytes { get; init; }
    public long? Rows { get; init; }
    public double? Seconds { get; init; }

    /// <summary>Percent of the stored bytes against the median of the last seven of the same kind; absent while learning.</summary>
    public double? SizeDeviation { get; init; }
    public IReadOnlyList<string> Missed { get; init; } = [];
    public ProofState? LastVerify { get; init; }
    public ProofState? LastDrill { get; init; }

    /// <summary>Since the newest drill that passed.</summary>
    public double? DrillAgeHours { get; init; }
    public double? IncrementAgeHours { get; init; }
    public double? CopyLagHours { get; init; }

    /// <summary>Worst first.</summary>
    public required IReadOnlyList<Finding> Findings { get; init; }
}

/// <summary>One judgement of everything that a policy protects.</summary>
public sealed record WatchReport
{
    public required string Project { get; init; }
    public required string Environment { get; init; }
    public required string Vault { get; init; }
    public required DateTimeOffset At { get; init; }
    public required IReadOnlyList<DatabaseState> Databases { get; init; }

    /// <summary>About the vault as a whole.</summary>
    public required IReadOnlyList<Finding> Findings { get; init; }

    /// <summary>Codes that this look could not judge, because it did not see what they are about: their absence says nothing.</summary>
    public IReadOnlyList<string> Unjudged { get; init; } = [];

    /// <summary>Nothing is critical.</summary>
    public bool Safe => !All.Any(f => f.Severity == Severity.Critical);

    /// <summary>Nothing is critical and nothing is a warning.</summary>
    public bool Healthy => !All.Any(f => f.Severity != Severity.Info);

    private IEnumerable<Finding> All => Databases.SelectMany(d => d.Findings).Concat(Findings);
}
