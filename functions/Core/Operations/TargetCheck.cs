using Backup.Core.Model;
using Backup.Core.Operations.Schemas;
using Backup.Core.Postgres;
using Npgsql;

namespace Backup.Core.Operations;

/// <summary>
/// Refuses a target that must not be overwritten, and says what is missing there (rights, roles, extensions, version), before anything is
/// fetched or written.
/// </summary>
internal sealed class TargetCheck(RestoreRequest request, NpgsqlConnection session, ServerFacts server)
{
    private Manifest Manifest => request.Backup.Manifest!;

    /// <summary>Everything that speaks against this target, before anything is fetched or written. What may disturb becomes a finding.</summary>
    public async Task CheckAsync(ICollection<Finding> findings, CancellationToken cancel)
    {
        CheckProtected();
        var exists = await ExistsAsync(session, request.Target.Database, cancel);
        switch (request.Mode)
        {
            case RestoreMode.Create when exists:
                throw Refused($"{request.Target} exists already", "Choose another name, or replace it with --clean (it is kept under another name).");
            case RestoreMode.Replace when request.IsPartial:
                throw Refused("single schemas cannot be swapped: functions, policies and extensions of the others would go on using the old ones",
                    "Leave --clean out and empty the schemas first, or restore into a new project or database.");
            case RestoreMode.Replace when exists && !request.AllowProtected && await IsSupabasesAsync(cancel):
                throw Refused($"Supabase's own services work in {request.Target}, and would go on in the old one", $"Leave --clean out. {OwnSchemas()}");
            case RestoreMode.Create when request.RowsOf.Count > 0:
                throw Refused($"a new database has no tables for the rows of {string.Join(", ", request.RowsOf)}", "Leave --rows-of out and restore the schema of these tables too (--schema).");
            case RestoreMode.Empty when !request.IsPartial && await UserObjectsAsync(cancel) is > 0 and var count:
                throw Refused($"{request.Target} is not empty: it holds {count} schemas, tables, views, sequences, functions, types or large objects", await NotEmptyAsync(cancel));
            case RestoreMode.Empty when server.Encoding != Manifest.Snapshot.Encoding:
                throw Unfit($"{request.Target} has the encoding {server.Encoding}, the backup {Manifest.Snapshot.Encoding}", "Use --create: the new database gets the right encoding.");
            case RestoreMode.Create or RestoreMode.Replace when !server.CanCreateDatabase:
                throw Unfit($"role {server.User} may not create databases on {request.Target.Host}",
                    $"Run as an administrator: ALTER ROLE {TableName.Quote(server.User)} CREATEDB; or restore into an empty database without --create and --clean.");
        }

        if (server.Major < Manifest.Snapshot.ServerMajor)
        {
            throw Unfit($"{request.Target} is PostgreSQL {server.Major}, the backup is of PostgreSQL {Manifest.Snapshot.ServerMajor}",
                $"Restore to PostgreSQL {Manifest.Snapshot.ServerMajor} or newer.");
        }

        if (request.IsPartial)
        {
            // Extensions and roles of other schemas need not be here; the archive says which are needed.
            if (request.Mode == RestoreMode.Empty) await CheckSchemasAsync(cancel);
        }
        else
        {
            await CheckExtensionsAsync(cancel);
            if (!request.NoOwner) await CheckRolesAsync(cancel);
        }

        if (request.Mode == RestoreMode.Empty) await CheckEventTriggersAsync(findings, cancel);
    }

    public static async Task<bool> ExistsAsync(NpgsqlConnection session, string database, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand("SELECT 1 FROM pg_database WHERE datname = @name", session);
        command.Parameters.AddWithValue("name", database);
        return await command.ExecuteScalarAsync(cancel) is not null;
    }

    private void CheckProtected()
    {
        if (request.AllowProtected) return;
        var target = request.Target;
        var source = Manifest.Source;
        var isSource = target.Database == source.Database
            && ((source.SystemIdentifier is not null && source.SystemIdentifier == server.SystemIdentifier)
                || (string.Equals(target.Host, source.Host, StringComparison.OrdinalIgnoreCase) && target.Port == source.Port));
        if (isSource)
            throw Refused($"{target} is the database that this backup was made from", $"Restore beside it: add --create with a new name. To {(request.IsPartial ? "restore into it after all: " : "overwrite it after all: --clean ")}--allow-protected.");
        if (request.Protected.Any(p => string.Equals(p.Host, target.Host, StringComparison.OrdinalIgnoreCase) && p.Port == target.Port && p.Database == target.Database))
            throw Refused($"the policy protects {target}", "Restore into another database. To overwrite it after all: --allow-protected.");
    }

    /// <summary>At a provider no database is ever empty: the words that leave the provider's schemas alone, to be pasted, when those of the team are free.</summary>
    private async Task<string> NotEmptyAsync(CancellationToken cancel)
    {
        var isFree = (await new SchemaTarget(session).MembersAsync(UserSchemas.Own(Manifest), cancel)).Count == 0;
        var clean = await IsSupabasesAsync(cancel) ? "" : ", or replace it with --clean (it is kept under another name)";
        return $"{(isFree ? OwnSchemas() + " Or give" : "Give")} an empty database{(clean.Length == 0 ? " or" : ",")} add --create with a new name{clean}.";
    }

    /// <summary>The database in which Supabase's services keep their own.</summary>
    private async Task<bool> IsSupabasesAsync(CancellationToken cancel) =>
        request.Target.Database == "postgres" && (await NamesAsync("SELECT rolname::text FROM pg_roles", cancel)).Contains("supabase_admin");

    private string OwnSchemas()
    {
        var rows = Manifest.Fingerprints.Any(f => f.Table == UserSchemas.Logins) ? $" (with logins: --rows-of {UserSchemas.Logins} --rows-of auth.identities)" : "";
        return $"To put the team's own schemas beside what is there, add: {string.Join(" ", UserSchemas.Own(Manifest).Select(s => $"--schema {RestoreByHand.Shell(s)}"))}{rows}.";
    }

    /// <summary>The chosen schemas are empty, and so are the tables that get rows.</summary>
    public async Task CheckSchemasAsync(CancellationToken cancel)
    {
        var members = await new SchemaTarget(session).MembersAsync(request.Schemas, cancel);
        if (members.Count > 0)
        {
            var schemas = members.Select(m => m.Schema).Distinct().ToList();
            throw Refused($"{request.Target} has objects in {string.Join(", ", schemas)}: {string.Join(", ", members.Take(10).Select(m => $"{m.Kind} {m.Sql.Replace("pg_catalog.", "", StringComparison.Ordinal)}"))}{(members.Count > 10 ? $" and {members.Count - 10} more" : "")}",
                $"If nobody needs them, drop them; then run it again. Or leave out {string.Join(" ", schemas.Select(s => $"--schema {RestoreByHand.Shell(s)}"))}, or restore into a new project.");
        }

        await new RowsOf(request, Manifest).CheckAsync(session, cancel);
    }

    private async Task CheckExtensionsAsync(CancellationToken cancel)
    {
        var available = await NamesAsync("SELECT name::text FROM pg_available_extensions", cancel);
        var missing = Manifest.Snapshot.Extensions.Where(e => !available.Contains(e.Name) && !request.IgnoreExtensions.Contains(e.Name)).Select(e => e.Name).ToList();
        if (missing.Count > 0)
            throw Unfit($"{request.Target.Host} lacks the extensions {string.Join(", ", missing)}", "Install them on the server (packages such as postgresql-contrib), or restore to one that has them.");
    }

    private async Task CheckRolesAsync(CancellationToken cancel)
    {
        var present = await NamesAsync("SELECT rolname::text FROM pg_roles", cancel);
        var missing = Manifest.Snapshot.Roles.Where(r => !present.Contains(r) && !r.StartsWith("pg_", StringComparison.Ordinal)).ToList();
        if (missing.Count == 0) return;
        throw Unfit($"{request.Target.Host} lacks the roles {string.Join(", ", missing)} that own objects or hold grants in the backup",
            $"Add --no-owner to leave owners and grants out, or create them first: {string.Join(" ", missing.Select(r => $"CREATE ROLE {TableName.Quote(r)};"))}");
    }

    // A provider's (or a team's own) event trigger runs with every CREATE of the restore, and what it raises ends the restore.
    private async Task CheckEventTriggersAsync(ICollection<Finding> findings, CancellationToken cancel)
    {
        var triggers = await NamesAsync("SELECT evtname::text FROM pg_event_trigger WHERE evtenabled <> 'D'", cancel);
        if (triggers.Count == 0) return;
        var names = triggers.Order(StringComparer.Ordinal).ToList();
        findings.Add(FindingCode.TargetEventTriggers.On(request.Target.Database,
            $"{request.Target} has event triggers, which run with every statement of the restore: {string.Join(", ", names)}",
            $"If the restore fails in one of them, disable it meanwhile: {string.Join(" ", names.Select(t => $"ALTER EVENT TRIGGER {TableName.Quote(t)} DISABLE;"))}"));
    }

    private async Task<long> UserObjectsAsync(CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand("""
            SELECT (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
                      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'))
                 + (SELECT count(*) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
                    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
                      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'))
                 + (SELECT count(*) FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
                    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND t.typelem = 0
                      AND (t.typrelid = 0 OR EXISTS (SELECT FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c'))
                      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e'))
                 + (SELECT count(*) FROM pg_namespace n WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'public')
                      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_namespace'::regclass AND d.objid = n.oid AND d.deptype = 'e'))
                 + (SELECT count(*) FROM pg_largeobject_metadata)
            """, session);
        return (long)(await command.ExecuteScalarAsync(cancel))!;
    }

    private async Task<HashSet<string>> NamesAsync(string sql, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(sql, session);
        await using var rows = await command.ExecuteReaderAsync(cancel);
        var names = new HashSet<string>(StringComparer.Ordinal);
        while (await rows.ReadAsync(cancel)) names.Add(rows.GetString(0));
        return names;
    }

    private static BackupException Refused(string sentence, string nextStep) => new(ErrorCode.TargetRefused, sentence, nextStep);

    private static BackupException Unfit(string sentence, string nextStep) => new(ErrorCode.TargetUnfit, sentence, nextStep);
}
