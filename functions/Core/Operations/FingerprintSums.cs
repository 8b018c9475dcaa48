using Backup.Core.Model;
using Backup.Core.Postgres;

namespace Backup.Core.Operations;

/// <summary>
/// Adds up what each table's parts show. A partition tree has one sum, under its root: a correct restore may move rows between leaves.
/// Thread-safe.
/// </summary>
public sealed class FingerprintSums
{
    private readonly Lock _gate = new();
    private readonly SortedDictionary<TableName, TableFingerprint> _byTable = new(TableName.Order);
    private readonly Dictionary<TableName, UInt128> _sums = [];

    /// <param name="table">The table that the part belongs to.</param>
    /// <param name="rows">Null = not counted.</param>
    /// <param name="sum">Null = not hashed.</param>
    public void Add(SourceTable table, long? rows, UInt128? sum)
    {
        var subject = table.Root ?? table.Name;
        lock (_gate)
        {
            var before = _byTable.GetValueOrDefault(subject);
            _sums[subject] = _sums.GetValueOrDefault(subject) + (sum ?? 0);
            _byTable[subject] = new TableFingerprint
            {
                Table = subject,
                Columns = table.Columns,
                Where = table.Where,
                Oids = before is null ? [table.Oid] : before.Oids.Contains(table.Oid) ? before.Oids : [.. before.Oids, table.Oid],
                Files = before is null ? [table.FileNode] : before.Oids.Contains(table.Oid) ? before.Files : [.. before.Files!, table.FileNode],
                Rows = before is null ? rows : before.Rows + rows,
                Hash = sum is null || (before is not null && before.Hash is null) ? null : RowMeter.Format(_sums[subject]),
            };
        }
    }

    public IReadOnlyList<TableFingerprint> ToList()
    {
        lock (_gate) return [.. _byTable.Values];
    }
}
