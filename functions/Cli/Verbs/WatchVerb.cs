using System.CommandLine;
using System.Globalization;
using Backup.Core.Model;
using Backup.Core.Operations.Watching;
using Backup.Core.Policies;
using Backup.Core.Signals;
using Backup.Core.Storage;

namespace Backup.Cli.Verbs;

/// <summary><c>backup watch</c>: is everything that the policy promises true right now? Exit code 4 when something is wrong.</summary>
public static class WatchVerb
{
    public static Command Create(VerbContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var o = context.Options;
        var copy = new Option<string?>("--copy") { Description = "The copy of the vault, to see whether it has what the vault has.", HelpName = "URL" };
        var notify = new Option<string?>("--notify") { Description = "Tell the policy's channels what changed since the last time; FILE remembers what was told.", HelpName = "FILE" };
        var noVersions = new Option<bool>("--no-versions") { Description = "Do not list the versions of objects in S3: cheaper, for watches between the daily one." };
        var command = new Command("watch", "Judge whether every database is safe, from the vault alone.")
        {
            o.Vault, o.Stack, o.Policy, o.Database, copy, noVersions, notify, o.Metrics, o.Output,
        };
        command.SetAction(async (parsed, cancel) =>
        {
            var place = Place.Of(context, parsed);
            var policy = place.Policy
                ?? throw new BackupException(ErrorCode.UsageWrong, "watch needs a policy: it says what should be there", "Add --stack NAME or --policy FILE.");
            var database = Known(policy, parsed.GetValue(o.Database));
            var metrics = o.MetricSink(parsed, context);
            using var channels = parsed.GetValue(notify) is null ? null : NoticeChannels.Open(policy.Notify, context.Machine);
            await using var vault = place.OpenVault();
            await using var other = parsed.GetValue(copy) is { } url ? VaultFactory.Open(url, context.Machine.WorkingFolder, context.Clock) : null;
            var report = await new Watch(context.Clock).ExecuteAsync(new WatchRequest
            {
                Policy = policy,
                Vault = vault,
                Copy = other,
                Database = database,
                WithVersions = !parsed.GetValue(noVersions),
            }, cancel);
            await metrics.EmitAsync(WatchSignals.Metrics(report), cancel);
            if (o.WantsJson(parsed)) context.Terminal.Line(CliJson.Write(report, CliJson.Printed.WatchReport));
            else Print(context.Terminal, report);
            if (channels is not null)
            {
                var memory = new NoticeStateFile(Path.GetFullPath(parsed.GetValue(notify)!, Path.GetFullPath(context.Machine.WorkingFolder)));
                using var messenger = new Messenger(channels, memory, context.Clock, context.Terminal.Note);
                await messenger.TellAsync(report, [], cancel);
            }

            return report.Healthy ? ErrorCode.Done : ErrorCode.Problem;
        });
        return command;
    }

    private static string? Known(Policy policy, string? database) => database is null || policy.Databases.Any(d => d.Name == database)
        ? database
        : throw new BackupException(ErrorCode.UsageWrong, $"the policy has no database {database}", $"It has {string.Join(", ", policy.Databases.Select(d => d.Name))}.");

    private static void Print(Terminal terminal, WatchReport report)
    {
        foreach (var state in report.Databases) terminal.Line(Line(state));
        foreach (var state in report.Databases.Where(s => s.Findings.Count > 0)) Print(terminal, state.Database, state.Findings);
        if (report.Findings.Count > 0) Print(terminal, report.Vault, report.Findings);
    }

    private static string Line(DatabaseState s)
    {
        var last = s.LastBackupAt is { } at
            ? string.Create(CultureInfo.InvariantCulture, $"last backup {at.UtcDateTime:yyyy-MM-dd HH:mm}Z ({s.AgeHours:0.#} h ago{(s.MaxAgeHours is { } most ? $", {most:0.#} h allowed" : "")})")
            : "no backup";
        var proof = s.LastDrill is { } drill ? $"drill {Words.Of(drill.Verdict)} {drill.At.UtcDateTime:yyyy-MM-dd}"
            : s.LastVerify is { } verify ? $"verify {Words.Of(verify.Verdict)} {verify.At.UtcDateTime:yyyy-MM-dd}, never drilled" : "never proven";
        var warnings = s.Findings.Count(f => f.Severity == Severity.Warning);
        return $"{(s.Safe ? "SAFE   " : "AT RISK")}  {s.Database}: {last}, {proof}" + (s.Safe && warnings > 0 ? $"; {PolicyReading.Count(warnings, "warning")}" : "");
    }

    private static void Print(Terminal terminal, string subject, IReadOnlyList<Finding> findings)
    {
        terminal.Line("");
        terminal.Line(subject);
        foreach (var finding in findings)
        {
            terminal.Line($"  {Words.Of(finding.Severity)} [{finding.Code}] {finding.Sentence}");
            terminal.Line($"    → {finding.NextStep}");
        }
    }
}
