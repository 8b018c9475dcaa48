using Backup.Core.Model;
using Backup.Core.Postgres;
using Npgsql;

namespace Backup.Core.Operations.Increments;

/// <summary>
/// After new rows have come: the sequences that a table owns must not give out numbers that are taken. They are raised to where the increment saw
/// them, and at least to the greatest value of their column.
/// </summary>
internal sealed class SequenceRaise(RowLoader loader)
{
    /// <returns>The sequences of the table: what they must be is no longer what the backup says.</returns>
    public async Task<IReadOnlyList<TableName>> RaiseAsync(TableName table, Manifest increment, CancellationToken cancel)
    {
        var owned = await loader.ReadAsync(c => OwnedAsync(c, table, cancel));
        foreach (var sql in increment.Snapshot.Sequences.Where(s => owned.Any(o => o.Sequence == s.Sequence)).Select(IncrementSql.RaiseSequence).OfType<string>())
            await loader.ExecuteAsync(sql, cancel);
        var sequences = (await loader.ReadAsync(c => TableList.ReadAsync(c, [], cancel, [table]))).Where(t => t.Kind == 'S').ToList();
        foreach (var fact in await loader.ReadAsync(c => SnapshotReader.SequencesAsync(c, sequences, cancel)))
        {
            var (sequence, column) = owned.Single(o => o.Sequence == fact.Sequence);
            if (fact.Cycles || column is null) continue;
            var (most, beyond) = fact.Increment > 0 ? ("max", ">") : ("min", "<");
            await loader.ExecuteAsync($"""
                SELECT setval({TableName.Literal(sequence.Sql)}, m.value, true)
                FROM (SELECT {most}({TableName.Quote(column)})::bigint AS value FROM {table.Sql}) m, {sequence.Sql} q
                WHERE m.value {beyond} q.last_value OR (m.value = q.last_value AND NOT q.is_called)
                """, cancel);
        }

        return [.. owned.Select(o => o.Sequence)];
    }

    private static async Task<List<(TableName Sequence, string? Column)>> OwnedAsync(NpgsqlConnection session, TableName table, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand($"""
            SELECT n.nspname::text, s.relname::text, CASE WHEN a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype) THEN a.attname::text END
            FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S' JOIN pg_namespace n ON n.oid = s.relnamespace
            JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
            WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = {TableName.Literal(table.Sql)}::regclass AND d.deptype IN ('a', 'i')
            """, session);
        await using var row = await command.ExecuteReaderAsync(cancel);
        var owned = new List<(TableName, string?)>();
        while (await row.ReadAsync(cancel)) owned.Add((new TableName(row.GetString(0), row.GetString(1)), row.IsDBNull(2) ? null : row.GetString(2)));
        return owned;
    }
}
