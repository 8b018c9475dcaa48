using System.CommandLine;
using System.Globalization;
using Backup.Core.Catalog;
using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Core.Operations.Increments;
using Backup.Core.Postgres;
using Backup.Core.Storage;

namespace Backup.Cli.Verbs;

/// <param name="Id">The backup.</param>
/// <param name="Increments">Its increments that the restore would apply.</param>
/// <param name="Objects">How many objects were asked for; 0 = all can be read now.</param>
/// <param name="Expect">When to come back, in words.</param>
public sealed record ThawReport(string Id, IReadOnlyList<string> Increments, int Objects, string Expect);

/// <summary><c>backup restore</c>: whole or some tables, into an empty, a new, or in place of a database.</summary>
public static class RestoreVerb
{
    public static Command Create(VerbContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var o = context.Options;
        var which = new Argument<string>("which") { Description = "latest or a UTC time: the last backup at or before it, with its increments; or an id." };
        var target = new Option<string?>("--target") { Description = "URL of the database to restore into, or ${NAME} for an environment variable.", HelpName = "URL" };
        var create = new Option<bool>("--create") { Description = "Make the target database; it must not exist." };
        var clean = new Option<bool>("--clean") { Description = "Replace the target: restore beside it, compare, swap by rename, keep the old one." };
        var tables = new Option<string[]>("--table") { Description = "Only the rows of this table; may be repeated. The whole schema comes with it.", HelpName = "T" };
        var schemas = new Option<string[]>("--schema") { Description = "Only this schema, also into a database that holds others (a fresh Supabase project); may be repeated.", HelpName = "S" };
        var rowsOf = new Option<string[]>("--rows-of") { Description = "The rows of this table into the empty one that the target has already (auth.users); may be repeated.", HelpName = "T" };
        var jobs = new Option<int>("--jobs") { Description = "Connections that load side by side (1 to 32).", HelpName = "N", DefaultValueFactory = _ => 2 };
        var noOwner = new Option<bool>("--no-owner") { Description = "Leave owners and grants out." };
        var allow = new Option<bool>("--allow-protected") { Description = "Allow a target that the policy protects, or that is the source itself." };
        var compare = new Option<string>("--compare") { Description = "counts: rows of every table; full: also every row's content.", HelpName = "HOW", DefaultValueFactory = _ => "counts" };
        compare.AcceptOnlyFromAmong([.. Words.All<Comparison>()]);
        var noIncrements = new Option<bool>("--no-increments") { Description = "The backup alone, without the increments of its critical tables." };
        var afterRestore = new Option<string?>("--after-restore") { Description = "SQL to run in the restored database before it is released, in one transaction; instead of the policy's afterRestore.", HelpName = "FILE" };
        var withoutErasures = new Option<bool>("--without-erasures") { Description = "Leave the policy's afterRestore out: the database as it was, with whoever was erased since." };
        var thaw = new Option<bool>("--thaw") { Description = "Ask for objects that are in an archive class, and say when to come back." };
        var thawDays = new Option<int>("--thaw-days") { Description = "How long the thawed copies stay.", HelpName = "N", DefaultValueFactory = _ => 7 };
        var command = new Command("restore", "Restore a backup.")
        {
            which, target, create, clean, tables, schemas, rowsOf, jobs, noOwner, allow, compare, noIncrements, afterRestore, withoutErasures, thaw, thawDays, o.Vault, o.Stack, o.Policy, o.Environment, o.Database, o.Output,
        };
        command.SetAction(async (parsed, cancel) =>
        {
            var place = Place.Of(context, parsed);
            await using var vault = place.OpenVault();
            var point = await place.FindPointAsync(vault, parsed.GetRequiredValue(which), !parsed.GetValue(noIncrements), cancel);
            if (parsed.GetValue(thaw)) return await ThawAsync(context, vault, point, parsed.GetValue(thawDays), o.WantsJson(parsed), cancel);
            if (parsed.GetValue(create) && parsed.GetValue(clean))
                throw new BackupException(ErrorCode.UsageWrong, "--create and --clean exclude each other", "Give --create for a new database, --clean to replace one.");
            if (parsed.GetValue(tables) is { Length: > 0 } && (parsed.GetValue(schemas) is { Length: > 0 } || parsed.GetValue(rowsOf) is { Length: > 0 }))
                throw new BackupException(ErrorCode.UsageWrong, "--table excludes --schema and --rows-of", "Give --table for the whole schema with the rows of some tables, --schema for some schemas with all their rows.");
            if (parsed.GetValue(jobs) is < 1 or > 32)
                throw new BackupException(ErrorCode.UsageWrong, $"--jobs is {parsed.GetValue(jobs)}", "Give a number from 1 to 32.");
            var text = parsed.GetValue(target)
                ?? throw new BackupException(ErrorCode.UsageWrong, "no target is given", "Add --target with the URL of an empty database, or of a new one with --create.");
            var request = new RestoreRequest
            {
                Vault = vault,
                Backup = point.Backup,
                Increments = point.Increments,
                Target = place.Connect(text, "--target"),
                Mode = parsed.GetValue(create) ? RestoreMode.Create : parsed.GetValue(clean) ? RestoreMode.Replace : RestoreMode.Empty,
                Tables = parsed.GetValue(tables) ?? [],
                Schemas = [.. (parsed.GetValue(schemas) ?? []).Distinct()],
                RowsOf = parsed.GetValue(rowsOf) ?? [],
                Jobs = parsed.GetValue(jobs),
                Protected = place.Protected(),
                AllowProtected = parsed.GetValue(allow),
                NoOwner = parsed.GetValue(noOwner),
                AfterRestore = AfterRestore.Decide(place.PolicyOf(point.Backup.Id.Database), FileOf(context, parsed.GetValue(afterRestore)), parsed.GetValue(withoutErasures), point.AfterRestore),
                Comparison = parsed.GetValue(compare) == "full" ? Comparison.Full : Comparison.Counts,
            };
            RestoreReport report;
            using (var progress = new ProgressPrinter(context.Terminal, quiet: false))
            {
                report = await new RestoreBackup(context.Machine, context.Clock, new PostgresInstallations(context.Machine), progress).ExecuteAsync(request, cancel);
            }

            if (point.Newer is { } newer) report = report with { Findings = [.. report.Findings, NewerRows(point, newer)] };
            if (o.WantsJson(parsed)) context.Terminal.Line(CliJson.Write(report, CliJson.Printed.RestoreReport));
            else Print(context.Terminal, report);
            return ErrorCode.Done;
        });
        return command;
    }

    private static string? FileOf(VerbContext context, string? given) => given switch
    {
        null => null,
        "" => throw new BackupException(ErrorCode.UsageWrong, "--after-restore names no file", "Give the path of a file with SQL statements."),
        _ => Path.GetFullPath(given, Path.GetFullPath(context.Machine.WorkingFolder)),
    };

    private static Finding NewerRows(RestorePoint point, CatalogEntry newer) => FindingCode.IncrementNewer.On(newer.Id.ToString(),
        $"the increment {newer.Id} holds newer rows of {string.Join(", ", newer.Manifest!.Increment!.Tables.Select(t => t.Table))} than what was restored; it completes {newer.Manifest.Increment.Base}, not {point.Backup.Id}",
        $"To have these rows, restore {newer.Id} beside this and bring them over.");

    private static async Task<int> ThawAsync(VerbContext context, IVault vault, RestorePoint point, int days, bool json, CancellationToken cancel)
    {
        var cold = new List<VaultObject>();
        foreach (var entry in point.Increments.Prepend(point.Backup))
        {
            var manifest = entry.Manifest ?? throw ArtifactReader.Damaged(entry.Problem!);
            cold.AddRange(await Stored.ColdAsync(vault, manifest.Artifacts, await Stored.ListAsync(vault, entry, cancel), cancel));
        }

        var expect = cold.Count == 0 ? "all objects can be read now"
            : vault is IColdVault archive ? await archive.ThawAsync(cold, days, cancel)
            : throw new BackupException(ErrorCode.VaultCold, $"{vault.Name} holds cold objects and cannot thaw them", "Thaw them with the tools of that store.");
        if (json) context.Terminal.Line(CliJson.Write(new ThawReport($"{point.Backup.Id}", [.. point.Increments.Select(i => $"{i.Id}")], cold.Count, expect), CliJson.Printed.ThawReport));
        else context.Terminal.Line($"{point.Backup.Id}{(point.Increments.Count > 0 ? $" and its increments up to {point.Increments[^1].Id}" : "")}: "
            + (cold.Count == 0 ? expect : $"asked for {cold.Count} objects, {expect}; then run the restore"));
        return ErrorCode.Done;
    }

    private static void Print(Terminal terminal, RestoreReport r)
    {
        foreach (var finding in r.Findings) terminal.Note($"{Words.Of(finding.Severity)}: {finding.Sentence} → {finding.NextStep}");
        foreach (var key in r.LeftOut) terminal.Note($"left out, because the table that it points to was not restored: foreign key {key}");
        terminal.Line(string.Create(CultureInfo.InvariantCulture,
            $"restored {What(r)}{r.Id} into {r.Target}: {r.Rows:N0} rows of {r.Tables} tables, compared by {Words.Of(r.Compared!.Value)}, {r.Steps.Sum(s => s.Seconds):0.0} s ({string.Join(", ", r.Steps.Select(s => string.Create(CultureInfo.InvariantCulture, $"{s.Step} {s.Seconds:0.0}")))})"));
        if (r.Increments.Count > 0) terminal.Line($"it holds {Holds(r)}");
        if (r.AfterRestore is { } after) terminal.Line($"{after}");
        if (r.KeptAs is not null) terminal.Line($"the database that was there before is kept as {r.KeptAs}; when nobody needs it: DROP DATABASE {TableName.Quote(r.KeptAs)}");
    }

    private static string What(RestoreReport r)
    {
        var parts = new List<string>();
        if (r.Schemas.Count > 0) parts.Add($"{(r.Schemas.Count == 1 ? "schema" : "schemas")} {string.Join(", ", r.Schemas)}");
        if (r.RowsOf.Count > 0) parts.Add($"rows of {string.Join(", ", r.RowsOf)}");
        return parts.Count == 0 ? "" : $"{string.Join(" and ", parts)} of ";
    }

    /// <summary>Which table is from when; a restore that mixes times must say so.</summary>
    private static string Holds(RestoreReport r)
    {
        var newer = r.Increments.GroupBy(i => i.Time).OrderByDescending(g => g.Key).Select(g => $"{string.Join(", ", g.Select(i => i.Table))} to {UtcText.Seconds(g.Key)}");
        return $"{string.Join("; ", newer)} (without deletions, unless the table was copied whole); everything else to {UtcText.Seconds(r.SnapshotTime)}";
    }
}
