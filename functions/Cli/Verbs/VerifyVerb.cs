using System.CommandLine;
using System.Globalization;
using Backup.Core.Catalog;
using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Core.Postgres;

namespace Backup.Cli.Verbs;

/// <param name="Results">Newest first; of a backup that could not be tried the reason is on standard error.</param>
public sealed record VerifyListReport(IReadOnlyList<VerifyResult> Results);

/// <summary><c>backup verify</c>: proof of what is stored. Exit code 3 when something differs, 1 when it could not be tried.</summary>
public static class VerifyVerb
{
    public static Command Create(VerbContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var o = context.Options;
        var which = new Argument<string>("which") { Description = "latest, an id, or a UTC time.", DefaultValueFactory = _ => "latest" };
        var level = new Option<string>("--level") { Description = "checksum: every stored byte; archive: also unpacked and read to its end; restore: also restored into a throw-away PostgreSQL and compared.", HelpName = "LEVEL", DefaultValueFactory = _ => "checksum" };
        level.AcceptOnlyFromAmong([.. Words.All<VerifyLevel>()]);
        var last = new Option<int?>("--last") { Description = "The newest N backups, each by itself, instead of one.", HelpName = "N" };
        var noRecord = new Option<bool>("--no-record") { Description = "Do not write the result into the vault." };
        var command = new Command("verify", "Prove that a backup is whole.") { which, last, level, noRecord, o.Vault, o.Stack, o.Policy, o.Environment, o.Database, o.Output };
        command.SetAction(async (parsed, cancel) =>
        {
            var place = Place.Of(context, parsed);
            await using var vault = place.OpenVault();
            var verifyLevel = Words.Parse<VerifyLevel>(parsed.GetValue(level), "--level");
            async Task<VerifyResult> VerifyAsync(CatalogEntry entry)
            {
                using var progress = new ProgressPrinter(context.Terminal, quiet: false);
                return await new VerifyBackup(context.Machine, context.Clock, new PostgresInstallations(context.Machine), progress, place.Policy?.Drill?.IgnoreExtensions)
                    .ExecuteAsync(vault, entry, verifyLevel, !parsed.GetValue(noRecord), cancel);
            }

            if (parsed.GetValue(last) is not { } count)
            {
                var result = await VerifyAsync(await place.FindAsync(vault, parsed.GetRequiredValue(which), cancel));
                if (o.WantsJson(parsed)) context.Terminal.Line(CliJson.Write(result, CliJson.Printed.VerifyResult));
                else Print(context.Terminal, result);
                return DrillVerb.ExitCode(result.Verdict);
            }

            if (count < 1 || parsed.GetRequiredValue(which) != "latest")
                throw new BackupException(ErrorCode.UsageWrong, $"--last is {count} and the backup is {parsed.GetRequiredValue(which)}", "Give --last a number from 1, and no backup beside it.");
            return await VerifyEachAsync(context, await place.FindLastAsync(vault, count, cancel), VerifyAsync, o.WantsJson(parsed));
        });
        return command;
    }

    /// <summary>One that cannot be tried must not cost the others their proof. A difference outweighs it in the exit code.</summary>
    private static async Task<int> VerifyEachAsync(VerbContext context, IReadOnlyList<CatalogEntry> entries, Func<CatalogEntry, Task<VerifyResult>> verify, bool json)
    {
        var results = new List<VerifyResult>();
        var exit = ErrorCode.Done;
        foreach (var entry in entries)
        {
            try
            {
                results.Add(await verify(entry));
            }
            catch (BackupException e)
            {
                context.Terminal.Note($"{entry.Id}:");
                exit = context.Terminal.Report(e);
                continue;
            }

            if (!json) Print(context.Terminal, results[^1]);
        }

        if (json) context.Terminal.Line(CliJson.Write(new VerifyListReport(results), CliJson.Printed.VerifyListReport));
        if (results.Exists(r => r.Verdict == Verdict.Fail)) return ErrorCode.Different;
        return results.Exists(r => r.Verdict == Verdict.CouldNotVerify) ? ErrorCode.Failed : exit;
    }

    private static void Print(Terminal terminal, VerifyResult r)
    {
        foreach (var finding in r.Findings) terminal.Line($"{(finding.Severity == Severity.Critical ? "DIFFERENT" : "note")}: {finding.Sentence} → {finding.NextStep}");
        var outcome = r.Verdict switch
        {
            Verdict.Pass => "passed",
            Verdict.Fail => $"FAILED with {r.Findings.Count(f => f.Severity == Severity.Critical)} differences",
            _ => "COULD NOT BE VERIFIED",
        };
        terminal.Line(string.Create(CultureInfo.InvariantCulture,
            $"{r.Id}: {outcome} at level {Words.Of(r.Level)}, {r.Objects} objects, {Bytes.Text(r.StoredBytes)}, {r.Seconds:0.0} s"));
    }
}
