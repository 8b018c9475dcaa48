using System.Globalization;
using Backup.Core.Model;

namespace Backup.Core.Operations.Reporting;

/// <summary>A calendar month in UTC, written <c>2026-11</c>.</summary>
public sealed record ReportMonth(int Year, int Month)
{
    public DateTimeOffset From => new(Year, Month, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>The first moment that is no longer in it.</summary>
    public DateTimeOffset Until => From.AddMonths(1);

    public string Title => From.ToString("MMMM yyyy", CultureInfo.InvariantCulture);

    public bool Holds(DateTimeOffset time) => time >= From && time < Until;

    /// <exception cref="BackupException">usage: it is no month, or one that has not begun.</exception>
    public static ReportMonth Parse(string? text, DateTimeOffset now)
    {
        if (!DateTimeOffset.TryParseExact(text, "yyyy-MM", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var first) || first.Year is < 2000 or > 9000)
            throw new BackupException(ErrorCode.UsageWrong, $"\"{text}\" is not a month", "Give year and month, such as 2026-03.");
        var month = new ReportMonth(first.Year, first.Month);
        return month.From <= now ? month : throw new BackupException(ErrorCode.UsageWrong, $"{month} has not begun", $"Give a month up to {now.UtcDateTime:yyyy-MM}.");
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Year:0000}-{Month:00}");
}
