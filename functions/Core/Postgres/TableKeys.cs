using Backup.Core.Model;
using Npgsql;

namespace Backup.Core.Postgres;

/// <summary>
/// Whether rows of a table can be told apart and read by this role: what an increment needs, asked before the table is locked and again
/// afterwards.
/// </summary>
public static class TableKeys
{
    private const string Facts = """
        SELECT c.oid, c.relkind::text, has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
                 AND NOT EXISTS (SELECT FROM pg_partition_tree(c.oid) t WHERE NOT has_table_privilege(t.relid, 'SELECT'))
                 AND NOT EXISTS (SELECT FROM pg_depend d JOIN pg_class s ON s.oid = d.objid WHERE d.classid = 'pg_class'::regclass
                                 AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid AND d.deptype IN ('a', 'i') AND CASE s.relkind WHEN 'S' THEN NOT has_sequence_privilege(s.oid, 'SELECT') ELSE false END),
               row_security_active(c.oid),
               c.relpersistence = 'u', EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'),
               EXISTS (SELECT FROM pg_partition_tree(c.oid) t JOIN pg_class l ON l.oid = t.relid WHERE l.relkind = 'f'), current_user::text, c.relispartition
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = @schema AND c.relname = @table
        """;

    // Strategy 3 of a btree family is its equality; with an empty search path "=" alone may be another type's.
    private const string Uniques = """
        SELECT i.indisprimary, array_agg(a.attname::text ORDER BY k.n), bool_and(a.attnotnull),
               array_agg(quote_ident(rn.nspname) || '.' || o.oprname ORDER BY k.n)
        FROM pg_index i
        CROSS JOIN unnest(i.indkey::int2[], i.indclass::oid[]) WITH ORDINALITY k(attnum, opclass, n)
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
        JOIN pg_opclass c ON c.oid = k.opclass
        JOIN pg_amop ao ON ao.amopfamily = c.opcfamily AND ao.amoplefttype = c.opcintype AND ao.amoprighttype = c.opcintype
                       AND ao.amopstrategy = 3 AND ao.amoppurpose = 's'
        JOIN pg_operator o ON o.oid = ao.amopopr
        JOIN pg_namespace rn ON rn.oid = o.oprnamespace
        WHERE i.indrelid = @oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL AND k.n <= i.indnkeyatts
        GROUP BY i.indexrelid, i.indisprimary
        HAVING bool_and(a.attgenerated = '')
        ORDER BY i.indisprimary DESC, i.indexrelid
        """;

    private sealed record Unique(bool IsPrimary, bool NotNull, UniqueKey Key);

    /// <summary>
    /// The key first, then the other unique column lists; or what speaks against this table in one sentence, with the next step. A table
    /// that is copied whole needs no key.
    /// </summary>
    /// <param name="keyColumns">Columns of a unique index; null = the primary key.</param>
    public static async Task<(IReadOnlyList<UniqueKey> Keys, string? Problem, string NextStep)> ReadAsync(
        NpgsqlConnection session, ServerFacts server, TableName table, IReadOnlyList<string>? keyColumns, bool needsKey, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(session);
        ArgumentNullException.ThrowIfNull(server);
        await using var command = new NpgsqlCommand(Facts, session);
        command.Parameters.AddWithValue("schema", table.Schema);
        command.Parameters.AddWithValue("table", table.Name);
        uint oid;
        await using (var row = await command.ExecuteReaderAsync(cancel))
        {
            if (!await row.ReadAsync(cancel)) return ([], $"{table} does not exist", "Correct its name in criticalTables, as the catalog spells it.");
            oid = row.GetFieldValue<uint>(0);
            var kind = row.GetString(1);
            if (kind is not ("r" or "p")) return ([], $"{table} is {KindOf(kind)}, and only tables have rows of their own", "Name the tables behind it in criticalTables.");
            if (!row.GetBoolean(2))
                return ([], $"role {row.GetString(7)} cannot read {table}, its partitions or its sequences", Grant(table.Schema, row.GetString(7)));
            if (row.GetBoolean(3))
                return ([], $"role {row.GetString(7)} would see only some rows of {table}, because of row-level security", $"Run as an administrator: ALTER ROLE {TableName.Quote(row.GetString(7))} BYPASSRLS;");
            if (row.GetBoolean(4) && server.IsStandby) return ([], $"{table} is unlogged, and a standby does not hold its rows", "Copy it from the primary.");
            if (row.GetBoolean(5)) return ([], $"{table} belongs to an extension, which makes its rows anew on a restore", "Remove it from criticalTables.");
            if (row.GetBoolean(6)) return ([], $"{table} has a foreign table as partition, whose rows are on another server", "Leave it to the nightly backup.");
            if (row.GetBoolean(8)) return ([], $"{table} is a partition, and backups know the rows of a partition tree by its root", "Name the root in criticalTables.");
        }

        var uniques = await UniquesAsync(session, oid, cancel);
        var key = uniques.FirstOrDefault(u => keyColumns is null ? u.IsPrimary : u.NotNull && u.Key.Columns.ToHashSet(StringComparer.Ordinal).SetEquals(keyColumns));
        if (key is not null) return ([key.Key, .. uniques.Where(u => u != key).Select(u => u.Key)], null, "");
        if (!needsKey) return ([.. uniques.Select(u => u.Key)], null, "");
        var columns = keyColumns is null ? null : string.Join(", ", keyColumns.Select(TableName.Quote));
        return ([], keyColumns is null ? $"{table} has no primary key, so a changed row cannot be told from a new one"
                : $"the key ({columns}) of {table} is not the columns of a valid unique index (without condition) that are all NOT NULL",
            $"Give it one (ALTER TABLE {table.Sql} ADD PRIMARY KEY …){(keyColumns is null ? ", name a unique key in criticalTables" : "")}, or set mode: full for a small table.");
    }

    /// <summary>Where partitions belong, so that a restore can make them: these and all that is between them and their root, upper levels first.</summary>
    public static async Task<IReadOnlyList<PartitionFact>> PartitionsAsync(NpgsqlConnection session, IEnumerable<uint> oids, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand("""
            SELECT n.nspname::text, c.relname::text, pn.nspname::text, p.relname::text, pg_get_expr(c.relpartbound, c.oid), pg_get_partkeydef(c.oid)
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_inherits i ON i.inhrelid = c.oid
            JOIN pg_class p ON p.oid = i.inhparent JOIN pg_namespace pn ON pn.oid = p.relnamespace
            WHERE c.relispartition AND c.oid IN (SELECT a.relid FROM unnest(@oids) o, pg_partition_ancestors(o) a (relid))
            ORDER BY (SELECT count(*) FROM pg_partition_ancestors(c.oid)), 1, 2
            """, session);
        command.Parameters.AddWithValue("oids", NpgsqlTypes.NpgsqlDbType.Array | NpgsqlTypes.NpgsqlDbType.Oid, oids.ToArray());
        await using var row = await command.ExecuteReaderAsync(cancel);
        var partitions = new List<PartitionFact>();
        while (await row.ReadAsync(cancel))
            partitions.Add(new PartitionFact(new TableName(row.GetString(0), row.GetString(1)), new TableName(row.GetString(2), row.GetString(3)), row.GetString(4), row.IsDBNull(5) ? null : row.GetString(5)));
        return partitions;
    }

    private static async Task<List<Unique>> UniquesAsync(NpgsqlConnection session, uint oid, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(Uniques, session);
        command.Parameters.AddWithValue("oid", NpgsqlTypes.NpgsqlDbType.Oid, oid);
        await using var row = await command.ExecuteReaderAsync(cancel);
        var uniques = new List<Unique>();
        while (await row.ReadAsync(cancel))
            uniques.Add(new Unique(row.GetBoolean(0), row.GetBoolean(2), new UniqueKey(row.GetFieldValue<string[]>(1), row.GetFieldValue<string[]>(3))));
        return uniques;
    }

    private static string Grant(string schema, string role) => $"Run as its owner: GRANT USAGE ON SCHEMA {TableName.Quote(schema)} TO {TableName.Quote(role)}; "
        + $"GRANT SELECT ON ALL TABLES IN SCHEMA {TableName.Quote(schema)} TO {TableName.Quote(role)}; GRANT SELECT ON ALL SEQUENCES IN SCHEMA {TableName.Quote(schema)} TO {TableName.Quote(role)};";

    private static string KindOf(string kind) => kind switch
    {
        "v" => "a view",
        "m" => "a materialised view",
        "f" => "a foreign table",
        "S" => "a sequence",
        "c" => "a type",
        _ => "an index",
    };
}
