using System.CommandLine;
using System.Globalization;
using System.Text;
using Backup.Core.Model;
using Backup.Core.Operations.Drills;
using Backup.Core.Operations.Increments;
using Backup.Core.Policies;
using Backup.Core.Postgres;
using Backup.Core.Storage;

namespace Backup.Cli.Verbs;

/// <summary><c>backup drill</c>: an automatic restore, judged. Exit code 0 PASS, 3 FAIL, 1 COULD NOT VERIFY.</summary>
public static class DrillVerb
{
    private const int NotProvenShown = 5;

    public static Command Create(VerbContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var o = context.Options;
        var which = new Argument<string>("which") { Description = "latest, an id, or a UTC time.", DefaultValueFactory = _ => "latest" };
        var folder = new Option<string?>("--report") { Description = "Folder for the HTML page; without it the page goes into the working folder.", HelpName = "DIR" };
        var jobs = new Option<int>("--jobs") { Description = "Connections that load side by side (1 to 32).", HelpName = "N", DefaultValueFactory = _ => 2 };
        var increments = new Option<bool>("--increments") { Description = "Prove the increments instead of their backup: only the tables that they hold are restored, and brought forward. An increment's id says the same." };
        var noRecord = new Option<bool>("--no-record") { Description = "Do not write the result into the vault." };
        var command = new Command("drill", "Restore a backup into a throw-away PostgreSQL, compare everything, ask the policy's questions, measure the time.")
        {
            which, increments, folder, jobs, noRecord, o.Vault, o.Stack, o.Policy, o.Environment, o.Database, o.Metrics, o.Output,
        };
        command.SetAction(async (parsed, cancel) =>
        {
            if (parsed.GetValue(jobs) is < 1 or > 32)
                throw new BackupException(ErrorCode.UsageWrong, $"--jobs is {parsed.GetValue(jobs)}", "Give a number from 1 to 32.");
            var metrics = o.MetricSink(parsed, context);
            var place = Place.Of(context, parsed);
            await using var vault = place.OpenVault();
            var (entry, chain) = await ChooseAsync(place, vault, parsed.GetRequiredValue(which), parsed.GetValue(increments), cancel);
            var reports = OutputFolder.Of(context, parsed.GetValue(folder), "--report");
            DrillReport report;
            using (var progress = new ProgressPrinter(context.Terminal, quiet: false))
            {
                var drill = new RunDrill(context.Machine, context.Clock, new PostgresInstallations(context.Machine), progress);
                report = await new CountedDrill(drill, metrics, context.Clock).ExecuteAsync(new DrillRequest
                {
                    Vault = vault,
                    Backup = entry,
                    Increments = chain,
                    Checks = place.PolicyOf(entry.Id.Database)?.Checks ?? [],
                    AfterRestore = place.PolicyOf(entry.Id.Database)?.AfterRestore,
                    IgnoreExtensions = place.Policy?.Drill?.IgnoreExtensions ?? [],
                    Rto = place.Policy?.Objectives?.Rto,
                    Jobs = parsed.GetValue(jobs),
                    Record = !parsed.GetValue(noRecord),
                }, cancel);
            }

            var page = Path.Combine(reports, $"drill-{VaultKeys.Escape(report.Id)}.html");
            await OutputFolder.WriteAsync(page, Encoding.UTF8.GetBytes(HtmlReport.Write(report)), "--report");
            if (o.WantsJson(parsed)) context.Terminal.Line(CliJson.Write(report, CliJson.Printed.DrillReport));
            else Print(context.Terminal, report);
            context.Terminal.Note($"report: {page}");
            return ExitCode(report.Verdict);
        });
        return command;
    }

    private static async Task<RestorePoint> ChooseAsync(Place place, IVault vault, string which, bool increments, CancellationToken cancel)
    {
        var isIncrement = BackupId.TryParse(which, out var id) && id.IsIncrement;
        if (!increments && !isIncrement) return new RestorePoint(await place.FindAsync(vault, which, cancel), []);
        var point = await place.FindPointAsync(vault, which, useIncrements: true, cancel);
        return point.Increments.Count > 0 ? point
            : throw new BackupException(ErrorCode.UsageWrong, BackupId.TryParse(which, out _) ? $"{which} names a backup, not its increments" : $"{point.Backup.Id} has no increments", "Give an increment's id, or latest or a time with --increments.");
    }

    /// <summary>Exit code of a verdict: what could not be tried is a failed operation, not a difference.</summary>
    public static int ExitCode(Verdict verdict) => verdict switch
    {
        Verdict.Pass => ErrorCode.Done,
        Verdict.Fail => ErrorCode.Different,
        _ => ErrorCode.Failed,
    };

    /// <summary>PASS, FAIL or COULD NOT VERIFY.</summary>
    public static string Word(Verdict verdict) => Words.Of(verdict).Replace('-', ' ').ToUpperInvariant();

    private static void Print(Terminal terminal, DrillReport r)
    {
        var s = r.Seconds;
        foreach (var finding in r.Findings) terminal.Line($"{(finding.Severity == Severity.Critical ? "FAILED" : "note")}: {finding.Sentence} → {finding.NextStep}");
        if (r.Tables.Count > 0)
        {
            var equal = r.Tables.Count(t => t.Difference is null);
            foreach (var i in r.Increments) terminal.Line(string.Create(CultureInfo.InvariantCulture, $"{i.Table}: new or changed rows: {i.Rows:N0}, of {PolicyReading.Count(i.Increments, "increment")}, as of {UtcText.Seconds(i.Time)}"));
            terminal.Line(string.Create(CultureInfo.InvariantCulture,
                $"compared: {equal} of {r.Tables.Count} tables equal, {r.Tables.Count(t => t.ActualHash is not null)} by content; {r.Sequences.Count(q => q.Difference is null)} of {r.Sequences.Count} sequences; {r.LargeObjects?.Actual.Count ?? 0} large objects; {r.Constraints?.Validated ?? 0} constraints hold; {r.Checks.Count(c => c.Verdict == Verdict.Pass)} of {r.Checks.Count} checks passed"));
        }

        if (r.AfterRestore is { } after) terminal.Line($"{after}");
        foreach (var not in r.NotProven.Take(NotProvenShown)) terminal.Line($"not proven: {not.Subject}: {not.Why}");
        if (r.NotProven.Count > NotProvenShown) terminal.Line($"not proven: {r.NotProven.Count - NotProvenShown} more; see the report");
        terminal.Line(string.Create(CultureInfo.InvariantCulture,
            $"time: {s.Total:0.0} s (prepare {s.Prepare:0.0}, fetch {s.Fetch:0.0}, restore {s.Restore:0.0}, index {s.Index:0.0}, verify {s.Verify:0.0}){(r.Rto is { } rto ? $"; objective (RTO) {rto.ObjectiveSeconds:0} s: {(rto.Met ? "met" : "NOT met")}" : r.Increments.Count > 0 ? "" : "; no recovery time objective in the policy")}"));
        terminal.Line($"{Word(r.Verdict)}: {r.Id}");
    }
}
