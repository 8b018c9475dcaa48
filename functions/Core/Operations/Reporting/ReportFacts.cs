using Backup.Core.Catalog;
using Backup.Core.Model;
using Backup.Core.Operations.Drills;
using Backup.Core.Policies;

namespace Backup.Core.Operations.Reporting;

/// <summary>How the vault still knows of a backup, from the most that it can know to the least.</summary>
public enum KnownBy
{
    /// <summary>Size, rows and times are known.</summary>
    Manifest,

    /// <summary>It has expired: tier and time are known.</summary>
    Tombstone,

    /// <summary>Everything of it is gone: only the evidence trail says that it was committed.</summary>
    Trail,
}

/// <summary>One backup or increment that was committed.</summary>
public sealed record KnownBackup
{
    public required BackupId Id { get; init; }
    public required KnownBy Source { get; init; }

    /// <summary>Null when only the trail knows it.</summary>
    public Tier? Tier { get; init; }
    public Manifest? Manifest { get; init; }

    /// <summary>Why it cannot be restored from although it has not expired: unreadable, incomplete, or its manifest was taken away.</summary>
    public FindingCode? Damage { get; init; }
    public string? Problem { get; init; }

    /// <summary>When the vault stored the manifest, or when the trail says so; null = not known.</summary>
    public DateTimeOffset? StoredAt { get; init; }

    /// <summary>What is known of its proofs, from results and trail.</summary>
    public IReadOnlyList<ResultName> Results { get; init; } = [];

    public DateTimeOffset SnapshotTime => Manifest?.Snapshot.Time ?? Id.Time;

    public DateTimeOffset FinishedAt => Manifest?.FinishedAt ?? StoredAt ?? Id.Time;

    /// <summary>It can, or could until it expired, be restored from, as far as is known today.</summary>
    public bool IsGood => Damage is null && !Results.HasFailed();
}

/// <summary>A verify or drill that ended.</summary>
/// <param name="Drill">What it measured; null for a verify, and when the result has gone with its backup.</param>
public sealed record ProofFact(BackupId Id, ProofKind Kind, Verdict Verdict, DateTimeOffset At, DrillReport? Drill);

/// <summary>What is stored of one backup now.</summary>
/// <param name="IsLocked">Every artifact has its full lock.</param>
/// <param name="HasExpired">It is listed until lifecycle removes it.</param>
/// <param name="Bytes">By storage class.</param>
public sealed record StoredBackup(BackupId Id, Tier Tier, bool IsLocked, bool HasExpired, IReadOnlyDictionary<string, long> Bytes);

/// <summary>What the vault knows of one database.</summary>
public sealed record DatabaseFacts
{
    public required DatabasePolicy Database { get; init; }

    /// <summary>Those of the month and the last ones before it, oldest first; increments too.</summary>
    public required IReadOnlyList<KnownBackup> Backups { get; init; }

    /// <summary>Of the month, oldest first.</summary>
    public required IReadOnlyList<ProofFact> Proofs { get; init; }
    public required IReadOnlyList<StoredBackup> Stored { get; init; }

    /// <summary>Entries of the month.</summary>
    public required EvidenceChain Trail { get; init; }

    /// <summary>The earliest sign of this database in the vault; null = there is none.</summary>
    public DateTimeOffset? Began { get; init; }

    /// <summary>How many expired in the month, as far as tombstones and trail say.</summary>
    public int Expired { get; init; }

    /// <summary>The lock of the newest whole backup; null without one.</summary>
    public LockPromise? NewestLock { get; init; }
}

/// <summary>What the second vault holds.</summary>
/// <param name="Problem">Why it could not be read, or null.</param>
public sealed record CopyStored(string Name, IReadOnlyList<StoredBackup> Stored, string? Problem);

/// <summary>Everything that a report is made of. The report is a pure function of this.</summary>
public sealed record ReportFacts
{
    public required Policy Policy { get; init; }
    public required string Vault { get; init; }
    public required ReportMonth Month { get; init; }
    public required DateTimeOffset Now { get; init; }
    public required IReadOnlyList<DatabaseFacts> Databases { get; init; }
    public CopyStored? Copy { get; init; }
    public AccessFacts? Access { get; init; }
}
