using Backup.Core.Model;
using Backup.Core.Postgres;
using Npgsql;

namespace Backup.Core.Operations.Schemas;

/// <summary>Something that lies in a schema.</summary>
/// <param name="Kind">As DROP wants it: <c>table</c>, <c>function</c>, …</param>
/// <param name="Sql">Its whole name as SQL.</param>
/// <param name="Name">Its own name, unquoted; of a routine with the types of its arguments, as in an archive's list.</param>
/// <param name="Address">Its catalog and OID there.</param>
internal sealed record SchemaMember(string Schema, string Kind, string Sql, string Name, string Address);

/// <summary>What a restore of schemas must know about the database that it goes into. Only reads.</summary>
internal sealed class SchemaTarget(NpgsqlConnection session)
{
    /// <summary>A session whose names are all written out: search_path is empty.</summary>
    public static async Task<NpgsqlConnection> OpenAsync(ConnectionTarget target, CancellationToken cancel)
    {
        var session = await Connector.OpenAsync(target, "backup restore", cancel);
        await SessionSettings.PinAsync(session, SessionSettings.Loading, cancel);
        return session;
    }

    /// <summary>Everything in these schemas, tables first, but for extensions and what belongs to them.</summary>
    public Task<List<SchemaMember>> MembersAsync(IReadOnlyList<string> schemas, CancellationToken cancel) => RowsAsync("""
        SELECT n.nspname::text, i.type, i.identity, i.name, coalesce((
                 SELECT p.proname || '(' || CASE WHEN p.prokind = 'a' AND p.pronargs = 0 THEN '*'
                        ELSE coalesce((SELECT string_agg(format_type(t, NULL), ', ' ORDER BY o) FROM unnest(p.proargtypes) WITH ORDINALITY x(t, o)), '') END || ')'
                 FROM pg_proc p WHERE d.classid = 'pg_proc'::regclass AND p.oid = d.objid), a.object_names[array_length(a.object_names, 1)]), d.classid || ' ' || d.objid
        FROM pg_namespace n JOIN pg_depend d ON d.refclassid = 'pg_namespace'::regclass AND d.refobjid = n.oid AND d.deptype = 'n',
             pg_identify_object(d.classid, d.objid, 0) i, pg_identify_object_as_address(d.classid, d.objid, 0) a
        WHERE n.nspname = ANY (@a) AND d.classid <> 'pg_extension'::regclass
          AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = d.classid AND e.objid = d.objid AND e.deptype = 'e')
        ORDER BY i.type NOT IN ('table', 'foreign table'), i.type, i.identity COLLATE "C"
        """, r => new SchemaMember(r.GetString(0), r.GetString(1), r.GetString(2), r.IsDBNull(3) ? r.GetString(4) : TableName.Parse($".{r.GetString(3)}").Name, r.GetString(5)), cancel, schemas);

    /// <summary>What would be dropped together with these objects and is no part of them: views, foreign keys, defaults, columns, partitions that others have made.</summary>
    /// <param name="addresses">Of <see cref="SchemaMember"/>.</param>
    /// <param name="attached">Names of triggers and policies that do not count.</param>
    /// <param name="cancel">Stops.</param>
    public Task<List<string>> DependentsAsync(IReadOnlyList<string> addresses, IReadOnlyList<string> attached, CancellationToken cancel) => RowsAsync("""
        WITH RECURSIVE given AS (SELECT split_part(x, ' ', 1)::oid AS classid, split_part(x, ' ', 2)::oid AS objid FROM unnest(@a) x),
        own AS (
            SELECT classid, objid FROM given
            UNION
            SELECT d.classid, d.objid FROM own JOIN pg_depend d ON d.refclassid = own.classid AND d.refobjid = own.objid
            WHERE d.deptype IN ('a', 'i', 'P', 'S') AND NOT (d.classid = 'pg_class'::regclass AND EXISTS (SELECT FROM pg_class c WHERE c.oid = d.objid AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S'))))
        SELECT DISTINCT pg_describe_object(d.classid, d.objid, 0) FROM own JOIN pg_depend d ON d.refclassid = own.classid AND d.refobjid = own.objid
        WHERE NOT EXISTS (SELECT FROM own o WHERE o.classid = d.classid AND o.objid = d.objid)
          AND NOT EXISTS (SELECT FROM pg_trigger t WHERE d.classid = 'pg_trigger'::regclass AND t.oid = d.objid AND (t.tgname = ANY (@b) OR t.tgisinternal))
          AND NOT EXISTS (SELECT FROM pg_policy p WHERE d.classid = 'pg_policy'::regclass AND p.oid = d.objid AND p.polname = ANY (@b))
        ORDER BY 1
        """, r => r.GetString(0), cancel, addresses, attached);

    /// <summary>Those of these schemas that exist, and whether this role has their owner's rights.</summary>
    public async Task<IReadOnlyDictionary<string, bool>> SchemasAsync(IReadOnlyList<string> schemas, CancellationToken cancel) =>
        (await RowsAsync("SELECT nspname::text, pg_has_role(nspowner, 'USAGE') FROM pg_namespace WHERE nspname = ANY (@a)", r => (r.GetString(0), r.GetBoolean(1)), cancel, schemas))
            .ToDictionary(r => r.Item1, r => r.Item2, StringComparer.Ordinal);

    /// <summary>Quoted names of all tables outside these schemas.</summary>
    public async Task<IReadOnlySet<string>> TablesOutsideAsync(IReadOnlyList<string> schemas, CancellationToken cancel) => (await RowsAsync("""
        SELECT n.nspname::text, c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p') AND NOT n.nspname = ANY (@a)
        """, r => new TableName(r.GetString(0), r.GetString(1)).Sql, cancel, schemas)).ToHashSet(StringComparer.Ordinal);

    /// <summary>Name and schema of the extensions that are installed.</summary>
    public async Task<IReadOnlyDictionary<string, string>> ExtensionsAsync(CancellationToken cancel) => (await RowsAsync(
        "SELECT extname::text, nspname::text FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace", r => (r.GetString(0), r.GetString(1)), cancel))
        .ToDictionary(r => r.Item1, r => r.Item2, StringComparer.Ordinal);

    public async Task<IReadOnlySet<string>> AvailableExtensionsAsync(CancellationToken cancel) =>
        (await RowsAsync("SELECT name::text FROM pg_available_extensions", r => r.GetString(0), cancel)).ToHashSet(StringComparer.Ordinal);

    /// <summary>Every role, and whether this one may make objects its own.</summary>
    public async Task<IReadOnlyDictionary<string, bool>> RolesAsync(CancellationToken cancel) => (await RowsAsync(
        $"SELECT rolname::text, pg_has_role(oid, '{(session.PostgreSqlVersion.Major >= 16 ? "SET" : "MEMBER")}') FROM pg_roles", r => (r.GetString(0), r.GetBoolean(1)), cancel))
        .ToDictionary(r => r.Item1, r => r.Item2, StringComparer.Ordinal);

    /// <summary>To whom default privileges give rights on what this role makes in these schemas.</summary>
    public Task<List<string>> FavouredAsync(IReadOnlyList<string> schemas, CancellationToken cancel) => RowsAsync("""
        SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'everybody' ELSE pg_get_userbyid(a.grantee)::text END FROM pg_default_acl d, aclexplode(d.defaclacl) a
        WHERE d.defaclrole = current_user::regrole AND a.grantee <> d.defaclrole AND (d.defaclnamespace = 0 OR d.defaclnamespace IN (SELECT oid FROM pg_namespace WHERE nspname = ANY (@a))) ORDER BY 1
        """, r => r.GetString(0), cancel, schemas);

    /// <summary>Those that are not there. Of a kind that cannot be looked up: there, for what is needed; not there, for what hangs loose.</summary>
    public async Task<IReadOnlySet<int>> MissingAsync(IReadOnlyList<ArchiveObject> objects, CancellationToken cancel)
    {
        var rows = await RowsAsync("""
            SELECT u.i::int - 1 FROM unnest(@a, @b, @c) WITH ORDINALITY u(kind, schema, name, i) WHERE NOT CASE
              WHEN kind IN ('TABLE', 'VIEW', 'MATERIALIZED VIEW', 'FOREIGN TABLE', 'SEQUENCE', 'INDEX') THEN EXISTS (
                SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = schema AND c.relname = name)
              WHEN kind IN ('TYPE', 'DOMAIN') THEN EXISTS (SELECT FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE n.nspname = schema AND t.typname = name)
              WHEN kind IN ('FUNCTION', 'PROCEDURE') THEN EXISTS (SELECT FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = schema
                AND p.proname || '(' || coalesce((SELECT string_agg(format_type(t, NULL), ', ' ORDER BY o) FROM unnest(p.proargtypes) WITH ORDINALITY x(t, o)), '') || ')' = name)
              WHEN kind = 'SCHEMA' THEN EXISTS (SELECT FROM pg_namespace WHERE nspname = name)
              WHEN kind = 'EXTENSION' THEN EXISTS (SELECT FROM pg_extension WHERE extname = name)
              WHEN kind = 'PUBLICATION' THEN EXISTS (SELECT FROM pg_publication WHERE pubname = name)
              WHEN kind = 'EVENT TRIGGER' THEN EXISTS (SELECT FROM pg_event_trigger WHERE evtname = name)
              WHEN kind = 'PROCEDURAL LANGUAGE' THEN EXISTS (SELECT FROM pg_language WHERE lanname = name)
              WHEN kind = 'ACCESS METHOD' THEN EXISTS (SELECT FROM pg_am WHERE amname = name)
              WHEN kind = 'FOREIGN DATA WRAPPER' THEN EXISTS (SELECT FROM pg_foreign_data_wrapper WHERE fdwname = name)
              WHEN kind = 'SERVER' THEN EXISTS (SELECT FROM pg_foreign_server WHERE srvname = name)
              WHEN kind = 'POLICY' THEN EXISTS (SELECT FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = schema AND c.relname || ' ' || p.polname = name)
              WHEN kind = 'TRIGGER' THEN EXISTS (SELECT FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = schema AND c.relname || ' ' || t.tgname = name)
              ELSE kind NOT IN ('CAST', 'TRANSFORM', 'SUBSCRIPTION', 'USER MAPPING', 'DEFAULT ACL', 'PUBLICATION TABLE', 'PUBLICATION TABLES IN SCHEMA') END
            """, r => r.GetInt32(0), cancel, [.. objects.Select(o => o.Kind)], [.. objects.Select(o => o.Schema ?? "")], [.. objects.Select(o => o.Name)]);
        return rows.Select(i => objects[i].Id).ToHashSet();
    }

    public async Task<List<T>> RowsAsync<T>(string sql, Func<NpgsqlDataReader, T> map, CancellationToken cancel, params IReadOnlyList<IReadOnlyList<string>> arrays)
    {
        await using var command = new NpgsqlCommand(sql, session);
        for (var i = 0; i < arrays.Count; i++) command.Parameters.AddWithValue($"{(char)('a' + i)}", arrays[i].ToArray());
        await using var reader = await command.ExecuteReaderAsync(cancel);
        var rows = new List<T>();
        while (await reader.ReadAsync(cancel)) rows.Add(map(reader));
        return rows;
    }
}
