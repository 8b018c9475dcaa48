using System.CommandLine;
using System.Globalization;
using Backup.Core.Model;
using Backup.Core.Operations.Pruning;

namespace Backup.Cli.Verbs;

public sealed record PruneListReport(string Vault, IReadOnlyList<PruneReport> Databases);

/// <summary><c>backup prune</c>: ends what the policy's retention does not keep, or says what it would end.</summary>
public static class PruneVerb
{
    public static Command Create(VerbContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var o = context.Options;
        var dryRun = new Option<bool>("--dry-run") { Description = "Only say what would happen, and why." };
        var command = new Command("prune", "Expire the backups that the policy's retention does not keep.") { o.Vault, o.Stack, o.Policy, o.Database, dryRun, o.Output };
        command.SetAction(async (parsed, cancel) =>
        {
            o.RequiredPolicyPath(parsed, context.Machine);
            var place = Place.Of(context, parsed);
            await using var vault = place.OpenVault();
            var requests = PruneRequest.Of(place.Policy!, place.Database, vault, parsed.GetValue(dryRun));
            var json = o.WantsJson(parsed);
            var reports = new List<PruneReport>();
            var exit = ErrorCode.Done;
            foreach (var request in requests)
            {
                try
                {
                    using var progress = new ProgressPrinter(context.Terminal, quiet: false);
                    reports.Add(await new PruneBackups(context.Machine, context.Clock, progress).ExecuteAsync(request, cancel));
                }
                catch (BackupException e) when (requests.Count > 1)
                {
                    context.Terminal.Note($"{request.Database}:");
                    exit = context.Terminal.Report(e);
                    continue;
                }

                if (!json) Print(context.Terminal, reports[^1]);
            }

            if (json) context.Terminal.Line(CliJson.Write(new PruneListReport(vault.Name, reports), CliJson.Printed.PruneListReport));
            return exit;
        });
        return command;
    }

    private static void Print(Terminal terminal, PruneReport r)
    {
        if (r.Backups.Count > 0)
        {
            var table = new TextTable("BACKUP", "TIER", "AGE", "PLAN", "WHY");
            foreach (var b in r.Backups)
                table.Add(b.Id, Words.Of(b.Tier), string.Create(CultureInfo.InvariantCulture, $"{b.AgeDays:0.0} d"), b.Keep ? "keep" : "EXPIRE", b.Reason);
            foreach (var line in table.Lines(rightAligned: [2])) terminal.Line(line);
        }

        foreach (var finding in r.Findings) terminal.Note($"{Words.Of(finding.Severity)}: {finding.Sentence} → {finding.NextStep}");
        var (expired, finish, remove) = r.DryRun ? ("would expire", "would finish", "would remove") : ("expired", "finished", "removed");
        terminal.Line($"{r.Database}: {expired} {r.Expired} of {r.Backups.Count} backups"
            + (r.Finished.Count > 0 ? $", {finish} {r.Finished.Count} that an earlier prune began" : "")
            + (r.Leftovers.Count > 0 ? $", {remove} what {r.Leftovers.Count} dead runs left" : ""));
    }
}
