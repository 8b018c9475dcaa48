namespace Backup.Core.Model;

/// <summary>
/// What makes a manifest one of an increment: the rows of some tables that appeared or changed since an earlier snapshot. Its artifacts are chunks,
/// one per table; the snapshot's own xmin is where the next increment of these tables starts.
/// </summary>
/// <param name="Base">Id of the backup that it completes. A chain never leaves its base.</param>
/// <param name="Number">Place in the chain of the base, from 1: increments are applied in this order, whatever clocks say.</param>
public sealed record IncrementFacts(string Base, int Number, IReadOnlyList<IncrementTable> Tables);

public sealed record IncrementTable
{
    /// <summary>The table, or the root of a partition tree.</summary>
    public required TableName Table { get; init; }

    /// <summary>Full: the artifact is the whole table and replaces it.</summary>
    public required IncrementMode Mode { get; init; }

    /// <summary>Why it is full although changes were asked for.</summary>
    public string? Why { get; init; }

    /// <summary>The base, or the increment, whose snapshot the changes start from.</summary>
    public required string Since { get; init; }

    /// <summary>That snapshot's xmin, 64 bits in decimal: every transaction from this one on is in the artifact. Null when the table is full.</summary>
    public string? FromXmin { get; init; }

    /// <summary>The key by which rows are replaced first, then every other column list that is unique. May be empty when the table is full.</summary>
    public required IReadOnlyList<UniqueKey> Keys { get; init; }

    /// <summary>
    /// Partitions with rows that the base does not have, and every level above them below the root, upper levels first; null when there are none.
    /// Rows may belong into them.
    /// </summary>
    public IReadOnlyList<PartitionFact>? Partitions { get; init; }

    /// <summary>Rows are in the table itself, not in partitions.</summary>
    public required bool IsPlain { get; init; }
}

/// <param name="Columns">Exact names.</param>
/// <param name="Operators">Equality of each column as the index means it, with its schema: the search path is empty when it is used.</param>
public sealed record UniqueKey(IReadOnlyList<string> Columns, IReadOnlyList<string> Operators);

/// <param name="Bound">As SQL: <c>FOR VALUES …</c> or <c>DEFAULT</c>.</param>
/// <param name="Key">Of a partition that is partitioned itself, as SQL: <c>HASH (id)</c>. Null: it holds rows.</param>
public sealed record PartitionFact(TableName Table, TableName Parent, string Bound, string? Key = null);
