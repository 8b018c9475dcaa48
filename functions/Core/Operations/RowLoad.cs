using Backup.Core.Model;

namespace Backup.Core.Operations;

/// <summary>What one session loads in one transaction.</summary>
/// <param name="Chunks">All of a table's, or one.</param>
/// <param name="Freeze">The rows are stored as final, where the table lets itself be emptied first: nothing else is loaded into this table, which this restore has just made.</param>
public sealed record RowLoad(IReadOnlyList<Artifact> Chunks, bool Freeze)
{
    /// <summary>
    /// A table is loaded by one session, so that its rows can be frozen: nobody then has to write every page again, neither the index builds and counts
    /// that follow nor the first VACUUM. A table that alone would keep that session busy longer than the others is loaded chunk by chunk by
    /// all of them, and so are partitions whose rows are spread by their root.
    /// </summary>
    public static IReadOnlyList<RowLoad> Plan(IReadOnlyList<Artifact> chunks, int jobs)
    {
        var fair = 1.5 * chunks.Sum(c => c.RawBytes) / jobs;
        var tables = chunks.GroupBy(c => c.LoadInto!).ToLookup(t => t.All(c => c.LoadInto == c.Table) && (jobs == 1 || t.Count() == 1 || t.Sum(c => c.RawBytes) <= fair));
        return
        [
            .. tables[true].OrderByDescending(t => t.Sum(c => c.RawBytes)).Select(t => new RowLoad([.. t], Freeze: true)),
            // Side by side in different tables, as far as there are several: two sessions that grow one table wait for each other.
            .. tables[false].SelectMany(t => t.Select((chunk, i) => (Chunk: chunk, At: (i + 0.5) / t.Count()))).OrderBy(c => c.At).Select(c => new RowLoad([c.Chunk], Freeze: false)),
        ];
    }
}

/// <summary>What is to be loaded, and which tables have all of their rows already.</summary>
public sealed class RowLoads(IReadOnlyList<RowLoad> loads)
{
    private readonly Lock _lock = new();
    private readonly Queue<RowLoad> _waiting = new(loads);
    private readonly Dictionary<TableName, int> _missing = loads.GroupBy(l => l.Chunks[0].LoadInto!).ToDictionary(t => t.Key, t => t.Count());
    private readonly Queue<TableName> _full = [];

    public int Count => loads.Count;

    public RowLoad? Next()
    {
        lock (_lock) return _waiting.TryDequeue(out var load) ? load : null;
    }

    public void Loaded(RowLoad load)
    {
        lock (_lock)
        {
            var table = load.Chunks[0].LoadInto!;
            if (--_missing[table] > 0) return;
            _missing.Remove(table);
            _full.Enqueue(table);
        }
    }

    /// <summary>A full table while others are not; null as soon as all are, since then everybody has work again.</summary>
    public TableName? NextFull()
    {
        lock (_lock) return _missing.Count > 0 && _full.TryDequeue(out var table) ? table : null;
    }
}
