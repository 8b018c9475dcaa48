using System.Globalization;
using Backup.Core.Model;
using Backup.Core.Operations.Pages;
using Backup.Core.Operations.Serving;
using static Backup.Core.Operations.Pages.Html;

namespace Backup.Core.Operations.Status;

/// <summary>What the pages of a service have in common.</summary>
internal static class StatusHtml
{
    private static readonly string _css = Style("status.css");

    public static string Frame(ServiceStatus status, string title, string body, int refreshSeconds) =>
        Page(title, body + Footer(status), _css, refreshSeconds);

    public static string Class(Standing standing) => standing switch
    {
        Standing.Safe => "pass",
        Standing.AtRisk => "fail",
        _ => "could-not-verify",
    };

    public static string Word(Standing standing) => standing switch
    {
        Standing.Safe => "SAFE",
        Standing.Failing => "SAFE, LAST RUN FAILED",
        Standing.AtRisk => "AT RISK",
        _ => "NOT KNOWN",
    };

    public static string Link(string database) => $"<a href=\"/database/{Text(Uri.EscapeDataString(database))}\">{Name(database)}</a>";

    /// <summary>"10 hours ago", with the moment itself for whoever points at it or reads the source.</summary>
    public static string Ago(DateTimeOffset time, DateTimeOffset now) => $"<time datetime=\"{time.UtcDateTime:yyyy-MM-ddTHH:mm:ssZ}\" title=\"{UtcText.Seconds(time)}\">{(time <= now ? $"{Span(now - time)} ago" : $"in {Span(time - now)}")}</time>";

    public static string Minute(DateTimeOffset time) => $"<span class=\"when\">{time.UtcDateTime.ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture)}</span>";

    public static string Capital(Work work) => work.ScheduledTime is null && work.Kind != WorkKind.Watch ? $"{Say(work.Kind)}, asked for by hand or by another work" : Say(work.Kind);

    public static string Say(WorkKind kind) => kind switch
    {
        WorkKind.Backup => "Backup",
        WorkKind.Increment => "Increment",
        WorkKind.Drill => "Restore drill",
        WorkKind.Verify => "Verify",
        WorkKind.Prune => "Prune",
        WorkKind.Sync => "Copy to the second vault",
        _ => "Look at the vault",
    };

    public static string OfDatabase(Work work) => work.Database is { } database ? $" of {Link(database)}" : "";

    /// <summary>One finding: how bad, about what, the sentence, and below it what to do.</summary>
    public static string Finding(Finding f, string about) => Item(f.Severity, about, f.Sentence, f.NextStep, f.Code);

    public static string Failure(WorkRecord r, string about, DateTimeOffset now) =>
        Item(Severity.Critical, about, $"{Say(r.Work.Kind).ToLowerInvariant()} failed {Html.Span(now - r.EndedAt)} ago: {r.Result.Sentence}", r.Result.NextStep ?? "Look at the log.", r.Result.Code ?? "");

    private static string Item(Severity severity, string about, string sentence, string nextStep, string code)
    {
        var (css, word) = severity switch { Severity.Critical => ("fail", "Critical"), Severity.Warning => ("could-not-verify", "Warning"), _ => ("soft", "Note") };
        return $"<li><span class=\"word {css}\">{word}</span> {about}{Text(sentence)}<span class=\"do\"><b>Do:</b> {Prose(nextStep)}</span><small>{Code(code)}</small></li>";
    }

    /// <summary>What stands between backticks is to be typed.</summary>
    private static string Prose(string text) => string.Concat(text.Split('`').Select((part, i) => i % 2 == 1 ? Code(part) : Text(part)));

    private static string Footer(ServiceStatus s) => $"""
        <footer>backup {Text(Product.Version)}, running since {Minute(s.StartedAt)}. All times are UTC. Judged from the vault alone; what each code means and what to do: docs/runbooks/findings.md. Figures for
        Prometheus: <a href="/metrics">/metrics</a>, health: <a href="/healthz">/healthz</a>.</footer>

        """;
}
