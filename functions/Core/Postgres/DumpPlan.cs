using System.Globalization;
using Backup.Core.Model;

namespace Backup.Core.Postgres;

/// <summary>The rows of one table, or of one range of its pages. Ranges are right in this snapshot only.</summary>
/// <param name="Number">Position in the backup, from 1.</param>
/// <param name="FirstPage">Inclusive; null = from the start.</param>
/// <param name="EndPage">Exclusive; null = to the end, whatever was added since the plan.</param>
/// <param name="Bytes">Expected size, for ordering only.</param>
public sealed record PlannedChunk(int Number, SourceTable Table, long? FirstPage, long? EndPage, long Bytes)
{
    /// <summary>The statement whose output is the chunk.</summary>
    public string CopySql(string encoding)
    {
        var columns = string.Join(", ", Table.Columns.Select(TableName.Quote));
        var conditions = new List<string>();
        if (FirstPage is { } first) conditions.Add(string.Create(CultureInfo.InvariantCulture, $"ctid >= '({first},0)'::pg_catalog.tid"));
        if (EndPage is { } end) conditions.Add(string.Create(CultureInfo.InvariantCulture, $"ctid < '({end},0)'::pg_catalog.tid"));
        var where = conditions.Count == 0 ? "" : $" WHERE {string.Join(" AND ", conditions)}";
        return $"COPY (SELECT {columns} FROM ONLY {Table.Name.Sql}{where}) TO STDOUT WITH (ENCODING {TableName.Literal(encoding)})";
    }
}

/// <summary>Which rows go into chunks and which into the base archive. Pure.</summary>
public sealed record DumpPlan
{
    private const long SmallestChunk = 64L << 20;
    private const long LargestChunk = 256L << 20;

    /// <summary>How many chunks per job the queue should hold, so that uneven ones even out.</summary>
    private const int ChunksPerJob = 8;

    public required IReadOnlyList<SourceTable> Tables { get; init; }

    /// <summary>Largest first.</summary>
    public required IReadOnlyList<PlannedChunk> Chunks { get; init; }

    public IReadOnlyList<SourceTable> Chunked => [.. Chunks.Select(c => c.Table).DistinctBy(t => t.Oid)];

    /// <summary>Tables whose rows are in the base archive, so that their fingerprint needs a read of its own.</summary>
    public IReadOnlyList<SourceTable> InBase
    {
        get
        {
            var chunked = Chunks.Select(c => c.Table.Oid).ToHashSet();
            return [.. Tables.Where(t => t.HasRows && !chunked.Contains(t.Oid))];
        }
    }

    public static DumpPlan Make(IReadOnlyList<SourceTable> tables, ServerFacts server, long shardAbove, int jobs)
    {
        var large = tables.Where(t => CanBeChunked(t, server) && t.Bytes >= shardAbove).OrderByDescending(t => t.Bytes).ToList();
        // Whoever asks for small tables in chunks gets small chunks.
        var smallest = Math.Clamp(2 * shardAbove, 1, SmallestChunk);
        var target = Math.Clamp(large.Sum(t => t.Bytes) / (jobs * ChunksPerJob), smallest, LargestChunk);
        var ranges = large.SelectMany(t => Split(t, target, server.Major)).OrderByDescending(c => c.Bytes).ToList();
        return new DumpPlan { Tables = tables, Chunks = [.. ranges.Select((c, i) => c with { Number = i + 1 })] };
    }

    /// <summary>
    /// Extension tables follow the extension's own rules; other table access methods may know no pages; a name that is not ASCII in a
    /// database that is not UTF-8 cannot be given to pg_dump as a pattern for certain. All of these stay in the base archive: slower, never wrong.
    /// </summary>
    private static bool CanBeChunked(SourceTable table, ServerFacts server) =>
        table is { Kind: 'r', OfExtension: false, IsHeap: true, Columns.Count: > 0 }
        && !(server.IsStandby && table.Unlogged)
        && (server.Encoding is "UTF8" or "SQL_ASCII" || (table.Name.Schema + table.Name.Name).All(char.IsAscii));

    // Before 14 a range of pages is right but reads the whole table each time.
    private static IEnumerable<PlannedChunk> Split(SourceTable table, long target, int major)
    {
        var count = major < 14 ? 1 : Math.Clamp((table.Bytes + target - 1) / target, 1, Math.Max(1, table.Pages));
        for (long i = 0; i < count; i++)
        {
            yield return new PlannedChunk(0, table,
                i == 0 ? null : table.Pages * i / count,
                i == count - 1 ? null : table.Pages * (i + 1) / count,
                table.Bytes / count);
        }
    }
}
