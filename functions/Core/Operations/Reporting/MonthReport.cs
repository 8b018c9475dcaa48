using Backup.Core.Model;

namespace Backup.Core.Operations.Reporting;

/// <summary>One month of everything that a policy protects: what the page shows, and as JSON. Times are UTC; absent = not known, not promised or not asked for.</summary>
public sealed record MonthReport
{
    public const int CurrentVersion = 1;

    public required int SchemaVersion { get; init; }
    public required string Project { get; init; }
    public required string Environment { get; init; }
    public required string Vault { get; init; }

    /// <summary>For example 2026-11.</summary>
    public required string Month { get; init; }

    /// <summary>For example November 2026.</summary>
    public required string Title { get; init; }
    public required DateTimeOffset MadeAt { get; init; }

    /// <summary>The month was not over when the report was made.</summary>
    public required bool SoFar { get; init; }
    public double? RpoObjectiveHours { get; init; }
    public double? RtoObjectiveHours { get; init; }

    /// <summary>Of scheduled times that brought a good backup, over all databases; 0 to 100.</summary>
    public double? SuccessPercent { get; init; }
    public required IReadOnlyList<DatabaseMonth> Databases { get; init; }
    public required StorageState Storage { get; init; }
    public StorageState? Copy { get; init; }
    public AccessFacts? Access { get; init; }

    /// <summary>What the reader must know to read the figures right.</summary>
    public required IReadOnlyList<string> Notes { get; init; }
}

public sealed record DatabaseMonth
{
    public required string Database { get; init; }
    public string? Schedule { get; init; }

    /// <summary>False: the vault knows of no backup and no proof in this month.</summary>
    public required bool HasData { get; init; }

    /// <summary>Why there is none, or what the month lacks; null when nothing needs to be said.</summary>
    public string? Note { get; init; }

    /// <summary>Whole backups of the month, and increments.</summary>
    public required int Backups { get; init; }
    public required int Increments { get; init; }

    /// <summary>Of <see cref="Backups"/>: those of which only tombstone or trail is left.</summary>
    public required int Gone { get; init; }

    /// <summary>Null for a database on demand.</summary>
    public ScheduleMonth? Runs { get; init; }
    public required IReadOnlyList<DayFact> Days { get; init; }
    public GrowthFact? Growth { get; init; }

    /// <summary>The most that a failure in this month could have cost.</summary>
    public GapFact? LargestGap { get; init; }
    public bool? RpoMet { get; init; }

    /// <summary>Of critical tables: the longest time between two copies of their rows, and what the policy asks.</summary>
    public double? IncrementGapHours { get; init; }
    public double? IncrementEveryHours { get; init; }

    /// <summary>Of the drills that passed, the slowest.</summary>
    public double? RestoreSeconds { get; init; }
    public bool? RtoMet { get; init; }
    public required IReadOnlyList<DrillMonth> Drills { get; init; }

    /// <summary>How many verifies ended with which verdict.</summary>
    public required VerdictCount Verifies { get; init; }

    /// <summary>Oldest first.</summary>
    public required IReadOnlyList<Incident> Incidents { get; init; }
    public required IReadOnlyList<TierState> Tiers { get; init; }

    /// <summary>Of the newest whole backup now.</summary>
    public LockPromise? Lock { get; init; }

    /// <summary>How many expired in the month.</summary>
    public required int Expired { get; init; }
    public required TrailMonth Trail { get; init; }
}

/// <param name="Due">Scheduled times that have passed, with their window, since the first backup.</param>
/// <param name="Made">Of these, with a good backup before the next time.</param>
/// <param name="Late">With a good backup that ended after the next time.</param>
/// <param name="Refuted">With a backup that is damaged, or that a verify or drill found to be wrong.</param>
/// <param name="Missing">Without any.</param>
/// <param name="Open">Times whose window is still open, not counted in <paramref name="Due"/>.</param>
/// <param name="Percent">Made of due; absent when nothing was due.</param>
public sealed record ScheduleMonth(int Due, int Made, int Late, int Refuted, int Missing, int Open, double? Percent);

/// <param name="Day">From 1.</param>
/// <param name="StoredBytes">Of the day's last whole backup; absent without one, or when its size is no longer known.</param>
/// <param name="Made">Scheduled times of the day with a good backup.</param>
/// <param name="Due">Scheduled times of the day.</param>
/// <param name="HasBackup">A whole backup was made, scheduled or not.</param>
public sealed record DayFact(int Day, long? StoredBytes, int Made, int Due, bool HasBackup);

/// <summary>From the last whole backup before the month, or the first of it, to its last one.</summary>
/// <param name="StoredPercent">Absent when it began with nothing.</param>
public sealed record GrowthFact(string FromId, string ToId, long StoredBytes, double? StoredPercent, long RawBytes, long DatabaseBytes, long Rows, long RowsChange);

/// <param name="From">The moment that a restore would have gone back to.</param>
/// <param name="Until">When the next good backup was there, or the month or the report ended.</param>
/// <param name="AtLeast">Nothing earlier is known, so that it may have been longer.</param>
public sealed record GapFact(DateTimeOffset From, DateTimeOffset Until, double Hours, bool AtLeast);

/// <param name="Seconds">The whole drill; absent when its result has gone with the backup.</param>
public sealed record DrillMonth(string Id, DateTimeOffset At, Verdict Verdict, double? Seconds);

public sealed record VerdictCount(int Pass, int Fail, int CouldNotVerify);

/// <param name="Until">Absent for a moment.</param>
/// <param name="Code">Of the finding that the watch makes of the same; its heading in the runbooks says what to do.</param>
public sealed record Incident(DateTimeOffset At, DateTimeOffset? Until, string Code, string Sentence);

/// <summary>What is stored now of one tier.</summary>
/// <param name="Keep">The policy's age; absent = for ever.</param>
/// <param name="Locked">How many have their full lock.</param>
public sealed record TierState(Tier Tier, int Backups, string Oldest, string Newest, long Bytes, string? Keep, int Locked);

/// <param name="Problems">Entries that were changed or whose predecessor is missing.</param>
public sealed record TrailMonth(int Entries, IReadOnlyList<string> Problems, IReadOnlyList<Deed> Deeds);

/// <summary>What one operator did with one verb in the month.</summary>
public sealed record Deed(string Operator, string Verb, string Result, int Count, DateTimeOffset Last);

/// <summary>What a vault holds now, by database and storage class, and what storing it costs a month.</summary>
/// <param name="MonthlyUsd">Absent for a folder, or when a class has no price here.</param>
/// <param name="Missing">Of a copy: good backups of the month that it lacks.</param>
public sealed record StorageState(string Vault, IReadOnlyList<StorageLine> Lines, long Bytes, decimal? MonthlyUsd, string? PricesAsOf, string? Problem, IReadOnlyList<string> Missing);

public sealed record StorageLine(string Database, string Class, long Bytes, long ExpiredBytes, decimal? MonthlyUsd);
