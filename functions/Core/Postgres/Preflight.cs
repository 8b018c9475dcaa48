using Backup.Core.Model;
using Npgsql;

namespace Backup.Core.Postgres;

/// <summary>
/// Everything that would make a dump fail or, worse, leave rows out, found before the first byte: missing rights, row security,
/// large objects of others. Agrees with what pg_dump itself would refuse.
/// </summary>
public static class Preflight
{
    // Members of an extension are made by CREATE EXTENSION; only its registered configuration tables are dumped.
    private const string NotExtensionMember = """
        NOT EXISTS (SELECT FROM pg_depend d JOIN pg_extension x ON x.oid = d.refobjid
                    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
                      AND NOT c.oid = ANY (coalesce(x.extconfig, '{}')))
        """;

    private const string Rights = $"""
        SELECT CASE WHEN NOT has_schema_privilege(n.oid, 'USAGE') THEN 'schema' WHEN c.relkind = 'S' THEN 'sequence' ELSE 'table' END,
               n.nspname::text, c.relname::text
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'S') AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
          AND NOT n.nspname = ANY (@excluded) AND {NotExtensionMember}
          AND NOT (has_schema_privilege(n.oid, 'USAGE')
                   AND CASE c.relkind WHEN 'S' THEN has_sequence_privilege(c.oid, 'SELECT') ELSE has_table_privilege(c.oid, 'SELECT') END)
        UNION ALL
        SELECT 'rls', n.nspname::text, c.relname::text
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p') AND NOT n.nspname = ANY (@excluded) AND row_security_active(c.oid)
        UNION ALL
        SELECT 'large object', '', m.oid::text
        FROM pg_largeobject_metadata m
        WHERE NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AND NOT pg_has_role(m.lomowner, 'USAGE')
          AND NOT EXISTS (SELECT FROM aclexplode(m.lomacl) a
                          WHERE a.privilege_type = 'SELECT' AND (a.grantee = 0 OR pg_has_role(a.grantee, 'USAGE')))
        ORDER BY 1, 2, 3
        """;

    private sealed record Denied(string Why, string Schema, string Name)
    {
        public override string ToString() => Why == "large object" ? Name : new TableName(Schema, Name).ToString();
    }

    /// <summary>source.rights, naming every object that this role cannot read whole and the SQL that mends it.</summary>
    public static async Task CheckRightsAsync(NpgsqlConnection session, ServerFacts server, IReadOnlyList<string> excludedSchemas, CancellationToken cancel)
    {
        var denied = new List<Denied>();
        await using (var command = new NpgsqlCommand(Rights, session))
        {
            command.Parameters.AddWithValue("excluded", excludedSchemas.ToArray());
            await using var rows = await command.ExecuteReaderAsync(cancel);
            while (await rows.ReadAsync(cancel)) denied.Add(new Denied(rows.GetString(0), rows.GetString(1), rows.GetString(2)));
        }

        if (denied.Count == 0) return;
        var role = TableName.Quote(server.User);
        var sentences = new List<string>();
        var mends = new List<string>();
        void Add(string why, string sentence, Func<IReadOnlyList<Denied>, string> mend)
        {
            var of = denied.Where(d => d.Why == why).ToList();
            if (of.Count == 0) return;
            sentences.Add($"{sentence}: {string.Join(", ", of)}");
            mends.Add(mend(of));
        }

        Add("schema", "lacks USAGE on the schema of", of =>
            string.Join(" ", of.Select(d => d.Schema).Distinct().Select(s =>
                $"GRANT USAGE ON SCHEMA {TableName.Quote(s)} TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA {TableName.Quote(s)} TO {role}; GRANT SELECT ON ALL SEQUENCES IN SCHEMA {TableName.Quote(s)} TO {role};")));
        Add("table", "lacks SELECT on", of => $"GRANT SELECT ON {string.Join(", ", of.Select(d => new TableName(d.Schema, d.Name).Sql))} TO {role};");
        Add("sequence", "lacks SELECT on the sequences", of => $"GRANT SELECT ON SEQUENCE {string.Join(", ", of.Select(d => new TableName(d.Schema, d.Name).Sql))} TO {role};");
        Add("rls", "would see only some rows, because of row-level security, of", _ => $"ALTER ROLE {role} BYPASSRLS;");
        Add("large object", "cannot read the large objects", of => $"GRANT SELECT ON LARGE OBJECT {string.Join(", ", of.Select(d => d.Name))} TO {role};");
        throw new BackupException(ErrorCode.SourceRights, $"role {server.User} {string.Join("; and ", sentences)}",
            $"Run as an owner or administrator: {string.Join(" ", mends)}");
    }

    /// <summary>
    /// source.limits when the locks of the snapshot session and of pg_dump could exhaust the server's lock table, which
    /// would hit the application too.
    /// </summary>
    public static void CheckLockTable(ServerFacts server, int relations)
    {
        var needed = 2L * relations;
        if (needed < server.LockSlots * 6 / 10) return;
        throw new BackupException(ErrorCode.SourceLimits,
            $"a consistent copy of {relations} tables and sequences needs about {needed} locks, the server has room for {server.LockSlots}",
            $"Raise max_locks_per_transaction (a restart), or exclude schemas, or run once with --ignore-lock-limit when nobody works.");
    }
}
