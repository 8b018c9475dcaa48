using Backup.Core.Model;
using Npgsql;

namespace Backup.Core.Postgres;

/// <summary>Materialised views of a database: whether they are populated, and how many rows they hold.</summary>
public static class MaterializedViews
{
    /// <summary>
    /// Inside a transaction. A view that is being refreshed is locked for as long as that takes: its rows are left uncounted rather than waited for.
    /// </summary>
    public static async Task<IReadOnlyList<MaterializedViewFact>> ReadAsync(
        NpgsqlConnection session, IReadOnlyList<string> excludedSchemas, bool counting, CancellationToken cancel)
    {
        var found = new List<(MaterializedViewFact Fact, bool Readable)>();
        await using (var list = new NpgsqlCommand("""
            SELECT n.nspname::text, c.relname::text, c.relispopulated, has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind = 'm' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND NOT n.nspname = ANY (@excluded)
              AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
            ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"
            """, session))
        {
            list.Parameters.AddWithValue("excluded", excludedSchemas.ToArray());
            await using var row = await list.ExecuteReaderAsync(cancel);
            while (await row.ReadAsync(cancel))
                found.Add((new MaterializedViewFact(new TableName(row.GetString(0), row.GetString(1)), row.GetBoolean(2), null), row.GetBoolean(3)));
        }

        var facts = new List<MaterializedViewFact>();
        foreach (var (fact, readable) in found)
            facts.Add(counting && readable && fact.Populated ? fact with { Rows = await CountAsync(session, fact.View, cancel) } : fact);
        return facts;
    }

    private static async Task<long?> CountAsync(NpgsqlConnection session, TableName view, CancellationToken cancel)
    {
        await ExecuteAsync(session, "SAVEPOINT counting; SET LOCAL lock_timeout = '1s'", cancel);
        try
        {
            var rows = await Fingerprints.CountAsync(session, view, null, cancel);
            // Back to the savepoint in any case: that also lets go of the lock, and of the setting.
            await ExecuteAsync(session, "ROLLBACK TO counting", cancel);
            return rows;
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.UndefinedTable)
        {
            await ExecuteAsync(session, "ROLLBACK TO counting", cancel);
            return null;
        }
    }

    private static async Task ExecuteAsync(NpgsqlConnection session, string sql, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(sql, session);
        await command.ExecuteNonQueryAsync(cancel);
    }
}
