using System.Globalization;
using Backup.Core.Model;
using static Backup.Core.Operations.Pages.Html;

namespace Backup.Core.Operations.Reporting;

/// <summary>One database's part of the page.</summary>
internal static class ReportDatabase
{
    private const int DeedsShown = 30;

    public static string Write(DatabaseMonth d, MonthReport r) => $"""
        <section id="{ReportPage.Anchor(d)}">
        <h2>{Name(d.Database)}</h2>
        {(d.Note is { } note ? $"<p>{Text(note)}</p>" : "")}
        {(d.HasData || d.Incidents.Count > 0 ? $"{Facts(d, r)}{ReportChart.Write(d)}{Incidents(d)}{Drills(d)}" : "")}{Tiers(d)}{(d.HasData ? Trail(d) : "")}
        </section>

        """;

    private static string Facts(DatabaseMonth d, MonthReport r)
    {
        var runs = d.Runs;
        string[] less = runs is null ? [] :
        [
            .. new[] { (runs.Missing, "missing"), (runs.Late, "late"), (runs.Refuted, "damaged or refuted"), (runs.Open, "still open") }
                .Where(x => x.Item1 > 0).Select(x => $"{Count(x.Item1)} {x.Item2}"),
        ];
        return $"""
            <dl>
            {Fact("Scheduled backups made", runs is null ? "on demand" : runs.Percent is { } p ? $"{ReportPage.Percent(p)} <span class=\"soft\">({Count(runs.Made)} of {Count(runs.Due)})</span>" : "none was due", runs is null ? "no schedule" : $"schedule {Code(d.Schedule)}{(less.Length > 0 ? $"; {string.Join(", ", less)}" : "")}")}
            {Fact("Largest gap", d.LargestGap is { } gap ? ReportPage.Gap(gap) : "no good backup to go back to", d.LargestGap is { } g ? $"from {Text(UtcText.Minutes(g.From))} to {Text(UtcText.Minutes(g.Until))}; {ReportPage.Objective(r.RpoObjectiveHours, "RPO", [d.RpoMet])}" : null)}
            {(d.IncrementEveryHours is { } every ? Fact("Critical tables", d.IncrementGapHours is { } hours ? $"{Span(TimeSpan.FromHours(hours))} at most" : "–", $"between two copies of their rows; the policy asks for every {Span(TimeSpan.FromHours(every))}") : "")}
            {Fact("Slowest restore of a drill", d.RestoreSeconds is { } s ? Seconds(s) : "no drill passed", ReportPage.Objective(r.RtoObjectiveHours, "RTO", [d.RtoMet]))}
            {Fact("Backups", $"{Count(d.Backups)} whole{(d.Increments > 0 ? $", {Count(d.Increments)} increments" : "")}", d.Gone > 0 ? $"{Count(d.Gone)} have gone since: no size is known of them" : $"{Count(d.Expired)} expired in the month")}
            {Fact("Size of the last", d.Growth is { } w ? $"{Bytes.Text(w.StoredBytes)} stored" : "–", d.Growth is { } x ? $"{Change(x)}; {Bytes.Text(x.DatabaseBytes)} as a database, {Count(x.Rows)} rows ({Sign(x.RowsChange)})" : null)}
            {Fact("Verifies", $"{Count(d.Verifies.Pass)} passed", d.Verifies is { Fail: 0, CouldNotVerify: 0 } ? null : $"{Count(d.Verifies.Fail)} found a difference, {Count(d.Verifies.CouldNotVerify)} could not be carried out")}
            {Fact("Lock of the newest", d.Lock is { Mode: not LockMode.None } l ? $"{Words.Of(l.Mode)} until {Text(UtcText.Minutes(l.Until))}" : "none", null)}
            </dl>

            """;
    }

    private static string Change(GrowthFact g) => g.FromId == g.ToId ? "the first one known"
        : $"{(g.StoredPercent is { } p ? string.Create(CultureInfo.InvariantCulture, $"{(p < 0 ? "−" : "+")}{Math.Abs(p):0.#} %") : "grown")} since {Text(g.FromId)}";

    private static string Sign(long change) => change == 0 ? "unchanged" : $"{(change < 0 ? "−" : "+")}{Count(Math.Abs(change))}";

    private static string Incidents(DatabaseMonth d) => d.Incidents.Count == 0 ? "<h3>Incidents</h3>\n<p>None.</p>\n" : $"""
        <h3>Incidents</h3>
        <ul>
        {Join(d.Incidents, i => $"<li><span class=\"when soft\">{Text(UtcText.Minutes(i.At))}</span> {Text(i.Sentence)}<small>{Code(i.Code)}</small></li>")}
        </ul>

        """;

    private static string Drills(DatabaseMonth d) => d.Drills.Count == 0 ? "<h3>Restore drills</h3>\n<p>None ended in this month: nothing was proven by a restore.</p>\n" : $"""
        <h3>Restore drills</h3>
        <table class="stack"><thead><tr><th>Backup</th><th>Ended</th><th class="num">Whole drill</th><th>Verdict</th></tr></thead><tbody>
        {Join(d.Drills, x => $"<tr><td class=\"name\"><span>{Code(x.Id)}</span></td><td data-label=\"Ended\"><span>{Time(x.At)}</span></td>{ReportPage.Cell("Whole drill", x.Seconds is { } s ? Seconds(s) : "no longer known")}"
            + $"<td data-label=\"Verdict\"><span class=\"word {Words.Of(x.Verdict)}\">{Word(x.Verdict)}</span></td></tr>")}
        </tbody></table>

        """;

    private static string Tiers(DatabaseMonth d) => d.Tiers.Count == 0 ? "" : $"""
        <h3>Retention and locks, now</h3>
        <table class="stack"><thead><tr><th>Tier</th><th>Kept for</th><th class="num">Backups</th><th>Oldest</th><th>Newest</th><th class="num">Stored</th><th class="num">Fully locked</th></tr></thead><tbody>
        {Join(d.Tiers, t => $"<tr><td class=\"name\"><span>{Words.Of(t.Tier)}</span></td><td data-label=\"Kept for\"><span>{(t.Keep is { } keep ? Text(keep) : "ever")}</span></td>{ReportPage.Cell("Backups", Count(t.Backups))}"
            + $"<td data-label=\"Oldest\"><span>{Code(t.Oldest)}</span></td><td data-label=\"Newest\"><span>{Code(t.Newest)}</span></td>{ReportPage.Cell("Stored", Bytes.Text(t.Bytes))}{ReportPage.Cell("Fully locked", Count(t.Locked))}</tr>")}
        </tbody></table>

        """;

    private static string Trail(DatabaseMonth d)
    {
        var problems = d.Trail.Problems.Count == 0 ? "" : $"<ul>{Join(d.Trail.Problems, p => $"<li><b class=\"fail\">Broken</b> {Text(p)}</li>")}</ul>\n";
        if (d.Trail.Deeds.Count == 0) return $"<h3>Evidence trail</h3>\n{problems}<p>No entry in this month.</p>\n";
        return $"""
            <h3>Evidence trail</h3>
            <p class="soft">{Count(d.Trail.Entries)} {(d.Trail.Entries == 1 ? "entry" : "entries")}; the chain of this month is {(d.Trail.Problems.Count == 0 ? "intact" : "broken")}.</p>
            {problems}<table class="stack"><thead><tr><th>Did</th><th>Result</th><th>Who</th><th class="num">Times</th><th>Last</th></tr></thead><tbody>
            {Join(d.Trail.Deeds.Take(DeedsShown), x => $"<tr><td class=\"name\"><span>{Text(x.Verb)}</span></td><td data-label=\"Result\"><span>{Text(x.Result)}</span></td><td data-label=\"Who\"><span>{Text(x.Operator)}</span></td>"
                + $"{ReportPage.Cell("Times", Count(x.Count))}<td data-label=\"Last\"><span>{Time(x.Last)}</span></td></tr>")}
            </tbody></table>
            {(d.Trail.Deeds.Count > DeedsShown ? $"<p class=\"soft\">{d.Trail.Deeds.Count - DeedsShown} more are in the JSON file.</p>" : "")}

            """;
    }
}
