using Backup.Core.Model;
using Backup.Core.Operations.Checking;

namespace Backup.Core.Operations.Reporting;

/// <summary>What is stored now, where, and what that costs a month.</summary>
internal static class StorageJudge
{
    /// <param name="vault">Name of the vault: only a bucket has prices.</param>
    /// <param name="stored">Everything that is listed, expired or not: it is billed until it is gone.</param>
    /// <param name="problem">Why it could not be read, or null.</param>
    /// <param name="missing">Ids that it should have.</param>
    public static StorageState Sum(string vault, IEnumerable<StoredBackup> stored, string? problem, IReadOnlyList<string> missing)
    {
        var isBucket = vault.StartsWith("s3://", StringComparison.Ordinal);
        var lines = stored.SelectMany(s => s.Bytes.Select(b => (s.Id.Database, Class: b.Key, Bytes: b.Value, s.HasExpired)))
            .GroupBy(x => (x.Database, x.Class)).OrderBy(g => g.Key.Database, StringComparer.Ordinal).ThenBy(g => g.Key.Class, StringComparer.Ordinal)
            .Select(g => new StorageLine(g.Key.Database, g.Key.Class, g.Sum(x => x.Bytes), g.Where(x => x.HasExpired).Sum(x => x.Bytes),
                isBucket && StoragePrice.Of(g.Key.Class) is { } price ? price.Monthly(g.Sum(x => x.Bytes)) : null))
            .ToList();
        var isPriced = problem is null && isBucket && lines.TrueForAll(l => l.MonthlyUsd is not null);
        return new StorageState(vault, lines, lines.Sum(l => l.Bytes), isPriced ? lines.Sum(l => l.MonthlyUsd!.Value) : null, isBucket ? StoragePrice.AsOf : null, problem, missing);
    }

    public static IReadOnlyList<TierState> Tiers(DatabaseFacts facts, IReadOnlyDictionary<Tier, CalendarSpan>? keep) =>
    [
        .. facts.Stored.Where(s => !s.HasExpired).GroupBy(s => s.Tier).OrderBy(g => g.Key).Select(g => new TierState(
            g.Key, g.Count(), g.MinBy(s => s.Id.Time)!.Id.ToString(), g.MaxBy(s => s.Id.Time)!.Id.ToString(), g.Sum(s => s.Bytes.Values.Sum()),
            keep is not null && keep.TryGetValue(g.Key, out var span) ? span.ToString() : null, g.Count(s => s.IsLocked))),
    ];
}
