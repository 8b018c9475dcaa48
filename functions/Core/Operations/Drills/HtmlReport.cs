using System.Globalization;
using System.Text;
using Backup.Core.Model;
using static Backup.Core.Operations.Pages.Html;

namespace Backup.Core.Operations.Drills;

/// <summary>
/// A drill's report as one HTML page for people who were not there: no script, no asset from elsewhere, readable on a screen, a telephone and on paper.
/// Every text that comes from a database or a policy is escaped.
/// </summary>
public static class HtmlReport
{
    public static string Write(DrillReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        var page = new StringBuilder();
        page.Append(CultureInfo.InvariantCulture, $"""
            <header>
            <div><h1>Restore drill of {Name(report.Backup.Database)}</h1><p class="soft">{(report.Increments.Count > 0 ? "Increment" : "Backup")} {Code(report.Id)}, drilled on {Time(report.At)}</p></div>
            <div class="verdict {Words.Of(report.Verdict)}">{Word(report.Verdict)}</div>
            </header>
            <p>{Meaning(report)}</p>

            """);
        page.Append(Summary(report)).Append(Findings(report)).Append(Times(report)).Append(Checks(report)).Append(HtmlComparison.Write(report)).Append(NotProven(report)).Append(Form(report));
        page.Append(CultureInfo.InvariantCulture, $"""
            <footer>Made by backup {Text(report.Machine.Backup)} on {Text(report.Machine.Host)}. The same facts lie as JSON beside the backup, below {Code(report.Backup.Key + ResultName.Folder)}, where they are
            written once. A fingerprint finds accidents; tampering is what checksums, versions and locks of the vault find.</footer>

            """);
        return Page($"Restore drill {report.Id}: {Word(report.Verdict)}", page.ToString());
    }

    private static string Meaning(DrillReport r) => r.Verdict switch
    {
        Verdict.Pass when r.Increments.Count > 0 => "The tables that the increments hold were restored into a new, private PostgreSQL server, and the increments applied. Everything that was compared is equal.",
        Verdict.Pass => $"The backup was restored into a new, private PostgreSQL server. Everything that was compared is equal to the original{(r.Checks.Count > 0 ? ", and every check has passed" : "")}.",
        Verdict.Fail => "The backup could not be restored, or what came back is not what was backed up. The findings say what is different.",
        _ => "Something needed for the proof was missing, so that nothing can be said for certain. This is not a pass. The findings say what was missing.",
    };

    private static string Summary(DrillReport r)
    {
        var b = r.Backup;
        var equal = r.Tables.Count(t => t.Difference is null);
        return $"""
            <dl>
            {Fact("Data as of", b.SnapshotTime is { } time ? Time(time) : "unknown", b.SnapshotTime is { } s ? $"{Span(r.StartedAt - s)} old when drilled" : null)}
            {Fact("Database", Name(b.Database), $"{Text(b.Environment ?? "unknown environment")}{(b.ServerVersion is null ? "" : $", PostgreSQL {Text(b.ServerVersion)}")}")}
            {Fact("Backup", $"{Words.Of(b.Tier)}{(b.Kind is { } kind && Words.Of(kind) != Words.Of(b.Tier) ? $", {Words.Of(kind)}" : "")}", b.StoredBytes is { } stored ? $"{Bytes.Text(stored)} stored; {Bytes.Text(b.DatabaseBytes ?? 0)} as a database" : null)}
            {Fact("Tables equal", r.Tables.Count == 0 ? "not compared" : $"{Count(equal)} of {Count(r.Tables.Count)}", r.Tables.Count == 0 ? null : $"{Count(r.Tables.Sum(t => t.ActualRows ?? 0))} rows restored")}
            {Fact("Whole drill", Seconds(r.Seconds.Total), r.Rto is { } rto ? $"objective (RTO) {Seconds(rto.ObjectiveSeconds)}: {(rto.Met ? "met" : "NOT met")}" : r.Increments.Count > 0 ? "a part of the database" : "no recovery time objective in the policy")}
            {(r.AfterRestore is { Applied: true } after ? Fact("Then applied", Name(after.File), $"{Count(after.Statements!.Value)} statements, {Count(after.Rows!.Value)} rows changed; SHA-256 <span class=\"mono\">{Text(after.Sha256!)}</span>") : "")}
            {Fact("Restored with", r.Machine.Postgres is { } version ? $"PostgreSQL {Text(version)}" : "no server was started", r.Machine.Isolated switch { true => "cut off from every network", false => "not cut off from the network: the kernel did not allow it", null => null })}
            </dl>

            """;
    }

    private static string Findings(DrillReport r) => r.Findings.Count == 0 ? "" : $"""
        <h2>Findings</h2>
        <ul>
        {Join(r.Findings, f => $"<li><span class=\"{(f.Severity == Severity.Critical ? "fail" : "could-not-verify")} word\">{(f.Severity == Severity.Critical ? "Failed" : "Note")}</span> {Text(f.Sentence)}<small>{Text(f.NextStep)}</small></li>")}
        </ul>

        """;

    private static string Times(DrillReport r)
    {
        var s = r.Seconds;
        (string Name, string What, double Seconds)[] steps =
        [
            ("Prepare", "start a private server, make the roles", s.Prepare), ("Fetch", "look at what is stored, read the base archive", s.Fetch),
            ("Restore", "schema and rows; large tables are read from the vault on the way", s.Restore), ("Index", "indexes, keys and constraints", s.Index),
            ("Verify", "statistics, comparison, erasures, checks", s.Verify),
        ];
        var sum = Math.Max(0.001, steps.Sum(x => x.Seconds));
        return $"""
            <h2>Times</h2>
            <div class="bar">{string.Concat(steps.Select((x, i) => string.Create(CultureInfo.InvariantCulture, $"<i class=\"c{i}\" style=\"width:{x.Seconds / sum * 100:0.##}%\"></i>")))}</div>
            <table class="times"><tbody>
            {Join(steps.Select((x, i) => (x, i)), p => $"<tr><td><span class=\"key c{p.i}\"></span>{p.x.Name}</td><td class=\"soft\">{p.x.What}</td><td class=\"num\">{Seconds(p.x.Seconds)}</td></tr>")}
            <tr><td><b>Whole drill</b></td><td class="soft">{(r.Rto is { } rto ? $"recovery time objective: {Seconds(rto.ObjectiveSeconds)}, {(rto.Met ? "met" : "not met")}" : "")}</td><td class="num"><b>{Seconds(s.Total)}</b></td></tr>
            </tbody></table>

            """;
    }

    private static string Checks(DrillReport r) => r.Checks.Count == 0 ? "" : $"""
        <h2>Checks of the policy</h2>
        <table class="stack"><thead><tr><th>Check</th><th>Question</th><th>Expected</th><th>Answer</th><th>Result</th></tr></thead><tbody>
        {Join(r.Checks, c => $"<tr{(c.Verdict == Verdict.Pass ? "" : " class=\"differs\"")}><td class=\"name\"><span>{Name(c.Name)}</span></td><td data-label=\"Question\"><span>{Code(c.Question)}</span></td>"
            + $"<td data-label=\"Expected\"><span>{Text(c.Expectation)}</span></td><td data-label=\"Answer\"><span>{(c.Answer is null ? "none" : Text(c.Answer))}</span></td>"
            + $"<td data-label=\"Result\"><span class=\"{Words.Of(c.Verdict)}\"><b>{Word(c.Verdict)}</b>{(c.Reason is null ? "" : $" {Text(c.Reason)}")}</span></td></tr>")}
        </tbody></table>

        """;

    private static string NotProven(DrillReport r) => r.NotProven.Count == 0 ? "" : $"""
        <h2>Not proven by this drill</h2>
        <ul>
        {Join(r.NotProven, n => $"<li>{Text(n.Subject)}<small>{Text(n.Why)}</small></li>")}
        </ul>

        """;

    private static string Form(DrillReport r) => $"""
        <h2>For the record</h2>
        <section class="form">
        <dl>
        {Fact("Timestamp", Time(r.At), null)}
        {Fact("Backup used", Code(r.Id), r.Backup.ManifestSha256 is { } sha ? $"manifest SHA-256 <span class=\"mono\">{Text(sha)}</span>" : null)}
        {Fact("Duration", Seconds(r.Seconds.Total), null)}
        {Fact("Result", $"<b class=\"{Words.Of(r.Verdict)}\">{Word(r.Verdict)}</b>", null)}
        {Fact("Run by", Text(r.Operator), null)}
        </dl>
        <div class="notes">Notes<i></i><i></i></div>
        <div class="lines"><div>Responsible (name)</div><div>Date</div><div>Sign-off (signature)</div></div>
        </section>

        """;
}
