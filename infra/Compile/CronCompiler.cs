using Backup.Core.Policies;

namespace Backup.Infra.Compile;

/// <summary>One expression for EventBridge Scheduler. The suffix tells two of one schedule apart; empty when there is only one.</summary>
public sealed record CronExpression(string Suffix, string Text);

/// <summary>
/// Writes a policy's five-field schedule in Scheduler's six fields. There, one of day and weekday must be <c>?</c>, and weekdays count from Sunday = 1.
/// A schedule in which either is enough becomes two; both may fire at once, which makes one backup, since the planned time is its id.
/// </summary>
public static class CronCompiler
{
    /// <summary>Null when the schedule needs a day and a weekday at the same time: Scheduler cannot say that.</summary>
    public static IReadOnlyList<CronExpression>? Compile(Schedule schedule)
    {
        ArgumentNullException.ThrowIfNull(schedule);
        var anyDay = schedule.Days.Count == 31;
        var anyWeekday = schedule.Weekdays.Count == 7;
        if (schedule.EitherDay && (anyDay || anyWeekday)) return [new("", Cron(schedule, "*", "?"))];
        if (schedule.EitherDay)
            return [new("by-day", Cron(schedule, Days(schedule), "?")), new("by-weekday", Cron(schedule, "?", Weekdays(schedule)))];
        if (anyWeekday) return [new("", Cron(schedule, anyDay ? "*" : Days(schedule), "?"))];
        return anyDay ? [new("", Cron(schedule, "?", Weekdays(schedule)))] : null;
    }

    /// <summary>For what happens every so often, whatever the time of day. Scheduler knows whole minutes, hours and days.</summary>
    public static string Rate(TimeSpan every)
    {
        var minutes = (long)every.TotalMinutes;
        var (count, unit) = minutes % 1440 == 0 ? (minutes / 1440, "day") : minutes % 60 == 0 ? (minutes / 60, "hour") : (minutes, "minute");
        return $"rate({count} {unit}{(count == 1 ? "" : "s")})";
    }

    private static string Cron(Schedule s, string day, string weekday) =>
        $"cron({Field(s.Minutes, 60)} {Field(s.Hours, 24)} {day} {Field(s.Months, 12)} {weekday} *)";

    private static string Days(Schedule s) => Field(s.Days, 31);

    private static string Weekdays(Schedule s) => Field([.. s.Weekdays.Select(d => d + 1)], 7);

    private static string Field(IReadOnlyList<int> values, int all) => values.Count == all ? "*" : string.Join(',', values);
}
