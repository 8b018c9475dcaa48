using System.CommandLine;
using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Core.Postgres;

namespace Backup.Cli.Verbs;

/// <param name="Healthy">False when something would stop a run.</param>
/// <param name="Lines">In the order of the examination.</param>
public sealed record DoctorReport(bool Healthy, IReadOnlyList<DoctorLine> Lines);

/// <summary><c>backup doctor</c>: would a run succeed? One line per check; exit code 1 when one would stop it.</summary>
public static class DoctorVerb
{
    public static Command Create(VerbContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var o = context.Options;
        var roles = new Option<string?>("--roles") { Description = "Print the SQL that creates the two roles that backups log in as, ROLE and ROLE_clone, and nothing else.", HelpName = "ROLE" };
        var command = new Command("doctor", "Check tools, connections, rights and the vault; makes no backup.") { o.Source, o.Vault, o.Stack, o.Policy, o.Database, roles, o.Output };
        command.SetAction(async (parsed, cancel) =>
        {
            var place = Place.Of(context, parsed);
            if (parsed.GetValue(roles) is { } role) return await PrintRolesAsync(context, place, role, cancel);
            await using var vault = place.HasVault ? place.OpenVault() : null;
            var lines = await new Doctor(context.Machine, new PostgresInstallations(context.Machine)).ExamineAsync(
                place.HasSource ? place.Databases() : [], vault, place.Environment ?? Place.AdHocEnvironment, place.Policy?.Encryption.GpgRecipients.Count > 0, cancel);
            var healthy = lines.All(l => l.Health != Health.Bad);
            if (o.WantsJson(parsed)) context.Terminal.Line(CliJson.Write(new DoctorReport(healthy, lines), CliJson.Printed.DoctorReport));
            else foreach (var line in lines) context.Terminal.Line(Text(line));
            return healthy ? ErrorCode.Done : ErrorCode.Failed;
        });
        return command;
    }

    private static async Task<int> PrintRolesAsync(VerbContext context, Place place, string role, CancellationToken cancel)
    {
        foreach (var (database, source) in place.Databases())
        {
            context.Terminal.Line($"-- {database.Name}, to be run with psql in {source} by its owner or an administrator");
            foreach (var line in await RoleSql.ReadAsync(source, database.Provider, role, cancel)) context.Terminal.Line(line);
        }

        return ErrorCode.Done;
    }

    private static string Text(DoctorLine l)
    {
        var word = l.Health switch { Health.Good => "ok  ", Health.Note => "note", _ => "BAD " };
        return $"{word}  {l.Subject}: {l.Sentence}{(l.NextStep is null ? "" : $" → {l.NextStep}")}";
    }
}
