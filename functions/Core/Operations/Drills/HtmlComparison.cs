using Backup.Core.Model;
using Backup.Core.Policies;
using static Backup.Core.Operations.Pages.Html;

namespace Backup.Core.Operations.Drills;

/// <summary>The part of the page that shows both sides: increments, tables, sequences, large objects, materialised views, constraints.</summary>
internal static class HtmlComparison
{
    public static string Write(DrillReport r) => Increments(r) + Tables(r) + Sequences(r) + Others(r);

    private static string Increments(DrillReport r) => r.Increments.Count == 0 ? "" : $"""
        <h2>Increments</h2>
        <ul>
        {Join(r.Increments, i => $"<li>{Name(i.Table)} as of {Time(i.Time)}<small>{PolicyReading.Count(i.Increments, "increment")}, new or changed rows: {Count(i.Rows)}</small></li>")}
        </ul>

        """;

    // What differs comes first: in 400 tables nobody would find it.
    private static string Tables(DrillReport r) => r.Tables.Count == 0 ? "" : $"""
        <h2>Tables</h2>
        <p class="soft">{(r.Increments.Count > 0 ? "What the backup and its increments add up to, and what the restored tables hold."
            : "Rows and fingerprint of every table, in the snapshot of the original and after the restore.")} A partitioned table is shown as a whole.</p>
        <div class="scroll"><table class="stack"><thead><tr><th>Table</th><th class="num">Rows, original</th><th class="num">Rows, restored</th><th>Fingerprint, original</th><th>Fingerprint, restored</th><th>Result</th></tr></thead><tbody>
        {Join(r.Tables.OrderBy(t => t.Difference is null), Row)}
        </tbody></table></div>

        """;

    private static string Row(TableComparison t) => $"<tr{Differs(t.Difference)}><td class=\"name\"><span>{Name(t.Table)}</span></td>"
        + $"<td class=\"num\" data-label=\"Rows, original\"><span>{Count(t.ExpectedRows)}</span></td><td class=\"num\" data-label=\"Rows, restored\"><span>{Count(t.ActualRows)}</span></td>"
        + $"<td data-label=\"Original\"><span class=\"mono\">{Text(t.ExpectedHash ?? "not taken")}</span></td><td data-label=\"Restored\"><span class=\"mono\">{Text(t.ActualHash ?? "–")}</span></td>"
        + $"<td data-label=\"Result\">{Result(t)}</td></tr>";

    private static string Result(TableComparison t) => t switch
    {
        { Difference: not null } => "<span class=\"word fail\">DIFFERENT</span>",
        { ActualHash: not null } => "<span class=\"word pass\">equal</span>",
        { ExpectedRows: not null } => "<span class=\"word pass\">equal rows</span>",
        _ => "<span class=\"word could-not-verify\">not compared</span>",
    };

    private static string Sequences(DrillReport r) => r.Sequences.Count == 0 ? "" : $"""
        <h2>Sequences</h2>
        <table class="stack"><thead><tr><th>Sequence</th><th class="num">Original</th><th class="num">Restored</th><th>Result</th></tr></thead><tbody>
        {Join(r.Sequences.OrderBy(s => s.Difference is null), s => $"<tr{Differs(s.Difference)}><td class=\"name\"><span>{Name(s.Sequence)}</span></td>"
            + $"<td class=\"num\" data-label=\"Original\"><span>{Count(s.From)}{(s.To == s.From ? "" : $" to {Count(s.To)}")}</span></td><td class=\"num\" data-label=\"Restored\"><span>{Count(s.Actual)}</span></td>"
            + $"<td data-label=\"Result\"><span class=\"word {(s.Difference is null ? "pass\">equal" : "fail\">DIFFERENT")}</span></td></tr>")}
        </tbody></table>

        """;

    private static string Others(DrillReport r)
    {
        var lines = new List<string>();
        if (r.LargeObjects is { } l && (l.Expected.Count > 0 || l.Difference is not null))
            lines.Add($"<li>{Count(l.Expected.Count)} large objects in the original, {Count(l.Actual.Count)} restored<small class=\"mono\">original {Text(l.Expected.Hash ?? "not taken")}, restored {Text(l.Actual.Hash ?? "–")}</small></li>");
        lines.AddRange(r.MaterializedViews.Select(v =>
            $"<li>Materialised view {Name(v.View)}: {Count(v.ExpectedRows)} rows in the original, {Count(v.ActualRows)} computed by the restore{(v.Difference is null ? "" : $"<small class=\"fail\">{Text(v.Difference)}</small>")}</li>"));
        if (r.Constraints is { } c)
        {
            var not = c.NotValidated.Count == 0 ? "" : $"<small>Not validated in the original either (NOT VALID): {Text(string.Join("; ", c.NotValidated))}</small>";
            lines.Add($"<li>{Count(c.Validated)} constraints hold (keys, foreign keys, checks, exclusions){not}</li>");
        }

        return lines.Count == 0 ? "" : $"<h2>Beside the tables</h2>\n<ul>\n{string.Join('\n', lines)}\n</ul>\n\n";
    }

    private static string Differs(string? difference) => difference is null ? "" : " class=\"differs\"";
}
