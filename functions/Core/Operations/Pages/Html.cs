using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Unicode;
using Backup.Core.Model;

namespace Backup.Core.Operations.Pages;

/// <summary>
/// What every page that people read is made of: one frame without scripts or assets from elsewhere, and the forms of names, numbers and times in it. Every text that
/// comes from a database or a policy goes through <see cref="Text"/>.
/// </summary>
public static class Html
{
    private static readonly HtmlEncoder _encoder = HtmlEncoder.Create(UnicodeRanges.All);

    /// <summary>A whole document.</summary>
    /// <param name="title">Plain text.</param>
    /// <param name="body">HTML.</param>
    /// <param name="css">Rules beside those that all pages share.</param>
    /// <param name="refreshSeconds">The browser asks again after so many seconds; 0 = never.</param>
    public static string Page(string title, string body, string css = "", int refreshSeconds = 0) => $"""
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; form-action 'self'">
        {(refreshSeconds > 0 ? string.Create(CultureInfo.InvariantCulture, $"<meta http-equiv=\"refresh\" content=\"{refreshSeconds}\">\n") : "")}<title>{Text(title)}</title>
        <style>
        {Style("page.css")}{css}</style>
        </head>
        <body>
        <main>
        {body}</main>
        </body>
        </html>

        """;

    /// <summary>A style sheet that is embedded in this assembly.</summary>
    public static string Style(string name)
    {
        using var reader = new StreamReader(typeof(Html).Assembly.GetManifestResourceStream(name)!);
        return reader.ReadToEnd();
    }

    public static string Text(string? text) => _encoder.Encode(Visible(text ?? ""));

    /// <summary>A name of the database's, kept from turning the text around it.</summary>
    public static string Name(object name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return $"<bdi>{Text(name.ToString())}</bdi>";
    }

    public static string Code(string? text) => $"<code>{Text(text)}</code>";

    public static string Count(long? number) => number is { } n ? n.ToString("N0", CultureInfo.InvariantCulture) : "–";

    public static string Word(Verdict verdict) => Words.Of(verdict).Replace('-', ' ').ToUpperInvariant();

    public static string Fact(string label, string html, string? small) => $"<div><dt>{label}</dt><dd>{html}{(small is null ? "" : $"<small>{small}</small>")}</dd></div>";

    public static string Join<T>(IEnumerable<T> items, Func<T, string> html) => string.Join('\n', items.Select(html));

    public static string Time(DateTimeOffset time) => $"<span class=\"when\">{time.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture)}</span>";

    public static string Seconds(double seconds) => seconds < 120
        ? string.Create(CultureInfo.InvariantCulture, $"{seconds:0.0} s")
        : Span(TimeSpan.FromSeconds(seconds));

    public static string Span(TimeSpan span) => string.Create(CultureInfo.InvariantCulture,
        $"{(span.TotalDays >= 3 ? $"{span.TotalDays:0.#} days" : span.TotalHours >= 1.5 ? $"{span.TotalHours:0.#} hours" : span.TotalMinutes >= 2 ? $"{span.TotalMinutes:0.#} minutes" : $"{span.TotalSeconds:0} s")}");

    // A control character would be shown as nothing, and one for the direction of writing would turn what stands around it.
    private static string Visible(string text) => !text.Any(IsInvisible) ? text
        : string.Concat(text.Select(c => c == '\n' ? "\\n" : IsInvisible(c) ? $"\\u{(int)c:x4}" : $"{c}"));

    private static bool IsInvisible(char c) => char.IsControl(c) || c is '\u200e' or '\u200f' or (>= '\u202a' and <= '\u202e') or (>= '\u2066' and <= '\u2069');
}
