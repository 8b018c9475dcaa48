using System.CommandLine;
using System.Globalization;
using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Core.Operations.Increments;
using Backup.Core.Policies;
using Backup.Core.Signals;

namespace Backup.Cli.Verbs;

/// <summary>One line of <c>incremental --output json</c>.</summary>
public sealed record IncrementView
{
    public required string Id { get; init; }
    public required string Database { get; init; }
    public required IncrementOutcome Outcome { get; init; }

    /// <summary>The backup that it completes.</summary>
    public string? Base { get; init; }
    public string? Vault { get; init; }
    public string? Prefix { get; init; }
    public long? StoredBytes { get; init; }
    public IReadOnlyList<IncrementTableView> Tables { get; init; } = [];
    public IReadOnlyList<Finding> Findings { get; init; } = [];
}

public sealed record IncrementTableView(TableName Table, IncrementMode Mode, long Rows);

/// <param name="Increments">Those that succeeded; failures are on standard error and in the exit code.</param>
public sealed record IncrementListReport(IReadOnlyList<IncrementView> Increments);

/// <summary><c>backup incremental</c>: the critical tables since their last increment.</summary>
public static class IncrementalVerb
{
    public static Command Create(VerbContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var o = context.Options;
        var scheduled = new Option<string?>("--scheduled-time") { Description = "The schedule's own UTC time: only the tables that are due then. Without it all critical tables.", HelpName = "TIME" };
        var tables = new Option<string[]>("--table") { Description = "Without a policy: a table, and the columns of its unique key if that is not the primary key; may be repeated.", HelpName = "SCHEMA.TABLE[:KEY]" };
        var full = new Option<bool>("--full") { Description = "With --table: the whole table, so that deleted rows are gone too." };
        var gpg = new Option<string[]>("--gpg-recipient") { Description = "Encrypt to this public key file; may be repeated.", HelpName = "FILE" };
        var command = new Command("incremental", "Copy the rows of the critical tables that appeared or changed since the last increment.")
        {
            o.Source, o.Vault, o.Stack, o.Policy, o.Database, scheduled, tables, full, gpg, o.Metrics, o.Output,
        };
        command.SetAction(async (parsed, cancel) =>
        {
            var place = Place.Of(context, parsed);
            await using var vault = place.OpenVault();
            var named = (parsed.GetValue(tables) ?? []).Distinct(StringComparer.Ordinal).Select(t => Table(t, parsed.GetValue(full))).ToList();
            if (place.Policy is not null && named.Count > 0)
                throw new BackupException(ErrorCode.UsageWrong, "--table and a policy both name tables", "Leave --table out, or write the table under criticalTables.");
            var databases = place.Databases().Select(d => (Database: named.Count > 0 ? d.Database with { CriticalTables = named } : d.Database, d.Source))
                .Where(d => d.Database.CriticalTables.Count > 0).ToList();
            if (databases.Count == 0)
                throw new BackupException(ErrorCode.UsageWrong, "no critical tables are named", "Write them under criticalTables of a database in the policy, or add --table schema.table.");
            var time = RunVerb.Time(parsed.GetValue(scheduled));
            var requests = databases.Select(d => new RunRequest
            {
                Project = place.Policy?.Project ?? d.Database.Name,
                Environment = place.Environment ?? Place.AdHocEnvironment,
                Database = d.Database,
                Source = d.Source,
                Vault = vault,
                Kind = BackupKind.Incremental,
                ScheduledTime = time,
                Retention = place.Policy?.Retention,
                Lock = place.Policy?.Lock ?? LockMode.None,
                GpgRecipients = RunVerb.Recipients(parsed.GetValue(gpg) ?? [], place.Policy, context.Machine.WorkingFolder),
            }).ToList();
            return await RunAsync(context, requests, o.MetricSink(parsed, context), o.WantsJson(parsed), cancel);
        });
        return command;
    }

    private static async Task<int> RunAsync(VerbContext context, IReadOnlyList<RunRequest> requests, IMetricSink metrics, bool json, CancellationToken cancel)
    {
        var views = new List<IncrementView>();
        var exit = ErrorCode.Done;
        foreach (var request in requests)
        {
            try
            {
                using var progress = new ProgressPrinter(context.Terminal, quiet: false);
                var report = await new CountedIncrement(new RunIncrement(context.Machine, context.Clock, progress), metrics, context.Clock).ExecuteAsync(request, cancel);
                views.Add(View(report, request));
                // The tables that could be copied are safe; the command has failed all the same, and says for which.
                foreach (var failure in report.Failures) exit = context.Terminal.Report(new BackupException(ErrorCode.SourceTable, failure.Sentence, failure.NextStep));
            }
            catch (BackupException e) when (requests.Count > 1)
            {
                context.Terminal.Note($"{request.Database.Name}:");
                exit = context.Terminal.Report(e);
                continue;
            }

            if (!json) Print(context.Terminal, views[^1]);
        }

        if (json) context.Terminal.Line(CliJson.Write(new IncrementListReport(views), CliJson.Printed.IncrementListReport));
        return exit;
    }

    private static IncrementView View(IncrementReport report, RunRequest request) => new()
    {
        Id = report.Id.ToString(),
        Database = request.Database.Name,
        Outcome = report.Outcome,
        Base = report.Manifest?.Increment?.Base,
        Vault = request.Vault.Name,
        Prefix = report.Prefix,
        StoredBytes = report.Manifest?.Totals.StoredBytes,
        Tables = [.. (report.Manifest?.Increment?.Tables ?? []).Select(t => new IncrementTableView(t.Table, t.Mode, report.Manifest!.Artifacts.Single(a => a.Table == t.Table).Rows ?? 0))],
        Findings = report.Manifest?.Findings ?? [],
    };

    private static void Print(Terminal terminal, IncrementView v)
    {
        switch (v.Outcome)
        {
            case IncrementOutcome.AlreadyDone:
                terminal.Line($"{v.Id} is committed already: nothing to do");
                return;
            case IncrementOutcome.AlreadyRunning:
                terminal.Line($"another increment of {v.Database} is being made: skipped; the next one starts where the last one ended");
                return;
            case IncrementOutcome.NothingDue:
                terminal.Line($"no critical table of {v.Database} is due");
                return;
        }

        foreach (var finding in v.Findings.Where(f => f.Code != ErrorCode.SourceTable.Name)) terminal.Note($"{Words.Of(finding.Severity)}: {finding.Sentence} → {finding.NextStep}");
        var tables = string.Join(", ", v.Tables.Select(t => string.Create(CultureInfo.InvariantCulture, $"{t.Table} {t.Rows:N0} {(t.Rows == 1 ? "row" : "rows")}{(t.Mode == IncrementMode.Full ? " (all)" : "")}")));
        terminal.Line($"{v.Id}: {tables}, stored as {Bytes.Text(v.StoredBytes ?? 0)} in {v.Vault}; completes {v.Base}");
    }

    private static CriticalTable Table(string text, bool full)
    {
        var at = 0;
        for (var quoted = false; at < text.Length && (quoted || text[at] != ':'); at++) quoted ^= text[at] == '"';
        var name = TableName.Parse(text[..at]);
        if (name.Schema.Length == 0 || name.Name.Length == 0)
            throw new BackupException(ErrorCode.UsageWrong, $"--table is \"{text}\"", "Write schema.table, or schema.table:column,column with the columns of a unique key.");
        return new CriticalTable(text[..at], at < text.Length ? text[(at + 1)..] : null, null, TimeSpan.Zero, full ? IncrementMode.Full : IncrementMode.Changes);
    }
}
