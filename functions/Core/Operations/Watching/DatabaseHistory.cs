using Backup.Core.Model;
using Backup.Core.Policies;

namespace Backup.Core.Operations.Watching;

/// <summary>What the judges of one database look at: its backups in order, the time, and the answers that several of them need.</summary>
public sealed class DatabaseHistory
{
    /// <summary>Clocks of two machines may differ by this much and both be right.</summary>
    public static readonly TimeSpan ClockTolerance = TimeSpan.FromMinutes(10);

    /// <summary>No run is expected to be this quick to judge: queues, retries and slow starts.</summary>
    private static readonly TimeSpan _shortestGrace = TimeSpan.FromMinutes(30);

    /// <summary>Durations are the runner's word; a false one must not buy more than this.</summary>
    private static readonly TimeSpan _longestGrace = TimeSpan.FromHours(12);

    public DatabaseHistory(DatabasePolicy database, Policy policy, IEnumerable<WatchedBackup> backups, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(database);
        Database = database;
        Policy = policy;
        Now = now;
        var all = backups.Where(b => b.Id.Database == database.Name).OrderBy(b => b.Id.Time).ToList();
        Future = [.. all.Where(b => IsFuture(b, now))];
        Backups = [.. all.Where(b => !IsFuture(b, now))];
        Complete = [.. Backups.Where(b => b.IsComplete).OrderBy(b => b.Manifest!.Snapshot.Time)];
        Schedule = database.Schedule is { } text ? Schedule.Parse(text) : null;
    }

    public DatabasePolicy Database { get; }
    public Policy Policy { get; }
    public DateTimeOffset Now { get; }

    /// <summary>Null = on demand: nothing is ever due.</summary>
    public Schedule? Schedule { get; }

    /// <summary>Every backup of the database, increments too, without those from the future.</summary>
    public IReadOnlyList<WatchedBackup> Backups { get; }

    /// <summary>Dated after now: a clock was or is wrong. They count for nothing.</summary>
    public IReadOnlyList<WatchedBackup> Future { get; }

    /// <summary>Those that a restore could use, by the moment that it goes back to.</summary>
    public IReadOnlyList<WatchedBackup> Complete { get; }

    public WatchedBackup? Newest => Complete.Count > 0 ? Complete[^1] : null;

    /// <summary>How long after its time a run may end before it counts as missing: twice the longest of the last seven, at least 30 minutes, at most 12 hours.</summary>
    public TimeSpan Grace
    {
        get
        {
            var longest = Complete.TakeLast(7).Select(b => b.Manifest!.FinishedAt - b.Manifest.StartedAt).DefaultIfEmpty().Max() * 2;
            return longest < _shortestGrace ? _shortestGrace : longest > _longestGrace ? _longestGrace : longest;
        }
    }

    /// <summary>watch.maxAge; without one, the schedule's largest gap and the grace. Null for a database without a schedule.</summary>
    public TimeSpan? MaxAge => Schedule is null ? null : Policy.Watch.MaxAge ?? Schedule.LargestGap + Grace;

    public TimeSpan? Age => Newest is { } newest ? Since(newest.Manifest!.Snapshot.Time) : null;

    /// <summary>Never negative: another machine's clock may be some minutes ahead.</summary>
    public TimeSpan Since(DateTimeOffset time) => time < Now ? Now - time : TimeSpan.Zero;

    public Finding On(FindingCode code, string sentence, string nextStep, Severity? severity = null)
    {
        ArgumentNullException.ThrowIfNull(code);
        return code.On(Database.Name, sentence, nextStep, severity);
    }

    /// <summary>Some of its times lie after now, beyond what clocks may differ.</summary>
    internal static bool IsFuture(WatchedBackup backup, DateTimeOffset now)
    {
        var latest = now + ClockTolerance;
        return backup.Id.Time > latest || backup.Manifest is { } m && (m.StartedAt > latest || m.FinishedAt > latest || m.Snapshot.Time > latest);
    }
}

/// <summary>Durations and lists for people.</summary>
internal static class Say
{
    public static string Age(TimeSpan age) => age.TotalHours >= 72 ? Number(age.TotalDays, "day") : age.TotalMinutes >= 60 ? Number(age.TotalHours, "hour") : Number(age.TotalMinutes, "minute");

    /// <summary>The first three, and how many more.</summary>
    public static string Some(IEnumerable<object> items)
    {
        var all = items.Select(i => $"{i}").ToList();
        return all.Count <= 3 ? string.Join(", ", all) : $"{string.Join(", ", all.Take(3))} and {all.Count - 3} more";
    }


    private static string Number(double value, string unit)
    {
        var text = value.ToString("0.#", System.Globalization.CultureInfo.InvariantCulture);
        return text == "1" ? $"1 {unit}" : $"{text} {unit}s";
    }
}
