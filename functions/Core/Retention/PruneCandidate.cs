using Backup.Core.Model;
using Backup.Core.Policies;

namespace Backup.Core.Retention;

/// <summary>A backup as far as retention needs it.</summary>
public sealed record PruneCandidate
{
    public required BackupId Id { get; init; }
    public required Tier Tier { get; init; }

    /// <summary>The source server's clock at the snapshot: a second witness beside the machine that gave the id. Null when the manifest cannot be read.</summary>
    public DateTimeOffset? SnapshotTime { get; init; }

    /// <summary>Why the manifest cannot be read.</summary>
    public string? Problem { get; init; }
    public DateTimeOffset? LockedUntil { get; init; }

    /// <summary>Of an increment: the id of the full backup that it builds on. Null: the newest one before it.</summary>
    public string? BaseId { get; init; }
    public IReadOnlyList<ResultName> Results { get; init; } = [];

    /// <summary>Where the two clocks differ, the earlier one says how fresh it is, the later one how old: either way less expires.</summary>
    internal DateTimeOffset Earliest => SnapshotTime < Id.Time ? SnapshotTime.Value : Id.Time;

    internal DateTimeOffset Latest => SnapshotTime > Id.Time ? SnapshotTime.Value : Id.Time;

    internal bool IsIncrement => Tier == Tier.Incremental;
}

/// <summary>What the policy says about one database.</summary>
/// <param name="Retention">Ages and the floor.</param>
/// <param name="Schedule">Null for a database that is backed up on demand.</param>
/// <param name="Drill">Null when the policy asks for no drills.</param>
public sealed record PruneRules(RetentionPolicy Retention, Schedule? Schedule, Schedule? Drill);

/// <param name="Backup">What the decision is about.</param>
/// <param name="Age">By the clock.</param>
/// <param name="Keep">False: it expires.</param>
/// <param name="Reason">One sentence, always given.</param>
public sealed record PruneDecision(PruneCandidate Backup, TimeSpan Age, bool Keep, string Reason);
