using System.Diagnostics.CodeAnalysis;

namespace Backup.Core.Policies;

/// <summary>
/// A five-field cron line in UTC: minute, hour, day of month, month, day of week. Lists, ranges, steps, names
/// (JAN, MON) and 0-7 for weekdays. When day and weekday are both restricted (neither begins with *), either is enough,
/// as in classic cron. Immutable; times have whole minutes.
/// </summary>
public sealed class Schedule
{
    public const string Accepted = "write five fields in UTC (minute hour day month weekday), for example \"0 2 * * *\"";

    // After 400 years the Gregorian calendar repeats, weekdays included.
    private const int MonthsOfCycle = 400 * 12;
    private const int FirstYear = 2000;
    private const int FirstWeekday = 6; // the first of January 2000 was a Saturday
    private const int MinutesOfDay = 24 * 60;

    private static readonly ScheduleField[] _fields =
        [ScheduleField.Minute, ScheduleField.Hour, ScheduleField.Day, ScheduleField.Month, ScheduleField.Weekday];

    private readonly string _text;
    private readonly int[] _times;
    private readonly ulong _minutes;
    private readonly ulong _hours;
    private readonly ulong _days;
    private readonly ulong _months;
    private readonly ulong _weekdays;
    private readonly bool _either;

    private Schedule(string text, ulong[] fields, bool either)
    {
        _text = text;
        (_minutes, _hours, _days, _months, _weekdays) = (fields[0], fields[1], fields[2], fields[3], fields[4]);
        _times = [.. Enumerable.Range(0, MinutesOfDay).Where(t => Has(_hours, t / 60) && Has(_minutes, t % 60))];
        _either = either;
    }

    /// <summary>What each field matches, in order: other schedulers write the same times in their own language. Weekdays count from Sunday = 0.</summary>
    public IReadOnlyList<int> Minutes => [.. Numbers(_minutes, 0, 59)];

    public IReadOnlyList<int> Hours => [.. Numbers(_hours, 0, 23)];

    public IReadOnlyList<int> Days => [.. Numbers(_days, 1, 31)];

    public IReadOnlyList<int> Months => [.. Numbers(_months, 1, 12)];

    public IReadOnlyList<int> Weekdays => [.. Numbers(_weekdays, 0, 6)];

    /// <summary>True when a day matches that fits <see cref="Days"/> or <see cref="Weekdays"/>; false when it must fit both.</summary>
    public bool EitherDay => _either;

    /// <summary>The shortest time between two consecutive occurrences.</summary>
    public TimeSpan SmallestGap { get; private init; }

    /// <summary>The longest time between two consecutive occurrences: what a recovery point objective must allow for.</summary>
    public TimeSpan LargestGap { get; private init; }

    /// <exception cref="FormatException">The line is not a schedule; the message says which field and why.</exception>
    public static Schedule Parse(string text) =>
        TryParse(text, out var schedule, out var problem)
            ? schedule
            : throw new FormatException($"\"{text}\" is not a schedule: {problem}; {Accepted}");

    /// <summary>False with the first problem, a sentence without the line itself.</summary>
    public static bool TryParse(string? text, [NotNullWhen(true)] out Schedule? schedule, [NotNullWhen(false)] out string? problem)
    {
        schedule = null;
        var fields = (text ?? "").Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
        problem = fields.Length == 5 ? null : $"it has {fields.Length} fields, not five";
        var bits = new ulong[5];
        for (var i = 0; problem is null && i < 5; i++) problem = _fields[i].Parse(fields[i], out bits[i]);
        if (problem is not null) return false;

        var either = !fields[2].StartsWith('*') && !fields[4].StartsWith('*');
        var bare = new Schedule(string.Join(' ', fields), bits, either);
        if (bare.DayGaps() is not { } gaps)
        {
            problem = "no calendar has such a day";
            return false;
        }

        var times = bare._times;
        var within = times.Skip(1).Select((t, i) => t - times[i]).ToArray();
        var spread = times[^1] - times[0];
        schedule = new Schedule(bare._text, bits, either)
        {
            SmallestGap = TimeSpan.FromMinutes(within.Append((gaps.Smallest * MinutesOfDay) - spread).Min()),
            LargestGap = TimeSpan.FromMinutes(within.Append((gaps.Largest * MinutesOfDay) - spread).Max()),
        };
        return true;
    }

    /// <summary>The first occurrence strictly after the given moment.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The calendar (year 9999) ends before it.</exception>
    public DateTimeOffset Next(DateTimeOffset after)
    {
        var (day, time) = Split(after.UtcDateTime);
        var earliest = time + 1;
        for (; ; )
        {
            if (MatchesDay(day))
            {
                foreach (var t in _times)
                    if (t >= earliest) return At(day, t);
            }

            earliest = 0;
            if (day == DateOnly.MaxValue) throw new ArgumentOutOfRangeException(nameof(after), after, "the calendar ends before the next occurrence");
            day = day.AddDays(1);
        }
    }

    /// <summary>The last occurrence strictly before the given moment.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The calendar (year 1) begins after it.</exception>
    public DateTimeOffset Previous(DateTimeOffset before)
    {
        var (day, time) = Split(before.UtcDateTime);
        var latest = before.UtcTicks % TimeSpan.TicksPerMinute == 0 ? time - 1 : time;
        for (; ; )
        {
            if (MatchesDay(day))
            {
                for (var i = _times.Length - 1; i >= 0; i--)
                    if (_times[i] <= latest) return At(day, _times[i]);
            }

            latest = MinutesOfDay - 1;
            if (day == DateOnly.MinValue) throw new ArgumentOutOfRangeException(nameof(before), before, "the calendar begins after the previous occurrence");
            day = day.AddDays(-1);
        }
    }

    public override string ToString() => _text;

    private bool MatchesDay(DateOnly day) => Has(_months, day.Month) && MatchesDay(day.Day, (int)day.DayOfWeek);

    private bool MatchesDay(int day, int weekday)
    {
        var (byDay, byWeekday) = (Has(_days, day), Has(_weekdays, weekday));
        return _either ? byDay || byWeekday : byDay && byWeekday;
    }

    /// <summary>Days between consecutive matching days, over the whole cycle of the calendar; null when no day matches.</summary>
    private (int Smallest, int Largest)? DayGaps()
    {
        // Most schedules restrict the weekday at most; their week is the whole cycle.
        if (!_either && Enumerable.Range(1, 31).All(day => Has(_days, day)) && Enumerable.Range(1, 12).All(month => Has(_months, month)))
        {
            int[] week = [.. Enumerable.Range(0, 7).Where(weekday => Has(_weekdays, weekday))];
            var gaps = week.Select((weekday, i) => i + 1 < week.Length ? week[i + 1] - weekday : week[0] + 7 - weekday).ToArray();
            return (gaps.Min(), gaps.Max());
        }

        var (first, previous, smallest, largest) = (-1, -1, int.MaxValue, 0);
        var n = 0;
        for (var month = 0; month < MonthsOfCycle; month++)
        {
            var length = DateTime.DaysInMonth(FirstYear + (month / 12), (month % 12) + 1);
            if (Has(_months, (month % 12) + 1))
            {
                for (var day = 1; day <= length; day++)
                {
                    if (!MatchesDay(day, (n + day - 1 + FirstWeekday) % 7)) continue;
                    var at = n + day - 1;
                    if (first < 0) first = at;
                    else (smallest, largest) = (Math.Min(smallest, at - previous), Math.Max(largest, at - previous));
                    previous = at;
                }
            }

            n += length;
        }

        if (first < 0) return null;
        var around = first + n - previous;
        return (Math.Min(smallest, around), Math.Max(largest, around));
    }

    private static (DateOnly Day, int Time) Split(DateTime utc) =>
        (DateOnly.FromDateTime(utc), (utc.Hour * 60) + utc.Minute);

    private static DateTimeOffset At(DateOnly day, int time) =>
        new(day.ToDateTime(new TimeOnly(time / 60, time % 60)), TimeSpan.Zero);

    private static IEnumerable<int> Numbers(ulong bits, int from, int to) => Enumerable.Range(from, to - from + 1).Where(n => Has(bits, n));

    private static bool Has(ulong bits, int n) => (bits & (1UL << n)) != 0;
}
