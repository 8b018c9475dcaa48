using System.CommandLine;
using System.Globalization;
using Backup.Core.Model;
using Backup.Core.Operations.Syncing;
using Backup.Core.Storage;

namespace Backup.Cli.Verbs;

/// <summary><c>backup sync</c>: copies what one vault has and another lacks, checked on the way.</summary>
public static class SyncVerb
{
    public static Command Create(VerbContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var o = context.Options;
        var from = new Option<string>("--from") { Description = "The vault to copy from: a folder or s3://bucket/prefix.", HelpName = "VAULT", Required = true };
        var to = new Option<string>("--to") { Description = "The vault to copy to.", HelpName = "VAULT", Required = true };
        var tier = new Option<string?>("--tier") { Description = "Only backups of this tier.", HelpName = "TIER" };
        var since = new Option<string?>("--since") { Description = "Only backups of this UTC time or younger.", HelpName = "TIME" };
        var noLock = new Option<bool>("--no-lock") { Description = "Copy without Object Lock, to a bucket that has none." };
        var command = new Command("sync", "Copy what one vault has and another lacks.") { from, to, o.Database, tier, since, noLock, o.Metrics, o.Output };
        command.SetAction(async (parsed, cancel) =>
        {
            await using var source = VaultFactory.Open(parsed.GetRequiredValue(from), context.Machine.WorkingFolder, context.Clock);
            await using var target = VaultFactory.Open(parsed.GetRequiredValue(to), context.Machine.WorkingFolder, context.Clock);
            if (source.Name == target.Name)
                throw new BackupException(ErrorCode.UsageWrong, $"--from and --to are both {source.Name}", "Name another vault to copy to.");
            var metrics = o.MetricSink(parsed, context);
            SyncReport report;
            using (var progress = new ProgressPrinter(context.Terminal, quiet: false))
            {
                report = await new CountedSync(new SyncVaults(context.Machine, context.Clock, progress), metrics, context.Clock).ExecuteAsync(new SyncRequest
                {
                    From = source,
                    To = target,
                    Database = parsed.GetValue(o.Database),
                    Tier = parsed.GetValue(tier) is { } word ? Words.Parse<Tier>(word, "--tier") : null,
                    Since = parsed.GetValue(since) is { } time ? Time(time) : null,
                    Lock = !parsed.GetValue(noLock),
                }, cancel);
            }

            if (o.WantsJson(parsed)) context.Terminal.Line(CliJson.Write(report, CliJson.Printed.SyncReport));
            else Print(context.Terminal, report);
            return report.Failed.Count == 0 ? ErrorCode.Done : ErrorCode.Failed;
        });
        return command;
    }

    private static void Print(Terminal terminal, SyncReport r)
    {
        foreach (var failure in r.Failed) terminal.Line($"FAILED: {failure.Id}: {failure.Sentence} [{failure.Code}] → {failure.NextStep}");
        terminal.Line($"copied {r.Copied.Count} backups ({r.Objects} objects, {Bytes.Text(r.Bytes)}) from {r.From} to {r.To}; {r.Present} were there"
            + (r.Expired > 0 ? $", {r.Expired} have expired there" : "") + (r.Failed.Count > 0 ? $", {r.Failed.Count} FAILED" : ""));
    }

    private static DateTimeOffset Time(string text) =>
        DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time)
            ? time
            : throw new BackupException(ErrorCode.UsageWrong, $"--since is \"{text}\"", "Give a UTC time such as 2026-03-01T02:00:00Z.");
}
