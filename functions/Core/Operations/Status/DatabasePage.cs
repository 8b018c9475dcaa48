using System.Globalization;
using System.Text;
using Backup.Core.Model;
using Backup.Core.Operations.Pages;
using Backup.Core.Operations.Serving;
using Backup.Core.Operations.Watching;
using static Backup.Core.Operations.Pages.Html;
using static Backup.Core.Operations.Status.StatusHtml;

namespace Backup.Core.Operations.Status;

/// <summary>One database: its backups, what they prove, what is wrong, and, where the service allows it, buttons. Pure.</summary>
public static class DatabasePage
{
    /// <summary>Backups on one page.</summary>
    public const int PageSize = 25;

    /// <param name="database">One that the policy names.</param>
    /// <param name="page">From 1; another number is the nearest that there is.</param>
    /// <param name="said">What the last button did, for people; null = nothing was asked.</param>
    public static string Write(ServiceStatus status, string database, int page, string? said = null)
    {
        ArgumentNullException.ThrowIfNull(status);
        var d = status.Of(database);
        var backups = status.Backups()[database].ToList();
        var html = new StringBuilder();
        html.Append(CultureInfo.InvariantCulture, $"""
            <nav><a href="/">All databases</a></nav>
            <header>
            <div><h1>{Name(database)}</h1><p class="soft">{Text(status.Policy.Environment)}, in {Code(status.Vault)}</p></div>
            <div class="verdict {Class(d.Standing)}">{StatusHtml.Word(d.Standing)}</div>
            </header>
            {(said is null ? "" : $"<p class=\"said\" role=\"status\">{Text(said)}</p>\n")}
            """);
        html.Append(Wrong(status, d)).Append(Facts(status, d)).Append(Now(status, database)).Append(status.AllowsActions ? Actions(database) : "")
            .Append("<h2>Size over time</h2>\n").Append(SizeChart.Write(backups, small: false)).Append(Backups(status, database, backups, page)).Append(Lately(status, database));
        return Frame(status, $"{StatusHtml.Word(d.Standing)}: {database}", html.ToString(), 0);
    }

    private static string Wrong(ServiceStatus status, DatabaseStatus d)
    {
        var items = d.Failures.Select(f => Failure(f, "", status.Now)).Concat((d.State?.Findings ?? []).Select(f => Finding(f, ""))).ToList();
        return items.Count == 0 ? "" : $"<h2>What is noticed, and what to do</h2>\n<ul class=\"findings\">\n{string.Join('\n', items)}\n</ul>\n";
    }

    private static string Facts(ServiceStatus status, DatabaseStatus d)
    {
        var s = d.State;
        var now = status.Now;
        return $"""
            <dl>
            {Fact("Last good backup", s?.LastBackupAt is { } at ? Ago(at, now) : s is null ? "not known" : "none", s?.LastBackup is { } id ? $"{Code(id)}, data as of {Minute(s.LastBackupAt!.Value)}" : null)}
            {Fact("Oldest it may be", s?.MaxAgeHours is { } most ? Html.Span(TimeSpan.FromHours(most)) : "no limit: it has no schedule", s?.Schedule is { } cron ? $"schedule {Code(cron)} UTC" : null)}
            {Fact("Proven by a drill", StatusPage.Proof(s, now), s?.LastDrill is { } drill ? $"restored {Code(drill.Id)}" : null)}
            {Fact("Stored size", s?.StoredBytes is { } size ? Bytes.Text(size) : "–", s?.Rows is { } rows ? $"{Count(rows)} rows, {Bytes.Text(s.RawBytes ?? 0)} unpacked, made in {Seconds(s.Seconds ?? 0)}" : null)}
            {Fact("Backups", s is null ? "–" : Count(s.Backups), s?.Missed.Count > 0 ? $"{s.Missed.Count} scheduled times of the last days brought none" : null)}
            {Fact("Next backup", d.Next is { } next ? Ago(next, now) : "on demand", d.Next is { } time ? Minute(time) : null)}
            {(s?.IncrementAgeHours is { } hours ? Fact("Critical tables copied", $"{Html.Span(TimeSpan.FromHours(hours))} ago", null) : "")}
            {(s?.CopyLagHours is { } lag ? Fact("Second vault is behind by", Html.Span(TimeSpan.FromHours(lag)), null) : "")}
            </dl>

            """;
    }

    private static string Now(ServiceStatus status, string database)
    {
        var running = status.Running.Where(r => r.Work.Database == database).ToList();
        var waiting = status.Waiting.Where(w => w.Database == database).ToList();
        return running.Count + waiting.Count == 0 ? "" : $"""
            <h2>Now</h2>
            <ul>
            {Join(running, r => $"<li><b>{Capital(r.Work)}</b>, since {Html.Span(status.Now - r.StartedAt)}<small>{Text(r.Step)}</small></li>")}
            {Join(waiting, w => $"<li>{Capital(w)}<small>waits for its turn</small></li>")}
            </ul>

            """;
    }

    private static string Backups(ServiceStatus status, string database, IReadOnlyList<WatchedBackup> backups, int page)
    {
        if (backups.Count == 0) return "<h2 id=\"backups\">Backups</h2>\n<p>There are none.</p>\n";
        var pages = (backups.Count + PageSize - 1) / PageSize;
        page = Math.Clamp(page, 1, pages);
        return $"""
            <h2 id="backups">Backups</h2>
            <table class="stack"><thead><tr><th>Backup</th><th>Tier</th><th>Made</th><th class="num">Stored</th><th>Proof</th><th>Kept</th></tr></thead><tbody>
            {Join(backups.Skip((page - 1) * PageSize).Take(PageSize), b => Row(status, b))}
            </tbody></table>
            {(pages == 1 ? "" : $"<nav class=\"pages\" aria-label=\"Pages of backups\">{Step(database, page - 1, "Newer", page > 1)}<span>page {page} of {pages}, {Count(backups.Count)} backups</span>{Step(database, page + 1, "Older", page < pages)}</nav>")}

            """;
    }

    private static string Step(string database, int page, string word, bool isThere) => !isThere ? $"<span class=\"soft\">{word}</span>"
        : string.Create(CultureInfo.InvariantCulture, $"<a href=\"/database/{Text(Uri.EscapeDataString(database))}?page={page}#backups\">{word}</a>");

    private static string Row(ServiceStatus status, WatchedBackup b)
    {
        var end = Expiry.Of(b, status.Policy.Retention);
        var kept = (Expiry.LockedUntil(b) is { } until ? $"locked until {Minute(until)}; " : "") + (end is { } at ? at > status.Now ? $"at least until {Minute(at)}" : "its age is reached" : "for ever");
        return $"""
            <tr{(b.IsComplete || b.Manifest is null && b.Entry.Problem is null ? "" : " class=\"differs\"")}><td class="name"><span>{Code(b.Id.ToString())}</span></td><td data-label="Tier"><span>{Words.Of(b.Entry.Tier)}</span></td>
            <td data-label="Made"><span>{Ago(b.Id.Time, status.Now)}</span></td><td class="num" data-label="Stored"><span>{(b.StoredBytes > 0 ? Bytes.Text(b.StoredBytes) : "–")}</span></td>
            <td data-label="Proof"><span>{Proofs(b, status.Now)}</span></td><td data-label="Kept"><span>{kept}</span></td></tr>
            """;
    }

    private static string Proofs(WatchedBackup b, DateTimeOffset now)
    {
        if (b.Entry.Problem is { } problem) return $"<span class=\"fail\">cannot be read: {Text(problem)}</span>";
        if (!b.IsWhole) return "<span class=\"fail\">objects are missing</span>";
        var proofs = Enum.GetValues<ProofKind>().Reverse().Select(b.Entry.Newest).OfType<ResultName>().ToList();
        return proofs.Count == 0 ? "<span class=\"soft\">none</span>"
            : string.Join("<br>", proofs.Select(r => $"{Words.Of(r.Kind)} <span class=\"word {Words.Of(r.Verdict)}\">{Html.Word(r.Verdict)}</span> {Ago(r.At, now)}"));
    }

    private static string Lately(ServiceStatus status, string database)
    {
        var records = status.Records.Where(r => r.Work.Database == database).Take(20).ToList();
        return records.Count == 0 ? "" : $"<h2>Lately</h2>\n<ul>\n{Join(records, r => StatusPage.Record(r, status.Now))}\n</ul>\n";
    }

    private static string Actions(string database) => $"""
        <form class="form act" method="post" action="/act"><h2>By hand</h2>
        <p>Each is done as soon as its turn comes. Nothing here restores over a database or removes anything.</p>
        <input type="hidden" name="database" value="{Text(database)}">
        <input type="text" name="username" value="{Text(database)}" autocomplete="username" hidden>
        <label>Token <input type="password" name="token" required autocomplete="current-password"></label>
        <div class="buttons"><button name="action" value="backup">Back up now</button><button name="action" value="verify">Verify latest</button><button name="action" value="drill">Drill latest</button></div>
        </form>

        """;
}
