using System.CommandLine;
using System.Globalization;
using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Core.Postgres;

namespace Backup.Cli.Verbs;

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
        var noRecord = new Option<bool>("--no-record") { Description = "Do not write the result into the vault." };
        var command = new Command("verify", "Prove that a backup is whole.") { which, level, noRecord, o.Vault, o.Stack, o.Policy, o.Environment, o.Database, o.Output };
        command.SetAction(async (parsed, cancel) =>
        {
            var place = Place.Of(context, parsed);
            await using var vault = place.OpenVault();
            var entry = await place.FindAsync(vault, parsed.GetRequiredValue(which), cancel);
            var verifyLevel = Words.Parse<VerifyLevel>(parsed.GetValue(level), "--level");
            VerifyResult result;
            using (var progress = new ProgressPrinter(context.Terminal, quiet: false))
            {
                result = await new VerifyBackup(context.Machine, context.Clock, new PostgresInstallations(context.Machine), progress, place.Policy?.Drill?.IgnoreExtensions)
                    .ExecuteAsync(vault, entry, verifyLevel, !parsed.GetValue(noRecord), cancel);
            }

            if (o.WantsJson(parsed)) context.Terminal.Line(CliJson.Write(result, CliJson.Printed.VerifyResult));
            else Print(context.Terminal, result);
            return DrillVerb.ExitCode(result.Verdict);
        });
        return command;
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
