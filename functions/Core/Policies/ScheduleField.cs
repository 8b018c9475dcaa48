using System.Globalization;

namespace Backup.Core.Policies;

/// <summary>One of the five fields of a cron line, as the set of numbers that it matches.</summary>
internal sealed class ScheduleField
{
    public static readonly ScheduleField Minute = new("minute", 0, 59, []);
    public static readonly ScheduleField Hour = new("hour", 0, 23, []);
    public static readonly ScheduleField Day = new("day", 1, 31, []);
    public static readonly ScheduleField Month = new("month", 1, 12,
        ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]);
    public static readonly ScheduleField Weekday = new("weekday", 0, 7, ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]);

    private readonly string _name;
    private readonly int _min;
    private readonly int _max;
    private readonly string[] _names;

    private ScheduleField(string name, int min, int max, string[] names)
    {
        _name = name;
        _min = min;
        _max = max;
        _names = names;
    }

    /// <summary>Bit n of <paramref name="bits"/> is set when the field matches n. Returns what is wrong, or null.</summary>
    public string? Parse(string text, out ulong bits)
    {
        bits = 0;
        foreach (var item in text.Split(','))
        {
            if (ParseItem(item, out var itemBits) is { } problem) return problem;
            bits |= itemBits;
        }

        // Sunday is 0 and 7.
        if (this == Weekday && (bits & (1UL << 7)) != 0) bits = (bits | 1UL) & ~(1UL << 7);
        return null;
    }

    private string? ParseItem(string item, out ulong bits)
    {
        bits = 0;
        var parts = item.Split('/');
        if (item.Length == 0) return $"{_name} has an empty place between commas";
        if (parts.Length > 2) return $"{_name} \"{item}\" has two steps";
        if (ParseRange(parts[0], out var from, out var to, out var single) is { } problem) return problem;
        var step = 1;
        if (parts.Length == 2)
        {
            if (!TryDigits(parts[1], out step) || step == 0) return $"{_name} step \"{parts[1]}\" is not a number from 1";
            if (single) return $"{_name} \"{item}\" has a step but no range";
            if (step > _max - _min) return $"{_name} step {step} is longer than the range {Range}";
        }

        for (var n = from; n <= to; n += step) bits |= 1UL << n;
        return null;
    }

    private string? ParseRange(string text, out int from, out int to, out bool single)
    {
        single = false;
        if (text == "*")
        {
            (from, to) = (_min, this == Weekday ? 6 : _max);
            return null;
        }

        var ends = text.Split('-');
        single = ends.Length == 1;
        to = 0;
        if (ParseNumber(ends[0], out from) is { } firstProblem) return firstProblem;
        if (single)
        {
            to = from;
            return null;
        }

        if (ends.Length > 2) return $"{_name} \"{text}\" is not a range";
        if (ParseNumber(ends[1], out to) is { } secondProblem) return secondProblem;
        // FRI-SUN is how people write it; as an end of a range Sunday is 7.
        if (this == Weekday && to == 0 && from > 0) to = 7;
        return from <= to ? null : $"{_name} range {text} runs backwards";
    }

    private string? ParseNumber(string text, out int number)
    {
        var named = Array.FindIndex(_names, n => n.Equals(text, StringComparison.OrdinalIgnoreCase));
        if (named >= 0)
        {
            number = this == Month ? named + 1 : named;
            return null;
        }

        if (!TryDigits(text, out number))
            return $"{_name} \"{text}\" is not a number{(_names.Length > 0 ? $" or a name like {_names[1]}" : "")}";
        return number >= _min && number <= _max ? null : $"{_name} {text} is not in {Range}";
    }

    private string Range => $"{_min}-{_max}";

    private static bool TryDigits(string text, out int number) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
