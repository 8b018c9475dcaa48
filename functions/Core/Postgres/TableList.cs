using Backup.Core.Model;
using Npgsql;

namespace Backup.Core.Postgres;

/// <summary>One relation in scope as the catalog shows it.</summary>
public sealed record SourceTable
{
    public required uint Oid { get; init; }

    /// <summary>Changes when TRUNCATE, VACUUM FULL or a rewriting ALTER replaces the table's file.</summary>
    public required uint FileNode { get; init; }
    public required TableName Name { get; init; }

    /// <summary>pg_class.relkind: r = table, p = partitioned, f = foreign, S = sequence.</summary>
    public required char Kind { get; init; }
    public required bool Unlogged { get; init; }

    /// <summary>TOAST included; 0 for kinds without storage.</summary>
    public required long Bytes { get; init; }
    public required long Pages { get; init; }
    public required bool IsHeap { get; init; }

    /// <summary>Columns that COPY writes, generated ones left out; of a partition in the root's order.</summary>
    public required IReadOnlyList<string> Columns { get; init; }

    /// <summary>Root of the partition tree, for leaves.</summary>
    public TableName? Root { get; init; }

    /// <summary>Rows may belong into another leaf after a restore (hash, enum or collated keys): load through the root.</summary>
    public required bool LoadViaRoot { get; init; }

    /// <summary>Belongs to an extension; listed only when the extension has registered it as configuration.</summary>
    public required bool OfExtension { get; init; }

    /// <summary>The extension's condition on the rows to dump; null = all.</summary>
    public string? Where { get; init; }

    public bool HasRows => Kind == 'r';
}

/// <summary>Lists what is in scope: tables, partition roots, sequences and foreign tables outside system and excluded schemas.</summary>
public static class TableList
{
    private const string Sql = """
        SELECT c.oid, c.relfilenode, n.nspname::text, c.relname::text, c.relkind::text, c.relpersistence = 'u',
               CASE WHEN c.relkind = 'r' THEN coalesce(pg_table_size(c.oid), 0) ELSE 0 END,
               CASE WHEN c.relkind = 'r' THEN coalesce(pg_relation_size(c.oid), 0) / current_setting('block_size')::int ELSE 0 END,
               coalesce(am.amname = 'heap', false),
               coalesce((SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute a
                         WHERE a.attrelid = coalesce(root.oid, c.oid) AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''), '{}'),
               rn.nspname::text, root.relname::text,
               EXISTS (SELECT FROM pg_partition_ancestors(c.oid) anc(relid) JOIN pg_partitioned_table pt ON pt.partrelid = anc.relid
                       WHERE c.relispartition AND anc.relid <> c.oid
                         AND (pt.partstrat = 'h' OR pt.partexprs IS NOT NULL
                              OR EXISTS (SELECT FROM unnest(pt.partcollation) col WHERE col <> 0)
                              OR EXISTS (SELECT FROM unnest(pt.partattrs) k JOIN pg_attribute ka ON ka.attrelid = pt.partrelid AND ka.attnum = k
                                         JOIN pg_type kt ON kt.oid = ka.atttypid WHERE kt.typtype = 'e'))),
               x.oid IS NOT NULL,
               (SELECT cfg.cond FROM unnest(x.extconfig, x.extcondition) cfg(rel, cond) WHERE cfg.rel = c.oid)
        FROM pg_class c
        JOIN pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN pg_am am ON am.oid = c.relam
        LEFT JOIN pg_class root ON c.relispartition AND root.oid = pg_partition_root(c.oid)
        LEFT JOIN pg_namespace rn ON rn.oid = root.relnamespace
        LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
        LEFT JOIN pg_extension x ON x.oid = d.refobjid
        WHERE c.relkind IN ('r', 'p', 'f', 'S') AND c.relpersistence <> 't'
          AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND NOT n.nspname = ANY (@excluded)
          AND (x.oid IS NULL OR c.oid = ANY (coalesce(x.extconfig, '{}')))
          AND (@tables::text[] IS NULL
               OR EXISTS (SELECT FROM unnest(@schemas::text[], @tables::text[]) o(s, t)
                          JOIN pg_namespace tn ON tn.nspname = o.s JOIN pg_class tc ON tc.relnamespace = tn.oid AND tc.relname = o.t
                          WHERE tc.oid IN (c.oid, root.oid)
                             OR EXISTS (SELECT FROM pg_depend sd WHERE sd.classid = 'pg_class'::regclass AND sd.objid = c.oid AND c.relkind = 'S'
                                          AND sd.refclassid = 'pg_class'::regclass AND sd.refobjid = tc.oid AND sd.deptype IN ('a', 'i'))))
        ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"
        """;

    /// <param name="only">These, with their partitions and the sequences that they own; null = everything.</param>
    public static async Task<IReadOnlyList<SourceTable>> ReadAsync(
        NpgsqlConnection session, IReadOnlyList<string> excludedSchemas, CancellationToken cancel, IReadOnlyList<TableName>? only = null)
    {
        await using var command = new NpgsqlCommand(Sql, session);
        command.Parameters.AddWithValue("excluded", excludedSchemas.ToArray());
        command.Parameters.AddWithValue("schemas", only is null ? DBNull.Value : only.Select(t => t.Schema).ToArray());
        command.Parameters.AddWithValue("tables", only is null ? DBNull.Value : only.Select(t => t.Name).ToArray());
        await using var row = await command.ExecuteReaderAsync(cancel);
        var tables = new List<SourceTable>();
        while (await row.ReadAsync(cancel))
        {
            tables.Add(new SourceTable
            {
                Oid = row.GetFieldValue<uint>(0),
                FileNode = row.GetFieldValue<uint>(1),
                Name = new TableName(row.GetString(2), row.GetString(3)),
                Kind = row.GetString(4)[0],
                Unlogged = row.GetBoolean(5),
                Bytes = row.GetInt64(6),
                Pages = row.GetInt64(7),
                IsHeap = row.GetBoolean(8),
                Columns = row.GetFieldValue<string[]>(9),
                Root = row.IsDBNull(10) ? null : new TableName(row.GetString(10), row.GetString(11)),
                LoadViaRoot = row.GetBoolean(12),
                OfExtension = row.GetBoolean(13),
                Where = row.IsDBNull(14) || row.GetString(14).Length == 0 ? null : row.GetString(14),
            });
        }

        return tables;
    }
}
