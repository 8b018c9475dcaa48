using Backup.Core.Model;
using Backup.Core.Postgres;
using Npgsql;

namespace Backup.Core.Operations.Increments;

/// <summary>
/// Partitions that came after the backup and that rows of increments belong into. They are made with their tree, stand aside while the archive's
/// indexes are made (an index of the tree is valid only when every partition has its part), and get all of them when they are attached again.
/// </summary>
internal sealed class NewPartitions(bool noOwner)
{
    private readonly List<PartitionFact> _made = [];

    public async Task MakeAsync(RowLoader loader, IEnumerable<PartitionFact> partitions, CancellationToken cancel)
    {
        foreach (var partition in partitions.DistinctBy(p => p.Table))
        {
            if (await loader.ReadAsync(c => TextAsync(c, $"SELECT to_regclass({TableName.Literal(partition.Table.Sql)})::text", cancel)) is not null) continue;
            await loader.ExecuteAsync($"CREATE TABLE {partition.Table.Sql} PARTITION OF {partition.Parent.Sql} {partition.Bound}", cancel);
            _made.Add(partition);
            if (noOwner) continue;
            var owner = await loader.ReadAsync(c => TextAsync(c, $"SELECT quote_ident(pg_get_userbyid(relowner)) FROM pg_class WHERE oid = {TableName.Literal(partition.Parent.Sql)}::regclass", cancel));
            await loader.ExecuteAsync($"ALTER TABLE {partition.Table.Sql} OWNER TO {owner}", cancel);
        }
    }

    public async Task DetachAsync(RowLoader loader, CancellationToken cancel)
    {
        foreach (var partition in _made) await loader.ExecuteAsync($"ALTER TABLE {partition.Parent.Sql} DETACH PARTITION {partition.Table.Sql}", cancel);
    }

    public async Task AttachAsync(RowLoader loader, CancellationToken cancel)
    {
        foreach (var partition in _made) await loader.ExecuteAsync($"ALTER TABLE {partition.Parent.Sql} ATTACH PARTITION {partition.Table.Sql} {partition.Bound}", cancel);
    }

    private static async Task<string?> TextAsync(NpgsqlConnection session, string sql, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(sql, session);
        return await command.ExecuteScalarAsync(cancel) as string;
    }
}
