using System.Globalization;
using System.Text;
using Backup.Core.Model;
using Backup.Core.Policies;
using static Backup.Core.Operations.Pages.Html;

namespace Backup.Core.Operations.Reporting;

/// <summary>A month's report as one HTML page: no script, no asset from elsewhere, readable on a screen, a telephone and on paper. Every text that comes from a vault or a policy is escaped.</summary>
public static class ReportPage
{
    public static string Write(MonthReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        var page = new StringBuilder();
        page.Append(CultureInfo.InvariantCulture, $"""
            <header>
            <div><h1>Backups of {Text(report.Project)}, {Text(report.Title)}{(report.SoFar ? ", so far" : "")}</h1><p class="soft">Environment {Text(report.Environment)}, vault {Code(report.Vault)}, made on {Time(report.MadeAt)}</p></div>
            <div class="verdict {Class(report)}">{Verdict(report)}</div>
            </header>
            {Summary(report)}
            {Overview(report)}
            """);
        foreach (var database in report.Databases) page.Append(ReportDatabase.Write(database, report));
        page.Append(ReportStorage.Write(report)).Append(CultureInfo.InvariantCulture, $"""
            <h2>How to read this</h2>
            <ul>
            {Join(report.Notes, n => $"<li>{Text(n)}</li>")}
            </ul>
            <footer>Made by backup {Text(Product.Version)} from the catalog of the vault: manifests, results of verifies and drills, tombstones and the evidence trail. The same facts are in the JSON file beside this page.</footer>

            """);
        return Page($"Backups of {report.Project}, {report.Month}", page.ToString(), Style("report.css"));
    }

    /// <summary>Where the page and its JSON lie: one per environment and month, so that a later report of the same month takes its place.</summary>
    public static string FileName(MonthReport report, string extension)
    {
        ArgumentNullException.ThrowIfNull(report);
        return $"report-{VaultKeys.Escape(report.Environment)}-{report.Month}.{extension}";
    }

    private static string Verdict(MonthReport r) => Incidents(r) > 0 ? PolicyReading.Count(Incidents(r), "incident").ToUpperInvariant() : r.Databases.All(d => !d.HasData) ? "NO DATA" : "NO INCIDENT";

    private static string Class(MonthReport r) => Incidents(r) > 0 ? "fail" : r.Databases.All(d => !d.HasData) ? "could-not-verify" : "pass";

    private static int Incidents(MonthReport r) => r.Databases.Sum(d => d.Incidents.Count);

    private static string Summary(MonthReport r)
    {
        var worst = r.Databases.Where(d => d.LargestGap is not null).MaxBy(d => d.LargestGap!.Hours);
        var slowest = r.Databases.Where(d => d.RestoreSeconds is not null).MaxBy(d => d.RestoreSeconds);
        var runs = r.Databases.Select(d => d.Runs).OfType<ScheduleMonth>().ToList();
        var drills = r.Databases.SelectMany(d => d.Drills).ToList();
        return $"""
            <dl>
            {Fact("Scheduled backups made", r.SuccessPercent is { } percent ? Percent(percent) : "–", runs.Count == 0 ? "no database has a schedule" : $"{Count(runs.Sum(x => x.Made))} of {Count(runs.Sum(x => x.Due))} that were due")}
            {Fact("Recovery point reached", worst is null ? "–" : $"{Gap(worst.LargestGap!)}", Objective(r.RpoObjectiveHours, "RPO", r.Databases.Select(d => d.RpoMet)))}
            {Fact("Recovery time measured", slowest is null ? "no drill passed" : Seconds(slowest.RestoreSeconds!.Value), Objective(r.RtoObjectiveHours, "RTO", r.Databases.Select(d => d.RtoMet)))}
            {Fact("Restore drills", Count(drills.Count), drills.Count == 0 ? "nothing was proven by a restore in this month" : $"{drills.Count(d => d.Verdict == Model.Verdict.Pass)} passed, {drills.Count(d => d.Verdict == Model.Verdict.Fail)} failed, {drills.Count(d => d.Verdict == Model.Verdict.CouldNotVerify)} could not verify")}
            {Fact("Stored now", Bytes.Text(r.Storage.Bytes), r.Storage.MonthlyUsd is { } usd ? $"about {ReportStorage.Usd(usd)} a month" : null)}
            {Fact("Access to backups", r.Access is { } access ? $"{Count(access.Events)} events" : "not in here", r.Access is { } a ? $"{Count(a.Lines.Select(l => l.Who).Distinct().Count())} users and roles, {Count(a.Lines.Sum(l => l.Denied))} refused" : "no access log was given")}
            </dl>
            """;
    }

    /// <summary>One line per database, where there are several.</summary>
    private static string Overview(MonthReport r) => r.Databases.Count < 2 ? "" : $"""
        <h2>Databases</h2>
        <table class="stack"><thead><tr><th>Database</th><th class="num">Made</th><th class="num">Largest gap</th><th class="num">Slowest restore</th><th class="num">Drills</th><th class="num">Incidents</th><th class="num">Stored last</th></tr></thead><tbody>
        {Join(r.Databases, d => $"<tr{(d.Incidents.Count > 0 ? " class=\"differs\"" : "")}><td class=\"name\"><span><a href=\"#{Anchor(d)}\">{Name(d.Database)}</a></span></td>{Cell("Made", !d.HasData ? "no data" : d.Runs?.Percent is { } p ? Percent(p) : "on demand")}"
            + Cell("Largest gap", d.LargestGap is { } gap ? Gap(gap) : "–") + Cell("Slowest restore", d.RestoreSeconds is { } s ? Seconds(s) : "–")
            + Cell("Drills", Count(d.Drills.Count)) + Cell("Incidents", Count(d.Incidents.Count)) + Cell("Stored last", d.Growth is { } g ? Bytes.Text(g.StoredBytes) : "–") + "</tr>")}
        </tbody></table>

        """;

    internal static string Cell(string label, string html) => $"<td class=\"num\" data-label=\"{label}\"><span>{html}</span></td>";

    internal static string Anchor(DatabaseMonth d) => $"db-{VaultKeys.Escape(d.Database)}";

    internal static string Percent(double percent) => string.Create(CultureInfo.InvariantCulture, $"{percent:0.##} %");

    internal static string Gap(GapFact gap) => (gap.AtLeast ? "at least " : "") + Span(gap.Until - gap.From);

    internal static string? Objective(double? hours, string what, IEnumerable<bool?> met)
    {
        if (hours is not { } promised) return $"no objective ({what}) in the policy";
        var all = met.ToList();
        var word = all.Contains(false) ? "<b class=\"fail\">NOT met</b>" : all.Contains(true) ? "<b class=\"pass\">met</b>" : "not measured";
        return $"objective ({what}) {Span(TimeSpan.FromHours(promised))}: {word}";
    }
}
