using System.Globalization;
using System.Text.RegularExpressions;
using Backup.Core.Model;

namespace Backup.Core.Policies;

/// <summary>Reads one text. Returns null, or what is wrong with it, to stand behind the text: "is not a size" or ": hour 25 is …".</summary>
internal delegate string? ValueParser<T>(string text, out T value);

/// <summary>The written form of one kind of value: how to read it, and the advice when it cannot be read.</summary>
/// <param name="Accepted">In the imperative: "write …".</param>
/// <param name="Hidden">True when a wrong value may be a credential and must not be repeated.</param>
internal sealed record ValueForm<T>(string Accepted, ValueParser<T> Parse, bool Hidden = false);

/// <summary>Every written form of the policy. Pure; no form accepts an empty text.</summary>
internal static partial class Forms
{
    private const int LongestYears = 100;

    public static readonly ValueForm<string> Name = new(
        "write letters, digits, dot, dash or underscore, beginning with a letter or digit, at most 63", ParseName);

    public static readonly ValueForm<string> Text = new("write a text", ParseText);

    public static readonly ValueForm<bool> Flag = new("write true or false, without quotes", ParseFlag);

    public static readonly ValueForm<decimal> Number = new("write a number", ParseNumber);

    public static readonly ValueForm<TimeSpan> Duration = new("write a number and m, h, d or w, for example 90m, 26h, 1d", ParseDuration);

    public static readonly ValueForm<CalendarSpan> Span = new("write a number and d, w, mo or y, for example 30d, 8w, 12mo, 7y", ParseSpan);

    public static readonly ValueForm<int> Days = new("write whole days, for example 30d", ParseDays);

    public static readonly ValueForm<long> Size = new("write bytes or a number and KiB, MiB, GiB or TiB, for example 32MiB", ParseSize);

    public static readonly ValueForm<double> Percent = new("write a percentage, for example 20%", ParsePercent);

    public static readonly ValueForm<string> Schedule = new(Policies.Schedule.Accepted, ParseSchedule);

    public static readonly ValueForm<string> SecretName = SecretNameAs("bloom/database-url");

    public static readonly ValueForm<string> Table = new("write schema.table, for example public.bookings", ParseTable);

    public static readonly ValueForm<string> Mail = new("write one address, for example ops@example.com", ParseMail);

    public static readonly ValueForm<string> Vault = new(
        "write s3://bucket, s3://bucket/prefix or the path of a folder", ParseVault);

    /// <summary><c>${NAME}</c> and nothing else; the value is NAME.</summary>
    public static ValueForm<string> ReferenceAs(string example) => new(
        $"write a reference to an environment variable, for example \"${{{example}}}\"", ParseReference, Hidden: true);

    public static ValueForm<string> SecretNameAs(string example) => new(
        $"write the name of a Secrets Manager secret, for example {example}", ParseSecretName, Hidden: true);

    public static ValueForm<int> Whole(int min, int max) => new($"write a whole number from {min} to {max}", (string text, out int value) =>
    {
        if (!int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value)) return "is not a whole number";
        return value < min ? "is too small" : value > max ? "is too large" : null;
    });

    public static ValueForm<T> Word<T>() where T : struct, Enum
    {
        var words = Words.All<T>();
        return new ValueForm<T>($"write {OneOf(words)}", (string text, out T value) =>
        {
            if (Words.TryParse(text, out value)) return null;
            return Nearest.To(text, words) is { } near ? $"is not known; did you mean {near}?" : "is not known";
        });
    }

    public static string OneOf(IReadOnlyList<string> words) =>
        words.Count == 1 ? words[0] : $"{string.Join(", ", words.SkipLast(1))} or {words[^1]}";

    private static string? ParseName(string text, out string value)
    {
        value = text;
        return NamePattern().IsMatch(text) ? null : "is not a name that keys and commands can hold";
    }

    private static string? ParseText(string text, out string value)
    {
        value = text;
        return string.IsNullOrWhiteSpace(text) ? "is empty" : null;
    }

    private static string? ParseFlag(string text, out bool value)
    {
        value = text == "true";
        return text is "true" or "false" ? null : "is neither true nor false";
    }

    private static string? ParseNumber(string text, out decimal value) =>
        decimal.TryParse(text, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out value)
            ? null
            : "is not a number";

    private static string? ParseDuration(string text, out TimeSpan value)
    {
        value = default;
        if (!Split(text, out var count, out var unit)) return "is not a duration";
        long? minutes = unit switch { "m" => count, "h" => count * 60, "d" => count * 60 * 24, "w" => count * 60 * 24 * 7, _ => null };
        if (minutes is null) return unit is "mo" or "y" ? "is a calendar span; durations end at weeks" : "is not a duration";
        if (minutes == 0) return "is no time at all";
        if (minutes > 60L * 24 * 366 * LongestYears) return $"is longer than {LongestYears} years";
        value = TimeSpan.FromMinutes(minutes.Value);
        return null;
    }

    private static string? ParseSpan(string text, out CalendarSpan value)
    {
        value = new CalendarSpan(1, CalendarUnit.Days);
        if (!Split(text, out var count, out var unit)) return "is not a calendar span";
        (CalendarUnit Unit, int Most)? known = unit switch
        {
            "d" => (CalendarUnit.Days, 366 * LongestYears),
            "w" => (CalendarUnit.Weeks, 53 * LongestYears),
            "mo" => (CalendarUnit.Months, 12 * LongestYears),
            "y" => (CalendarUnit.Years, LongestYears),
            _ => null,
        };
        if (known is null) return unit == "m" ? "means minutes; months are mo" : "is not a calendar span";
        if (count == 0) return "is no time at all";
        if (count > known.Value.Most) return $"is longer than {LongestYears} years";
        value = new CalendarSpan((int)count, known.Value.Unit);
        return null;
    }

    private static string? ParseDays(string text, out int value)
    {
        value = 0;
        if (!Split(text, out var count, out var unit) || unit != "d") return "is not a number of days";
        if (count == 0 || count > 366 * LongestYears) return $"is not between 1 day and {LongestYears} years";
        value = (int)count;
        return null;
    }

    private static string? ParseSize(string text, out long value)
    {
        value = 0;
        if (!Split(text, out var count, out var unit)) return "is not a size";
        var shift = unit switch { "" => 0, "KiB" => 10, "MiB" => 20, "GiB" => 30, "TiB" => 40, _ => -1 };
        if (shift < 0)
        {
            var meant = Nearest.To(unit, ["KiB", "MiB", "GiB", "TiB"]);
            return meant is null ? "is not a size" : $"is not a size; did you mean {count}{meant}?";
        }

        if (count > long.MaxValue >> shift) return "is larger than anything";
        value = count << shift;
        return null;
    }

    private static string? ParsePercent(string text, out double value)
    {
        value = 0;
        if (!text.EndsWith('%')) return "has no percent sign";
        if (!decimal.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var percent))
            return "is not a percentage";
        if (percent is <= 0 or > 1000) return "is not above 0% and at most 1000%";
        value = (double)(percent / 100);
        return null;
    }

    private static string? ParseSchedule(string text, out string value)
    {
        var valid = Policies.Schedule.TryParse(text, out var schedule, out var problem);
        value = valid ? schedule!.ToString() : "";
        return valid ? null : $": {problem}";
    }

    private static string? ParseReference(string text, out string value)
    {
        var match = ReferencePattern().Match(text);
        value = match.Groups["name"].Value;
        return match.Success ? null : "is not exactly one reference ${NAME}";
    }

    private static string? ParseSecretName(string text, out string value)
    {
        value = text;
        return SecretPattern().IsMatch(text) ? null : "is not a name that Secrets Manager accepts";
    }

    private static string? ParseTable(string text, out string value)
    {
        value = text;
        return TablePattern().IsMatch(text) ? null : "does not name a schema and a table";
    }

    private static string? ParseMail(string text, out string value)
    {
        value = text;
        return MailPattern().IsMatch(text) ? null : "is not an e-mail address";
    }

    private static string? ParseVault(string text, out string value)
    {
        value = text;
        if (string.IsNullOrWhiteSpace(text)) return "is empty";
        if (text.StartsWith("s3://", StringComparison.Ordinal))
            return BucketPattern().IsMatch(text) ? null : "is not an S3 address: a bucket has 3 to 63 lower-case letters, digits, dots and dashes";
        return text.Contains("://", StringComparison.Ordinal) ? "is neither an S3 address nor a folder" : null;
    }

    /// <summary>Digits, then letters: <c>32MiB</c> is 32 and MiB. False when it has another shape or more than 18 digits.</summary>
    private static bool Split(string text, out long count, out string unit)
    {
        var match = CountPattern().Match(text);
        unit = match.Groups["unit"].Value;
        count = match.Success ? long.Parse(match.Groups["count"].Value, CultureInfo.InvariantCulture) : 0;
        return match.Success;
    }

    [GeneratedRegex(@"^(?<count>[0-9]{1,18}) ?(?<unit>[A-Za-z]*)\z", RegexOptions.CultureInvariant)]
    private static partial Regex CountPattern();

    [GeneratedRegex(@"^[A-Za-z0-9][A-Za-z0-9._\-]{0,62}\z", RegexOptions.CultureInvariant)]
    private static partial Regex NamePattern();

    [GeneratedRegex(@"^\$\{(?<name>[A-Za-z_][A-Za-z0-9_]*)\}\z", RegexOptions.CultureInvariant)]
    private static partial Regex ReferencePattern();

    [GeneratedRegex(@"^[A-Za-z0-9/_+=.@\-]{1,512}\z", RegexOptions.CultureInvariant)]
    private static partial Regex SecretPattern();

    [GeneratedRegex(@"^[^.\s]([^.]*[^.\s])?\.\S(.*\S)?\z", RegexOptions.CultureInvariant)]
    private static partial Regex TablePattern();

    [GeneratedRegex(@"^[^@\s]+@[^@\s]+\.[^@\s.]+\z", RegexOptions.CultureInvariant)]
    private static partial Regex MailPattern();

    [GeneratedRegex(@"^s3://[a-z0-9][a-z0-9.\-]{1,61}[a-z0-9](/.*)?\z", RegexOptions.CultureInvariant)]
    private static partial Regex BucketPattern();
}
