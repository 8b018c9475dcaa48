using System.Globalization;

namespace Backup.Core.Model;

/// <summary>
/// Name of one backup: <c>{database}_{yyyyMMddTHHmmssZ}</c>. The time is the scheduled time of a scheduled run, the start time
/// otherwise, always UTC and whole seconds. Sorts by time within a database. An increment ends with <c>-inc</c>: it may be scheduled for the
/// same second as a backup.
/// </summary>
public sealed record BackupId(string Database, DateTimeOffset Time)
{
    private const string TimeFormat = "yyyyMMdd'T'HHmmss'Z'";
    private const string IncrementMark = "-inc";

    public bool IsIncrement { get; init; }

    public static BackupId Create(string database, DateTimeOffset time) =>
        new(database, new DateTimeOffset(time.UtcDateTime.AddTicks(-(time.UtcTicks % TimeSpan.TicksPerSecond)), TimeSpan.Zero));

    public static bool TryParse(string? text, out BackupId id)
    {
        id = null!;
        var at = text?.LastIndexOf('_') ?? -1;
        if (at <= 0) return false;
        var isIncrement = text!.EndsWith(IncrementMark, StringComparison.Ordinal);
        if (!TryParseTime(text[(at + 1)..^(isIncrement ? IncrementMark.Length : 0)], out var time)) return false;
        id = new BackupId(text[..at], time) { IsIncrement = isIncrement };
        return true;
    }

    public static bool TryParseTime(string text, out DateTimeOffset time) =>
        DateTimeOffset.TryParseExact(text, TimeFormat, CultureInfo.InvariantCulture,
            DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out time);

    public static string FormatTime(DateTimeOffset time) => time.UtcDateTime.ToString(TimeFormat, CultureInfo.InvariantCulture);

    public override string ToString() => $"{Database}_{FormatTime(Time)}{(IsIncrement ? IncrementMark : "")}";
}
