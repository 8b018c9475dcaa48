using Backup.Core.Model;
using Backup.Core.Postgres;
using Npgsql;

namespace Backup.Core.Operations.Increments;

/// <summary>
/// Partitions that came after the backup and that rows of increments belong into. They are made with their tree, stand aside while the archive's
/// indexes are made (an index of the tree is valid only when every partition has its part), and get all of them when they are attached again.
/// </summary>
internal sealed class NewPartitions(bool noOwner, List<Finding> findings)
{
    private const string Default = "DEFAULT";

    private readonly List<PartitionFact> _made = [];

    /// <summary>Those at the top of what is new: what is below them comes and goes with them.</summary>
    private IEnumerable<PartitionFact> Tops => _made.Where(p => _made.TrueForAll(m => m.Table != p.Parent));

    /// <param name="schema">Defines tables.</param>
    /// <param name="loader">Moves rows, and whatever evaluates expressions over them.</param>
    /// <param name="partitions">Upper levels first.</param>
    /// <param name="cancel">Leaves a tree that is half made.</param>
    public async Task MakeAsync(RowLoader schema, RowLoader loader, IEnumerable<PartitionFact> partitions, CancellationToken cancel)
    {
        var aside = new Dictionary<TableName, string>();
        var made = new List<PartitionFact>();
        foreach (var partition in partitions.DistinctBy(p => p.Table))
        {
            if (await schema.ReadAsync(c => TextAsync(c, $"SELECT to_regclass({TableName.Literal(partition.Table.Sql)})::text", cancel)) is not null) continue;
            // The rows that belong into the new one are still in DEFAULT, which would refuse it.
            if (!aside.ContainsKey(partition.Parent) && await schema.ReadAsync(c => DefaultAsync(c, partition.Parent, cancel)) is { } name)
            {
                await schema.ExecuteAsync($"ALTER TABLE {partition.Parent.Sql} DETACH PARTITION {name}", cancel);
                aside[partition.Parent] = name;
            }

            if (await TryMakeAsync(schema, partition, cancel)) made.Add(partition);
        }

        foreach (var (parent, name) in aside.Reverse())
        {
            foreach (var partition in made.Where(p => p.Parent == parent && p.Bound != Default)) await MoveAsync(loader, name, partition, cancel);
            await loader.ExecuteAsync($"ALTER TABLE {parent.Sql} ATTACH PARTITION {name} {Default}", cancel);
        }

        _made.AddRange(made);
    }

    public async Task DetachAsync(RowLoader loader, CancellationToken cancel)
    {
        foreach (var partition in Tops) await loader.ExecuteAsync($"ALTER TABLE {partition.Parent.Sql} DETACH PARTITION {partition.Table.Sql}", cancel);
    }

    public async Task AttachAsync(RowLoader loader, CancellationToken cancel)
    {
        foreach (var partition in Tops) await loader.ExecuteAsync($"ALTER TABLE {partition.Parent.Sql} ATTACH PARTITION {partition.Table.Sql} {partition.Bound}", cancel);
    }

    private async Task<bool> TryMakeAsync(RowLoader schema, PartitionFact partition, CancellationToken cancel)
    {
        var key = partition.Key is null ? "" : $" PARTITION BY {partition.Key}";
        try
        {
            await schema.ExecuteAsync($"CREATE TABLE {partition.Table.Sql} PARTITION OF {partition.Parent.Sql} {partition.Bound}{key}", cancel);
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.InvalidObjectDefinition or PostgresErrorCodes.WrongObjectType or PostgresErrorCodes.UndefinedTable)
        {
            // It overlaps one of the backup's, or its parent was no parent then: rows find their place among those that are there.
            findings.Add(FindingCode.IncrementPartition.On(partition.Table.ToString(),
                $"the partition {partition.Table} of {partition.Parent} came after the backup and was not made ({e.MessageText}); its rows are in the partitions that the backup has",
                "Arrange the partitions as the original has them; no row is missing."));
            return false;
        }

        if (noOwner) return true;
        var owner = await schema.ReadAsync(c => TextAsync(c, $"SELECT quote_ident(pg_get_userbyid(relowner)) FROM pg_class WHERE oid = {TableName.Literal(partition.Parent.Sql)}::regclass", cancel));
        await schema.ExecuteAsync($"ALTER TABLE {partition.Table.Sql} OWNER TO {owner}", cancel);
        return true;
    }

    private static async Task MoveAsync(RowLoader loader, string from, PartitionFact to, CancellationToken cancel)
    {
        var regclass = $"{TableName.Literal(to.Table.Sql)}::regclass";
        var belongs = await loader.ReadAsync(c => TextAsync(c, $"SELECT pg_get_partition_constraintdef({regclass})", cancel));
        var columns = await loader.ReadAsync(c => TextAsync(c, $"SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = {regclass} AND attnum > 0 AND NOT attisdropped AND attgenerated = ''", cancel));
        await loader.ExecuteAsync($"WITH moved AS (DELETE FROM {from} WHERE {belongs} RETURNING {columns}) INSERT INTO {to.Table.Sql} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM moved", cancel);
    }

    private static Task<string?> DefaultAsync(NpgsqlConnection session, TableName parent, CancellationToken cancel) =>
        TextAsync(session, $"SELECT partdefid::regclass::text FROM pg_partitioned_table WHERE partrelid = to_regclass({TableName.Literal(parent.Sql)}) AND partdefid <> 0", cancel);

    private static async Task<string?> TextAsync(NpgsqlConnection session, string sql, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(sql, session);
        return await command.ExecuteScalarAsync(cancel) as string;
    }
}
