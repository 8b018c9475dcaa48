using System.Globalization;
using System.Text;
using Backup.Core.Model;
using Backup.Core.Operations.Pages;
using Backup.Core.Operations.Serving;
using Backup.Core.Operations.Watching;
using Backup.Core.Policies;
using static Backup.Core.Operations.Pages.Html;
using static Backup.Core.Operations.Status.StatusHtml;

namespace Backup.Core.Operations.Status;

/// <summary>The first page of a service: is every database safe right now, what is wrong, what to do. A pure function of the status; no script, no asset from elsewhere.</summary>
public static class StatusPage
{
    private const int RefreshSeconds = 60;
    private const int NextShown = 8;
    private const int RecordsShown = 12;
    private const int ExpiringShown = 5;

    public static string Write(ServiceStatus status)
    {
        ArgumentNullException.ThrowIfNull(status);
        var databases = status.Databases;
        var (css, word) = Verdict(status, databases);
        var page = new StringBuilder();
        page.Append(CultureInfo.InvariantCulture, $"""
            <header>
            <div><h1>Backups of {Name(status.Policy.Project)}</h1><p class="soft">{PolicyReading.Count(databases.Count, "database")} of {Text(status.Policy.Environment)}, in {Code(status.Vault)}{(status.Copy is null ? "" : $", copied to {Code(status.Copy)}")}</p></div>
            <div class="verdict {css}">{word}</div>
            </header>
            <p>{Looked(status)}</p>

            """);
        var backups = status.Backups();
        page.Append(Wrong(status, databases)).Append(Table(status, databases, backups)).Append(Works(status)).Append(Expiring(status, backups));
        return Frame(status, $"{word}: backups of {status.Policy.Project}", page.ToString(), RefreshSeconds);
    }

    private static (string Css, string Word) Verdict(ServiceStatus status, IReadOnlyList<DatabaseStatus> databases)
    {
        var atRisk = databases.Count(d => d.Standing == Standing.AtRisk);
        if (status.Illness is not null && atRisk == 0) return ("could-not-verify", "NOT KNOWN");
        if (atRisk > 0) return ("fail", atRisk == databases.Count ? $"{(atRisk == 1 ? "" : "ALL ")}AT RISK" : $"{atRisk} OF {databases.Count} AT RISK");
        if (status.Look!.Report.Findings.Any(f => f.Severity == Severity.Critical)) return ("fail", "THE VAULT NEEDS YOU");
        return databases.Any(d => d.Standing == Standing.Failing) ? ("could-not-verify", "SAFE, BUT A RUN FAILED") : ("pass", "ALL SAFE");
    }

    private static string Looked(ServiceStatus status)
    {
        var next = status.Planned.FirstOrDefault(w => w.Kind == WorkKind.Watch)?.ScheduledTime;
        var then = next is { } at ? $" The next look is at {Minute(at)}, and after every backup and drill." : "";
        if (status.LookedAt is not { } looked) return $"The first look at the vault has not ended yet: nothing is known.{then}";
        if (status.Look?.Facts is null) return $"<b>The vault could not be read</b> {Ago(looked, status.Now)}: nothing is known.{then}";
        if (!status.IsCurrent && looked > status.Now) return $"<b>The last look at the vault was at {Minute(looked)}</b>, which has not come yet, so a clock is or was wrong: what stands below may not be true.{then}";
        return status.IsCurrent ? $"The vault was looked at {Ago(looked, status.Now)}.{then}" : $"<b>Nobody has looked at the vault for {Html.Span(status.Now - looked)}</b>: what stands below may no longer be true.{then}";
    }

    private static string Wrong(ServiceStatus status, IReadOnlyList<DatabaseStatus> databases)
    {
        var items = new List<(Severity Severity, string Html)>();
        foreach (var d in databases)
        {
            // What a run said comes before what followed from it.
            items.AddRange(d.Failures.Select(f => (Severity.Critical, Failure(f, $"{Link(d.Name)}: ", status.Now))));
            items.AddRange((d.State?.Findings ?? []).Where(f => f.Severity != Severity.Info).Select(f => (f.Severity, Finding(f, $"{Link(d.Name)}: "))));
        }

        items.AddRange((status.Look?.Report.Findings ?? []).Where(f => f.Severity != Severity.Info).Select(f => (f.Severity, Finding(f, "The vault: "))));
        // A watch that could not read the vault has said so in the findings.
        items.AddRange(status.Counts.Where(c => c.Database is null && c.Last.Result.Outcome == WorkOutcome.Failed && status.Look?.Facts is not null).Select(c => (Severity.Critical, Failure(c.Last, "The service: ", status.Now))));
        if (!status.IsScheduling) items.Add((Severity.Critical, "<li><span class=\"word fail\">Critical</span> the scheduler does not run<span class=\"do\"><b>Do:</b> Restart the service.</span></li>"));
        return items.Count == 0 ? "" : $"""
            <h2 id="wrong">What is wrong, and what to do</h2>
            <ul class="findings">
            {Join(items.OrderByDescending(i => i.Severity), i => i.Html)}
            </ul>

            """;
    }

    private static string Table(ServiceStatus status, IReadOnlyList<DatabaseStatus> databases, ILookup<string, WatchedBackup> backups) => $"""
        <h2>Databases</h2>
        <table class="stack databases"><thead><tr><th>Database</th><th>Now</th><th>Last good backup</th><th>Proven by a drill</th><th>Size over time</th><th>Next backup</th></tr></thead><tbody>
        {Join(databases.OrderByDescending(d => d.Standing switch { Standing.AtRisk => 3, Standing.Unknown => 2, Standing.Failing => 1, _ => 0 }), d => Row(status, d, backups[d.Name]))}
        </tbody></table>

        """;

    private static string Row(ServiceStatus status, DatabaseStatus d, IEnumerable<WatchedBackup> backups)
    {
        var s = d.State;
        var last = s?.LastBackupAt is { } at
            ? $"{Ago(at, status.Now)}{(s.MaxAgeHours is { } most ? $"<small>at most {Html.Span(TimeSpan.FromHours(most))} allowed</small>" : "<small>no schedule</small>")}"
            : s is null ? "not known" : "<b>none</b>";
        return $"""
            <tr{(d.Standing == Standing.AtRisk ? " class=\"differs\"" : "")}><td class="name"><span>{Link(d.Name)}</span></td>
            <td data-label="Now"><span class="word {Class(d.Standing)}">{StatusHtml.Word(d.Standing)}{Why(status, d)}</span></td>
            <td data-label="Last good backup"><span>{last}</span></td>
            <td data-label="Proven by a drill"><span>{Proof(s, status.Now)}</span></td>
            <td data-label="Size"><span class="size">{(s?.StoredBytes is { } size ? Bytes.Text(size) : "–")}{(s?.SizeDeviation is { } change ? string.Create(CultureInfo.InvariantCulture, $"<small>{change:+0.#;-0.#;0} % against usual</small>") : "")}{SizeChart.Write(backups, small: true)}</span></td>
            <td data-label="Next backup"><span>{(d.Next is { } next ? $"{Ago(next, status.Now)}<small>{Minute(next)}</small>" : "on demand")}</span></td></tr>
            """;
    }

    private static string Why(ServiceStatus status, DatabaseStatus d)
    {
        var codes = (d.State?.Findings ?? []).Where(f => f.Severity == Severity.Critical).Select(f => f.Code).Distinct().ToList();
        var isBackingUp = status.Running.Any(r => r.Work.Kind == WorkKind.Backup && r.Work.Database == d.Name);
        return (codes.Count == 0 || d.Standing != Standing.AtRisk ? "" : $"<small>{Text(string.Join(", ", codes))}</small>") + (isBackingUp ? "<small>a backup is being made</small>" : "");
    }

    internal static string Proof(DatabaseState? s, DateTimeOffset now) => s switch
    {
        null => "not known",
        { LastDrill: { } drill } => $"<span class=\"word {Words.Of(drill.Verdict)}\">{Html.Word(drill.Verdict)}</span> {Ago(drill.At, now)}",
        { LastVerify: { } verify } => $"never; verify {Html.Word(verify.Verdict)} {Ago(verify.At, now)}",
        _ => "never",
    };

    private static string Works(ServiceStatus status) => $"""
        <div class="columns"><section><h2>Now</h2>
        <ul>{(status.Running.Count + status.Waiting.Count == 0 ? "<li class=\"soft\">Nothing runs.</li>" : "")}
        {Join(status.Running, r => $"<li><b>{Capital(r.Work)}</b>{OfDatabase(r.Work)}, since {Html.Span(status.Now - r.StartedAt)}<small>{Text(r.Step)}</small></li>")}
        {Join(status.Waiting.Take(NextShown), w => $"<li>{Capital(w)}{OfDatabase(w)}<small>waits for its turn</small></li>")}{(status.Waiting.Count > NextShown ? $"<li class=\"soft\">and {status.Waiting.Count - NextShown} more wait</li>" : "")}
        </ul></section><section><h2>Next</h2>
        <ul>
        {Join(status.Planned.Take(NextShown), w => $"<li>{Minute(w.ScheduledTime!.Value)} {Say(w.Kind)}{OfDatabase(w)}</li>")}
        </ul></section><section><h2>Lately</h2>
        <ul>{(status.Records.Count == 0 ? "<li class=\"soft\">Nothing has ended since the service started.</li>" : "")}
        {Join(status.Records.Where(r => r.Work.Kind != WorkKind.Watch || r.Result.Outcome == WorkOutcome.Failed).Take(RecordsShown), r => Record(r, status.Now))}
        </ul></section></div>

        """;

    internal static string Record(WorkRecord r, DateTimeOffset now)
    {
        var (css, word) = r.Result.Outcome switch
        {
            WorkOutcome.Done => ("pass", "Done"),
            WorkOutcome.Failed => ("fail", "Failed"),
            WorkOutcome.Stopped => ("could-not-verify", "Stopped"),
            _ => ("soft", "Nothing to do"),
        };
        return $"<li><span class=\"word {css}\">{word}</span> {Say(r.Work.Kind)}{OfDatabase(r.Work)}, {Ago(r.EndedAt, now)}, took {Html.Seconds(r.Duration.TotalSeconds)}<small>{Text(r.Result.Sentence)}</small></li>";
    }

    private static string Expiring(ServiceStatus status, ILookup<string, WatchedBackup> backups)
    {
        if (status.Policy.Retention is not { } retention) return "<h2>What expires</h2>\n<p>Nothing: the policy has no retention, so every backup is kept for ever.</p>\n";
        var soon = backups.SelectMany(g => g).Select(b => (Backup: b, End: Expiry.Of(b, retention))).Where(x => x.End is not null).OrderBy(x => x.End).ToList();
        var due = soon.Count(x => x.End <= status.Now);
        var prune = status.Planned.FirstOrDefault(w => w.Kind == WorkKind.Prune)?.ScheduledTime;
        return $"""
            <h2>What expires</h2>
            <p>{(prune is { } at ? $"The next prune is at {Minute(at)}. " : "")}{(due == 0 ? "No backup has reached its age." : $"{Count(due)} backups have reached their age.")} Whatever its age, a prune keeps the newest {retention.MinimumKept} good backups of a
            database, the newest proven ones, what is locked, and everything while a backup is missing.</p>
            <ul>
            {Join(soon.Where(x => x.End > status.Now).Take(ExpiringShown), x => $"<li>{Code(x.Backup.Id.ToString())}, {Words.Of(x.Backup.Entry.Tier)}: not before {Minute(x.End!.Value)}{(Expiry.LockedUntil(x.Backup) is { } until ? $", locked until {Minute(until)}" : "")}</li>")}
            </ul>

            """;
    }
}
