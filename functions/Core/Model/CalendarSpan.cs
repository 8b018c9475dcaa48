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

    public override string ToString() => Unit switch
    {
        CalendarUnit.Days => $"{Count}d",
        CalendarUnit.Weeks => $"{Count}w",
        CalendarUnit.Months => $"{Count}mo",
        _ => $"{Count}y",
    };
}
