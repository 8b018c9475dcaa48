using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Operations.Increments;
using Backup.Core.Postgres;
using Npgsql;

namespace Backup.Core.Operations.Schemas;

/// <summary>
/// Rows into tables that the target has already and that are empty, such as a provider's table of logins: nothing of these tables is made or
/// changed. All of them are one transaction.
/// </summary>
internal sealed class RowsOf(RestoreRequest request, Manifest manifest)
{
    public TableChoice Choice { get; } = request.RowsOf.Count == 0 ? TableChoice.None : TableChoice.Choose(manifest, request.RowsOf);

    /// <summary>Before anything is fetched: the tables are there, empty, have every column, and let themselves be filled.</summary>
    /// <exception cref="BackupException">target.refused or target.unfit, with every table that is not as it must be.</exception>
    public async Task CheckAsync(NpgsqlConnection session, CancellationToken cancel)
    {
        var wrong = new List<string>();
        var full = new List<string>();
        foreach (var table in Choice.Tables)
        {
            var columns = await ColumnsAsync(session, table.Table, cancel);
            if (columns is null)
            {
                wrong.Add($"{table.Table} is not there");
                continue;
            }

            var missing = table.Columns.Where(c => !columns.ContainsKey(c)).ToList();
            var computed = table.Columns.Where(c => columns.GetValueOrDefault(c)).ToList();
            if (missing.Count > 0) wrong.Add($"{table.Table} has no column {string.Join(", ", missing)}");
            if (computed.Count > 0) wrong.Add($"{table.Table} computes its column {string.Join(", ", computed)}");
            if (!await RowLoader.IsSoAsync(session, $"has_table_privilege({Regclass(table)}, 'INSERT') AND has_table_privilege({Regclass(table)}, 'SELECT')", cancel)) wrong.Add($"{table.Table} may not be filled by this role");
            else if (await RowLoader.IsSoAsync(session, $"EXISTS (SELECT FROM {table.Table.Sql})", cancel)) full.Add($"{table.Table}");
        }

        if (full.Count > 0)
        {
            throw new BackupException(ErrorCode.TargetRefused, $"{request.Target} has rows in {string.Join(", ", full)}",
                "Leave these tables out of --rows-of, or delete their rows if nobody needs them; then run it again.");
        }

        if (wrong.Count > 0)
        {
            throw new BackupException(ErrorCode.TargetUnfit, $"{request.Target} cannot take these rows: {string.Join("; ", wrong)}",
                "Bring the service that owns the table to the version of the source (at Supabase: upgrade the project), or leave the table out and move its rows by hand from a restore of the whole backup.");
        }
    }

    /// <returns>The sequences that were raised.</returns>
    public async Task LoadAsync(ArchiveRestore archive, IReadOnlyList<ArchiveEntry> list, ConnectionTarget target, int serverMajor, Toolbox tools, Action<int> count, CancellationToken cancel)
    {
        if (Choice.Tables.Count == 0) return;
        await using var loader = await RowLoader.OpenAsync(target, SessionSettings.Loading(serverMajor), cancel);
        var first = Choice.Tables[0].Table;
        var silenced = await SilenceAsync(loader, cancel);
        await loader.TransactionAsync(first, async () =>
        {
            foreach (var table in await loader.ReadAsync(c => InOrderAsync(c, cancel)))
            {
                foreach (var entry in list.Where(e => e.IsTableData && table.Oids.Contains(e.Oid))) await LoadAsync(archive, entry, table.Table, loader, cancel);
                foreach (var chunk in manifest.Artifacts.Where(a => a.Role == ArtifactRole.Chunk && table.Oids.Contains(a.Oid ?? 0))) await LoadAsync(chunk, loader, tools, count, cancel);
                await new SequenceRaise(loader).RaiseAsync(table.Table, manifest, cancel);
            }

            if (silenced) await loader.ReadAsync(async c => await CheckKeysAsync(c, cancel));
        }, cancel);
    }

    private async Task LoadAsync(ArchiveRestore archive, ArchiveEntry entry, TableName table, RowLoader loader, CancellationToken cancel)
    {
        await using var process = await archive.StartRowsAsync(entry, cancel);
        await using var rows = new CopyText(new ToolOutput(process));
        var sql = await rows.StatementAsync(cancel);
        await loader.CopyAsync(table, $"{sql} WITH (ENCODING {TableName.Literal(manifest.Snapshot.Encoding)})", rows, () => { }, cancel);
    }

    private async Task LoadAsync(Artifact chunk, RowLoader loader, Toolbox tools, Action<int> count, CancellationToken cancel)
    {
        await using var reader = await ArtifactReader.OpenAsync(request.Vault, tools, chunk, raw: true, count, cancel, request.Unlocked, new RowMeter(hashing: false));
        await loader.CopyAsync(chunk.LoadInto!, RestoreByHand.CopySql(chunk, manifest.Snapshot.Encoding), reader, () =>
        {
            if (reader.Difference() is { } difference) throw ArtifactReader.Damaged(difference);
        }, cancel);
    }

    /// <summary>
    /// Triggers that run with each new row would make rows that the backup has too. Where there are some they are silenced in this session, which silences
    /// the checks of foreign keys as well: those are then made by a query.
    /// </summary>
    private async Task<bool> SilenceAsync(RowLoader loader, CancellationToken cancel)
    {
        var names = await loader.ReadAsync(c => new SchemaTarget(c).RowsAsync("""
            SELECT DISTINCT format('%s on %s', t.tgname, t.tgrelid::regclass) FROM pg_trigger t
            WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgtype & 4 <> 0 AND t.tgrelid = ANY (@a::regclass[]::oid[])
            """, r => r.GetString(0), cancel, [.. Choice.Tables.Select(t => t.Table.Sql)]));
        if (names.Count == 0) return false;
        try
        {
            // As a statement: where a provider lends this right to a role that is no superuser, it does so for SET alone.
            await loader.ExecuteAsync("SET session_replication_role = replica", cancel);
            return true;
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InsufficientPrivilege)
        {
            throw new BackupException(ErrorCode.TargetUnfit, $"triggers would run with every row, and this role may not silence them (SET session_replication_role): {string.Join(", ", names)}",
                "Give a role that may, or disable these triggers meanwhile; then run it again.", e);
        }
    }

    /// <summary>What is pointed to comes first.</summary>
    private async Task<IReadOnlyList<TableFingerprint>> InOrderAsync(NpgsqlConnection session, CancellationToken cancel)
    {
        var bySql = Choice.Tables.ToDictionary(t => t.Table.Sql, StringComparer.Ordinal);
        var keys = (await KeysAsync(session, cancel)).Where(k => k.From != k.To && bySql.ContainsKey(k.From) && bySql.ContainsKey(k.To)).ToLookup(k => k.From, k => k.To);
        var ordered = new List<TableFingerprint>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        void Add(string table)
        {
            if (!seen.Add(table)) return;
            foreach (var to in keys[table]) Add(to);
            ordered.Add(bySql[table]);
        }

        foreach (var table in Choice.Tables) Add(table.Table.Sql);
        return ordered;
    }

    private async Task<int> CheckKeysAsync(NpgsqlConnection session, CancellationToken cancel)
    {
        var broken = new List<string>();
        foreach (var key in await KeysAsync(session, cancel))
            if (await RowLoader.IsSoAsync(session, key.IsBroken, cancel)) broken.Add($"{key.Name} of {TableName.Parse(key.From)} (to {TableName.Parse(key.To)})");
        if (broken.Count == 0) return 0;
        throw new BackupException(ErrorCode.RestoreFailed, $"rows would point to rows that are not there: foreign key {string.Join(", ", broken)}",
            "Add the tables that they point to with --rows-of, and run it again; nothing was loaded.");
    }

    /// <summary>Foreign keys of the filled tables.</summary>
    private Task<List<(string Name, string From, string To, string IsBroken)>> KeysAsync(NpgsqlConnection session, CancellationToken cancel) => new SchemaTarget(session).RowsAsync("""
        SELECT k.conname::text, quote_ident(fn.nspname), quote_ident(f.relname), quote_ident(tn.nspname), quote_ident(t.relname),
               array_agg(quote_ident(fa.attname) ORDER BY x.i), array_agg(quote_ident(ta.attname) ORDER BY x.i)
        FROM pg_constraint k JOIN pg_class f ON f.oid = k.conrelid JOIN pg_namespace fn ON fn.oid = f.relnamespace
             JOIN pg_class t ON t.oid = k.confrelid JOIN pg_namespace tn ON tn.oid = t.relnamespace, unnest(k.conkey, k.confkey) WITH ORDINALITY x(fk, tk, i)
             JOIN pg_attribute fa ON fa.attnum = x.fk JOIN pg_attribute ta ON ta.attnum = x.tk
        WHERE k.contype = 'f' AND k.convalidated AND fa.attrelid = f.oid AND ta.attrelid = t.oid AND f.oid = ANY (@a::regclass[]::oid[])
        GROUP BY 1, 2, 3, 4, 5
        """, r =>
    {
        var (from, to) = (TableName.Parse($"{r.GetString(1)}.{r.GetString(2)}").Sql, TableName.Parse($"{r.GetString(3)}.{r.GetString(4)}").Sql);
        var pairs = r.GetFieldValue<string[]>(5).Zip(r.GetFieldValue<string[]>(6)).ToList();
        return (r.GetString(0), from, to, $"EXISTS (SELECT FROM {from} f WHERE {string.Join(" AND ", pairs.Select(p => $"f.{p.First} IS NOT NULL"))} "
            + $"AND NOT EXISTS (SELECT FROM {to} t WHERE {string.Join(" AND ", pairs.Select(p => $"t.{p.Second} = f.{p.First}"))}))");
    }, cancel, [.. Choice.Tables.Select(t => t.Table.Sql)]);

    /// <returns>By name, whether the table computes it; null when there is no such table.</returns>
    private static async Task<Dictionary<string, bool>?> ColumnsAsync(NpgsqlConnection session, TableName table, CancellationToken cancel)
    {
        var columns = await new SchemaTarget(session).RowsAsync("""
            SELECT coalesce(a.attname::text, ''), coalesce(a.attgenerated <> '', false) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                   LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            WHERE c.relkind IN ('r', 'p') AND n.nspname = (@a::text[])[1] AND c.relname = (@b::text[])[1]
            """, r => (r.GetString(0), r.GetBoolean(1)), cancel, [table.Schema], [table.Name]);
        return columns.Count == 0 ? null : columns.ToDictionary(c => c.Item1, c => c.Item2, StringComparer.Ordinal);
    }

    private static string Regclass(TableFingerprint table) => $"{TableName.Literal(table.Table.Sql)}::regclass";
}
