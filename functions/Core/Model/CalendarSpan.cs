namespace Backup.Core.Model;

public enum CalendarUnit
{
    Days,
    Weeks,
    Months,
    Years,
}

/// <summary>A length in calendar units, written <c>30d</c>, <c>8w</c>, <c>12mo</c>, <c>7y</c>.</summary>
public sealed record CalendarSpan(int Count, CalendarUnit Unit)
{
    public DateTimeOffset AddTo(DateTimeOffset start) => Unit switch
    {
        CalendarUnit.Days => start.AddDays(Count),
        CalendarUnit.Weeks => start.AddDays(7 * Count),
        CalendarUnit.Months => start.AddMonths(Count),
        _ => start.AddYears(Count),
    };

    /// <summary>The fewest days that this length can be, whatever day it starts on: what S3, which counts days, can rely on.</summary>
    public int ShortestDays => Unit switch
    {
        CalendarUnit.Days => Count,
        CalendarUnit.Weeks => 7 * Count,
        CalendarUnit.Months => (365 * (Count / 12)) + ShortestMonths[Count % 12],
        _ => 365 * Count,
    };

    // Any n consecutive months have at least this many days; February is always among the shortest.
    private static ReadOnlySpan<int> ShortestMonths => [0, 28, 59, 89, 120, 150, 181, 212, 242, 273, 303, 334];

    public override string ToString() => Unit switch
    {
        CalendarUnit.Days => $"{Count}d",
        CalendarUnit.Weeks => $"{Count}w",
        CalendarUnit.Months => $"{Count}mo",
        _ => $"{Count}y",
    };
}
