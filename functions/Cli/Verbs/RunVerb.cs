using System.CommandLine;
using System.Globalization;
using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Core.Policies;
using Backup.Core.Postgres;
using Backup.Core.Signals;

namespace Backup.Cli.Verbs;

/// <summary>One line of <c>run --output json</c>.</summary>
public sealed record RunView
{
    public required string Id { get; init; }
    public required string Database { get; init; }
    public required RunOutcome Outcome { get; init; }
    public string? Vault { get; init; }

    /// <summary>Key prefix of everything that belongs to the backup.</summary>
    public string? Prefix { get; init; }
    public Tier? Tier { get; init; }
    public long? RawBytes { get; init; }
    public long? StoredBytes { get; init; }
    public long? Rows { get; init; }
    public int? Tables { get; init; }
    public double? Seconds { get; init; }
    public IReadOnlyList<Finding> Findings { get; init; } = [];

    /// <summary>Seconds per stage, summed over parallel streams.</summary>
    public IReadOnlyDictionary<string, double> Stages { get; init; } = new Dictionary<string, double>();
}

/// <param name="Backups">Those that succeeded; failures are on standard error and in the exit code.</param>
public sealed record RunListReport(IReadOnlyList<RunView> Backups);

/// <summary><c>backup run</c>: makes one backup per database.</summary>
public static class RunVerb
{
    public static Command Create(VerbContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var o = context.Options;
        var kind = new Option<string>("--kind") { Description = "manual, scheduled or pre-deploy.", HelpName = "KIND", DefaultValueFactory = _ => "manual" };
        kind.AcceptOnlyFromAmong("manual", "scheduled", "pre-deploy");
        var scheduled = new Option<string?>("--scheduled-time") { Description = "The schedule's own UTC time; it makes the id, so a repeated trigger makes one backup.", HelpName = "TIME" };
        var jobs = new Option<int?>("--jobs") { Description = "Connections that copy large tables side by side (1 to 32).", HelpName = "N" };
        var shard = new Option<string?>("--shard-above") { Description = "Tables of this size or more are copied in chunks.", HelpName = "SIZE" };
        var gpg = new Option<string[]>("--gpg-recipient") { Description = "Encrypt to this public key file; may be repeated.", HelpName = "FILE" };
        var fingerprint = new Option<string?>("--fingerprint") { Description = "full, critical, counts or off.", HelpName = "MODE" };
        var commit = new Option<string?>("--commit") { Description = "The release that this backup precedes, for the manifest.", HelpName = "SHA" };
        var reference = new Option<string?>("--ref") { Description = "Its branch or tag.", HelpName = "REF" };
        var lockLimit = new Option<bool>("--ignore-lock-limit") { Description = "Run although the server's lock table may be too small." };
        var command = new Command("run", "Make a backup of one database, or of all databases of a policy.")
        {
            o.Source, o.Vault, o.Stack, o.Policy, o.Database, kind, scheduled, jobs, shard, fingerprint, gpg, commit, reference, lockLimit, o.Metrics, o.Output,
        };
        command.SetAction(async (parsed, cancel) =>
        {
            var place = Place.Of(context, parsed);
            await using var vault = place.OpenVault();
            var databases = place.Databases();
            var time = Time(parsed.GetValue(scheduled));
            var backupKind = Words.Parse<BackupKind>(parsed.GetValue(kind), "--kind");
            var requests = databases.Select(d => new RunRequest
            {
                Project = place.Policy?.Project ?? d.Database.Name,
                Environment = place.Environment ?? Place.AdHocEnvironment,
                Database = Adjust(d.Database, parsed.GetValue(jobs), parsed.GetValue(shard), parsed.GetValue(fingerprint)),
                Source = d.Source,
                Vault = vault,
                Kind = backupKind,
                ScheduledTime = time,
                Retention = place.Policy?.Retention,
                Lock = place.Policy?.Lock ?? LockMode.None,
                GpgRecipients = Recipients(parsed.GetValue(gpg) ?? [], place.Policy, context.Machine.WorkingFolder),
                Deployment = parsed.GetValue(commit) is null && parsed.GetValue(reference) is null ? null : new Deployment(parsed.GetValue(commit), parsed.GetValue(reference)),
                IgnoreLockLimit = parsed.GetValue(lockLimit),
            }).ToList();
            return await RunAsync(context, requests, o.MetricSink(parsed, context), o.WantsJson(parsed), cancel);
        });
        return command;
    }

    private static async Task<int> RunAsync(VerbContext context, IReadOnlyList<RunRequest> requests, IMetricSink metrics, bool json, CancellationToken cancel)
    {
        var views = new List<RunView>();
        var exit = ErrorCode.Done;
        foreach (var request in requests)
        {
            try
            {
                using var progress = new ProgressPrinter(context.Terminal, quiet: false);
                var run = new RunBackup(context.Machine, context.Clock, new PostgresInstallations(context.Machine), progress);
                var report = await new CountedRun(run, metrics, context.Clock).ExecuteAsync(request, cancel);
                views.Add(View(report, request));
            }
            catch (BackupException e) when (requests.Count > 1)
            {
                // One database that fails must not cost the others their backup.
                context.Terminal.Note($"{request.Database.Name}:");
                exit = context.Terminal.Report(e);
                continue;
            }

            if (!json) Print(context.Terminal, views[^1]);
        }

        if (json) context.Terminal.Line(CliJson.Write(new RunListReport(views), CliJson.Printed.RunListReport));
        return exit;
    }

    private static RunView View(RunReport report, RunRequest request) => new()
    {
        Id = report.Id.ToString(),
        Database = request.Database.Name,
        Outcome = report.Outcome,
        Vault = request.Vault.Name,
        Prefix = report.Prefix,
        Tier = report.Manifest?.Tier,
        RawBytes = report.Manifest?.Totals.RawBytes,
        StoredBytes = report.Manifest?.Totals.StoredBytes,
        Rows = report.Manifest?.Totals.Rows,
        Tables = report.Manifest?.Totals.Tables,
        Seconds = report.Manifest is { } m ? Math.Round((m.FinishedAt - m.StartedAt).TotalSeconds, 3) : null,
        Findings = report.Manifest?.Findings ?? [],
        Stages = report.Stages.ToDictionary(s => Words.Of(s.Key), s => Math.Round(s.Value.TotalSeconds, 3)),
    };

    private static void Print(Terminal terminal, RunView v)
    {
        switch (v.Outcome)
        {
            case RunOutcome.AlreadyDone:
                terminal.Line($"{v.Id} is committed already: nothing to do");
                return;
            case RunOutcome.AlreadyRunning:
                terminal.Line($"{v.Id} is being made by another process: skipped");
                return;
        }

        foreach (var finding in v.Findings) terminal.Note($"{Words.Of(finding.Severity)}: {finding.Sentence} → {finding.NextStep}");
        terminal.Line(string.Create(CultureInfo.InvariantCulture,
            $"{v.Id}: {v.Rows:N0} rows of {v.Tables} tables, {Bytes.Text(v.RawBytes ?? 0)} stored as {Bytes.Text(v.StoredBytes ?? 0)} in {v.Vault}, {v.Seconds:0.0} s"));
        if (terminal.Verbose)
            terminal.Note("time per stage, summed over parallel streams: " + string.Join(", ", v.Stages.Select(s => string.Create(CultureInfo.InvariantCulture, $"{s.Key} {s.Value:0.0} s"))));
    }

    private static DatabasePolicy Adjust(DatabasePolicy database, int? jobs, string? shardAbove, string? fingerprint)
    {
        if (jobs is < 1 or > 32) throw new BackupException(ErrorCode.UsageWrong, $"--jobs is {jobs}", "Give a number from 1 to 32.");
        return database with
        {
            Jobs = jobs ?? database.Jobs,
            ShardAbove = shardAbove is null ? database.ShardAbove : Size(shardAbove),
            Fingerprint = fingerprint is null ? database.Fingerprint : Words.Parse<FingerprintMode>(fingerprint, "--fingerprint"),
        };
    }

    private static long Size(string text) => PolicyText.TrySize(text, out var bytes) && bytes >= 1 << 20
        ? bytes
        : throw new BackupException(ErrorCode.UsageWrong, $"--shard-above is \"{text}\"", "Give a size of at least 1MiB, for example 32MiB.");

    internal static IReadOnlyList<string> Recipients(string[] files, Policy? policy, string folder)
    {
        var paths = files.Select(f => Path.GetFullPath(f, Path.GetFullPath(folder))).ToList();
        foreach (var path in paths.Where(p => !File.Exists(p)))
            throw new BackupException(ErrorCode.UsageWrong, $"the public key {path} does not exist", "Export it first: gpg --export --armor NAME > FILE.");
        return [.. policy?.Encryption.GpgRecipients ?? [], .. paths];
    }

    internal static DateTimeOffset? Time(string? text)
    {
        if (text is null) return null;
        return DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time)
            ? time
            : throw new BackupException(ErrorCode.UsageWrong, $"--scheduled-time is \"{text}\"", "Give a UTC time such as 2026-03-01T02:00:00Z.");
    }
}
