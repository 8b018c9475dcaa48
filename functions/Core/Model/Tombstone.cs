namespace Backup.Core.Model;

/// <summary>
/// <c>expired.json</c>: the first thing that an expiry writes, and the record that stays when everything else has gone. From then on no reader takes the
/// backup for one.
/// </summary>
public sealed record Tombstone
{
    public required string Id { get; init; }
    public required Tier Tier { get; init; }
    public required DateTimeOffset At { get; init; }

    /// <summary>user@host of the process.</summary>
    public required string Operator { get; init; }

    /// <summary>Why this backup, one sentence.</summary>
    public required string Reason { get; init; }
    public required TombstonePlan Plan { get; init; }

    /// <summary>Every object of the backup at that moment, in the order of removal: the manifest is last.</summary>
    public required IReadOnlyList<string> Keys { get; init; }
}

/// <summary>The plan that the expiry was part of.</summary>
/// <param name="Retention">The policy's age per tier, for example daily: 30d.</param>
/// <param name="MinimumKept">Good backups of a database that always stay.</param>
/// <param name="Kept">Backups of this database that the plan keeps.</param>
/// <param name="Expired">Backups of this database that the plan ends.</param>
public sealed record TombstonePlan(IReadOnlyDictionary<string, string> Retention, int MinimumKept, int Kept, int Expired);
