using Backup.Core.Postgres;
using Npgsql;

namespace Backup.Core.Operations.Schemas;

/// <summary>
/// A target's default privileges give rights on everything that a restore makes; an archive says only what was granted, not what was never there. So the
/// rights in the chosen schemas are set back to PostgreSQL's own before the archive's are given: nobody may do more than in the original.
/// </summary>
internal static class SchemaRights
{
    private const string Sql = """
        WITH s AS (SELECT oid, nspname, nspowner, nspacl FROM pg_namespace WHERE nspname = ANY (@a)),
        o(kind, name, owner, acl, usual) AS (
            SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, format('%I.%I', s.nspname, c.relname), c.relowner, c.relacl,
                   acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner)
            FROM pg_class c JOIN s ON s.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND pg_has_role(c.relowner, 'USAGE')
              AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
            UNION ALL
            SELECT 'ROUTINE', p.oid::regprocedure::text, p.proowner, p.proacl, acldefault('f', p.proowner)
            FROM pg_proc p JOIN s ON s.oid = p.pronamespace WHERE pg_has_role(p.proowner, 'USAGE')
              AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
            UNION ALL
            SELECT 'TYPE', format('%I.%I', s.nspname, t.typname), t.typowner, t.typacl, acldefault('T', t.typowner)
            FROM pg_type t JOIN s ON s.oid = t.typnamespace WHERE t.typtype IN ('b', 'c', 'd', 'e', 'r') AND t.typcategory <> 'A' AND pg_has_role(t.typowner, 'USAGE')
              AND (t.typrelid = 0 OR EXISTS (SELECT FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c'))
              AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e')
            UNION ALL
            SELECT 'SCHEMA', format('%I', s.nspname), s.nspowner, s.nspacl, CASE WHEN s.nspname <> 'public' THEN acldefault('n', s.nspowner)
                   ELSE acldefault('n', s.nspowner) || makeaclitem(0, s.nspowner, 'USAGE', false)
                        || CASE WHEN current_setting('server_version_num')::int < 150000 THEN array[makeaclitem(0, s.nspowner, 'CREATE', false)] ELSE '{}' END END
            FROM s WHERE pg_has_role(s.nspowner, 'USAGE'))
        -- An owner keeps what it has, and gets back what it has not: it may have all, and needs the schema in the next statement.
        SELECT sql FROM (
        SELECT 1, format('REVOKE ALL ON %s %s FROM %s', kind, name, role) FROM (
            SELECT DISTINCT kind, name, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS role FROM o, aclexplode(acl) a WHERE a.grantee <> owner) r
        UNION ALL
        SELECT 2, format('GRANT %s ON %s %s TO %s', a.privilege_type, kind, name, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END)
        FROM o, aclexplode(usual) a WHERE acl IS NOT NULL
        UNION ALL
        SELECT 1, format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA %I REVOKE ALL ON %s FROM %s', pg_get_userbyid(d.defaclrole), s.nspname,
                      CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'ROUTINES' ELSE 'TYPES' END,
                      CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END)
        FROM pg_default_acl d JOIN s ON s.oid = d.defaclnamespace, aclexplode(d.defaclacl) a WHERE pg_has_role(d.defaclrole, 'USAGE')) x(step, sql) ORDER BY step
        """;

    /// <summary>What <see cref="SetBackAsync"/> and the archive change of what was there before: rights and comments of the schemas themselves, and their default privileges.</summary>
    private const string OfSchemas = """
        SELECT format('GRANT %s ON SCHEMA %I TO %s%s', a.privilege_type, n.nspname, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END, CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' END)
        FROM pg_namespace n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a WHERE n.nspname = ANY (@a) AND pg_has_role(n.nspowner, 'USAGE')
        UNION ALL
        SELECT format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA %I GRANT %s ON %s TO %s%s', pg_get_userbyid(d.defaclrole), n.nspname, a.privilege_type,
                      CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'ROUTINES' ELSE 'TYPES' END,
                      CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END, CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' END)
        FROM pg_default_acl d JOIN pg_namespace n ON n.oid = d.defaclnamespace, aclexplode(d.defaclacl) a WHERE n.nspname = ANY (@a) AND pg_has_role(d.defaclrole, 'USAGE')
        UNION ALL
        SELECT format('COMMENT ON SCHEMA %I IS %L', n.nspname, obj_description(n.oid, 'pg_namespace')) FROM pg_namespace n WHERE n.nspname = ANY (@a) AND pg_has_role(n.nspowner, 'USAGE')
        """;

    private const string RevokeOfSchemas = """
        SELECT format('REVOKE ALL ON SCHEMA %I FROM %s', n.nspname, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END)
        FROM pg_namespace n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a WHERE n.nspname = ANY (@a) AND pg_has_role(n.nspowner, 'USAGE')
        UNION
        SELECT format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA %I REVOKE ALL ON %s FROM %s', pg_get_userbyid(d.defaclrole), n.nspname,
                      CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'ROUTINES' ELSE 'TYPES' END,
                      CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END)
        FROM pg_default_acl d JOIN pg_namespace n ON n.oid = d.defaclnamespace, aclexplode(d.defaclacl) a WHERE n.nspname = ANY (@a) AND pg_has_role(d.defaclrole, 'USAGE')
        """;

    /// <returns>Statements that give these schemas back what they have now.</returns>
    public static async Task<IReadOnlyList<string>> RememberAsync(ConnectionTarget target, IReadOnlyList<string> schemas, CancellationToken cancel)
    {
        await using var session = await SchemaTarget.OpenAsync(target, cancel);
        return await StatementsAsync(session, OfSchemas, schemas, cancel);
    }

    /// <param name="session">In a transaction.</param>
    /// <param name="schemas">That were there before.</param>
    /// <param name="remembered">Of <see cref="RememberAsync"/>.</param>
    /// <param name="cancel">Stops.</param>
    public static async Task GiveBackAsync(NpgsqlConnection session, IReadOnlyList<string> schemas, IReadOnlyList<string> remembered, CancellationToken cancel) =>
        await ExecuteAsync(session, [.. await StatementsAsync(session, RevokeOfSchemas, schemas, cancel), .. remembered], cancel);

    /// <summary>One transaction: nobody sees rights that are half gone.</summary>
    public static async Task SetBackAsync(ConnectionTarget target, IReadOnlyList<string> schemas, CancellationToken cancel)
    {
        await using var session = await SchemaTarget.OpenAsync(target, cancel);
        await using var transaction = await session.BeginTransactionAsync(cancel);
        await ExecuteAsync(session, await StatementsAsync(session, Sql, schemas, cancel), cancel);
        await transaction.CommitAsync(cancel);
    }

    private static Task<List<string>> StatementsAsync(NpgsqlConnection session, string sql, IReadOnlyList<string> schemas, CancellationToken cancel) =>
        new SchemaTarget(session).RowsAsync(sql, r => r.GetString(0), cancel, schemas);

    private static async Task ExecuteAsync(NpgsqlConnection session, IEnumerable<string> statements, CancellationToken cancel)
    {
        foreach (var batch in statements.Chunk(500))
        {
            await using var command = new NpgsqlCommand(string.Join(";\n", batch), session);
            await command.ExecuteNonQueryAsync(cancel);
        }
    }
}
