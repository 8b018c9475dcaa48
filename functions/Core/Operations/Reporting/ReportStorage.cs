using System.Globalization;
using Backup.Core.Model;
using Backup.Core.Policies;
using static Backup.Core.Operations.Pages.Html;

namespace Backup.Core.Operations.Reporting;

/// <summary>The page's parts about vaults as a whole: what is stored and costs, and who has touched it.</summary>
internal static class ReportStorage
{
    private const int LinesShown = 100;

    public static string Write(MonthReport r) => Storage("Storage by class, now", r.Storage) + (r.Copy is { } copy ? Storage("The copy, now", copy) : "") + (r.Access is { } access ? Access(access) : "");

    public static string Usd(decimal usd) => usd is > 0 and < 0.01m ? "less than 0.01 USD" : string.Create(CultureInfo.InvariantCulture, $"{usd:N2} USD");

    private static string Storage(string title, StorageState s)
    {
        if (s.Problem is { } problem) return $"<h2>{title}</h2>\n<p><b class=\"fail\">{Code(s.Vault)} could not be read:</b> {Text(problem)}</p>\n";
        return $"""
            <h2>{title}</h2>
            <p class="soft">{Code(s.Vault)}. {(s.PricesAsOf is { } date ? $"Costs are those of storage alone, by list prices of {Text(date)}; requests, transfer and older versions are billed beside it." : "A folder costs what its disk costs.")}</p>
            {(s.Lines.Count == 0 ? "<p>Nothing is stored.</p>" : $"""
            <table class="stack"><thead><tr><th>Database</th><th>Class</th><th class="num">Stored</th><th class="num">Of it expired</th><th class="num">USD a month</th></tr></thead><tbody>
            {Join(s.Lines, l => $"<tr><td class=\"name\"><span>{Name(l.Database)}</span></td><td data-label=\"Class\"><span>{Code(l.Class)}</span></td>{ReportPage.Cell("Stored", Bytes.Text(l.Bytes))}{ReportPage.Cell("Of it expired", Bytes.Text(l.ExpiredBytes))}"
                + ReportPage.Cell("USD a month", l.MonthlyUsd is { } usd ? Usd(usd) : "–") + "</tr>")}
            <tr><td class="name"><span><b>All</b></span></td><td class="none"></td>{ReportPage.Cell("Stored", $"<b>{Bytes.Text(s.Bytes)}</b>")}<td class="none"></td>{ReportPage.Cell("USD a month", s.MonthlyUsd is { } all ? $"<b>{Usd(all)}</b>" : "–")}</tr>
            </tbody></table>
            """)}
            {(s.Missing.Count == 0 ? "" : $"<p><b class=\"fail\">It lacks {Count(s.Missing.Count)} good backups of this month:</b> {Join(s.Missing.Take(LinesShown), Code)}</p>")}

            """;
    }

    private static string Access(AccessFacts a) => $"""
        <h2>Access to backups</h2>
        <p class="soft">{Count(a.Events)} events in {Count(a.Files)} files of {Code(a.Log)}. Who was refused something comes first. What the trail did not record is not in here.</p>
        {(a.Unreadable.Count == 0 ? "" : $"<p><b class=\"fail\">{PolicyReading.Count(a.Unreadable.Count, "file")} could not be read</b>, so that their events are missing: {Join(a.Unreadable.Take(5), Code)}</p>")}
        {(a.Lines.Count == 0 ? "<p>No event of this month and environment is in it.</p>" : $"""
        <table class="stack"><thead><tr><th>Who</th><th>Action</th><th>Database</th><th class="num">Times</th><th class="num">Refused</th><th>Last</th></tr></thead><tbody>
        {Join(a.Lines.Take(LinesShown), l => $"<tr{(l.Denied > 0 ? " class=\"differs\"" : "")}><td class=\"name\"><span>{Code(l.Who)}</span></td><td data-label=\"Action\"><span class=\"when\">{Text(l.Action)}</span></td><td data-label=\"Database\"><span>{(l.Database is null ? "–" : Name(l.Database))}</span></td>"
            + $"{ReportPage.Cell("Times", Count(l.Count))}{ReportPage.Cell("Refused", Count(l.Denied))}<td data-label=\"Last\"><span>{Time(l.Last)}</span></td></tr>")}
        </tbody></table>
        """)}
        {(a.Lines.Count > LinesShown ? $"<p class=\"soft\">{a.Lines.Count - LinesShown} more are in the JSON file.</p>" : "")}

        """;
}
