using Backup.Core.Model;

namespace Backup.Core.Operations;

/// <summary>What a manifest says and what a restored database holds, thing by thing.</summary>
public sealed record ComparisonResult
{
    /// <summary>By name.</summary>
    public required IReadOnlyList<TableComparison> Tables { get; init; }
    public IReadOnlyList<SequenceComparison> Sequences { get; init; } = [];

    /// <summary>Null when not all of the database was restored, or when the manifest does not say.</summary>
    public LargeObjectComparison? LargeObjects { get; init; }
    public IReadOnlyList<ViewComparison> MaterializedViews { get; init; } = [];

    /// <summary>In words; empty = equal as far as was compared.</summary>
    public IEnumerable<string> Differences() => Tables.Select(t => t.Difference).Concat(Sequences.Select(s => s.Difference))
        .Append(LargeObjects?.Difference).Concat(MaterializedViews.Select(v => v.Difference)).OfType<string>().Order(StringComparer.Ordinal);
}

/// <summary>A table, or a partition tree under its root. Null = the manifest does not say, or was not looked at.</summary>
public sealed record TableComparison
{
    public required TableName Table { get; init; }
    public long? ExpectedRows { get; init; }
    public long? ActualRows { get; init; }
    public string? ExpectedHash { get; init; }
    public string? ActualHash { get; init; }

    /// <summary>Null when equal.</summary>
    public string? Difference { get; init; }
}

/// <param name="From">nextval does not wait for snapshots: a range, in the direction of the increment.</param>
/// <param name="Actual">Null when it is missing.</param>
public sealed record SequenceComparison(TableName Sequence, long From, long To, long? Actual, string? Difference);

public sealed record LargeObjectComparison(LargeObjectFact Expected, LargeObjectFact Actual, string? Difference);

/// <summary>Rows are information only: a restore computes them anew.</summary>
public sealed record ViewComparison(TableName View, long? ExpectedRows, long? ActualRows, string? Difference);
