using Backup.Core.Policies;

namespace Backup.Core.Operations.Serving;

/// <summary>When something happens again and again: a cron line of the policy, or every so often on a grid that begins at midnight UTC of 1 January 1970.</summary>
public sealed class Timetable
{
    private readonly Schedule? _schedule;
    private readonly IReadOnlyList<TimeSpan> _every;

    private Timetable(Schedule? schedule, IReadOnlyList<TimeSpan> every)
    {
        _schedule = schedule;
        _every = every;
    }

    public static Timetable Of(string cron) => new(Schedule.Parse(cron), []);

    /// <summary>Every time at which one of these intervals has passed: each keeps its own pace whatever the others are.</summary>
    public static Timetable Every(IEnumerable<TimeSpan> intervals) => new(null, [.. intervals.Distinct()]);

    /// <summary>The first time strictly after the given one.</summary>
    public DateTimeOffset Next(DateTimeOffset after) => _schedule?.Next(after) ?? _every.Min(e => On(e, Floor(after, e) + 1));

    /// <summary>The last time that is not after the given one.</summary>
    public DateTimeOffset Latest(DateTimeOffset now) => _schedule?.Previous(now.AddTicks(1)) ?? _every.Max(e => On(e, Floor(now, e)));

    private static long Floor(DateTimeOffset time, TimeSpan every) => (time.UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks) / every.Ticks;

    private static DateTimeOffset On(TimeSpan every, long count) => DateTimeOffset.UnixEpoch + (every * count);
}

/// <summary>A kind of work that a policy wants again and again.</summary>
public sealed record PlannedWork(WorkKind Kind, string? Database, Timetable Times)
{
    public Work At(DateTimeOffset time) => new(Kind, Database, time);
}

/// <summary>What a policy means by the clock.</summary>
public static class ServicePlan
{
    /// <summary>Ten past: what ran on the hour has mostly ended.</summary>
    private const string WatchTimes = "10 * * * *";

    /// <summary>Behind the first watch of the day, which also looks at versions.</summary>
    private const string PruneTimes = "30 0 * * *";

    public static IReadOnlyList<PlannedWork> Of(Policy policy)
    {
        ArgumentNullException.ThrowIfNull(policy);
        return [.. policy.Databases.SelectMany(d => OfDatabase(policy, d)), new PlannedWork(WorkKind.Watch, null, Timetable.Of(WatchTimes))];
    }

    private static IEnumerable<PlannedWork> OfDatabase(Policy policy, DatabasePolicy database)
    {
        if (database.Schedule is { } schedule) yield return new PlannedWork(WorkKind.Backup, database.Name, Timetable.Of(schedule));
        if (database.CriticalTables.Count > 0) yield return new PlannedWork(WorkKind.Increment, database.Name, Timetable.Every(database.CriticalTables.Select(t => t.Every)));
        if (policy.Drill is { } drill) yield return new PlannedWork(WorkKind.Drill, database.Name, Timetable.Of(drill.Schedule));
        if (policy.Retention is not null) yield return new PlannedWork(WorkKind.Prune, database.Name, Timetable.Of(PruneTimes));
    }
}
