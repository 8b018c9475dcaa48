using Backup.Core.Model;

namespace Backup.Core.Operations.Watching;

/// <summary>Does the copy of the vault have what the vault has?</summary>
internal static class CopyJudge
{
    /// <summary>What is younger may still be on its way.</summary>
    private static readonly TimeSpan _onItsWay = TimeSpan.FromHours(6);

    private static readonly TimeSpan _critical = TimeSpan.FromHours(48);

    public static IEnumerable<Finding> Judge(DatabaseHistory h, WatchFacts facts)
    {
        if (facts.Copy is not { Problem: null } copy || Lag(h, facts) is not { } lag || lag <= _onItsWay) yield break;
        yield return h.On(FindingCode.CopyBehind, $"{copy.Name} lacks {Say.Some(Missing(h, copy).Select(b => b.Id))}, the oldest for {Say.Age(lag)}",
            $"Run `backup sync --from {facts.Vault} --to {copy.Name}`; on AWS look at the bucket's replication metrics.", lag > _critical ? Severity.Critical : Severity.Warning);
    }

    /// <summary>How long ago the oldest backup that the copy lacks was stored; zero when it lacks nothing, null without a readable copy.</summary>
    public static TimeSpan? Lag(DatabaseHistory h, WatchFacts facts)
    {
        if (facts.Copy is not { Problem: null } copy) return null;
        var missing = Missing(h, copy).ToList();
        return missing.Count == 0 ? TimeSpan.Zero : h.Since(missing.Min(b => b.StoredAt));
    }

    // Only what has a manifest here was read because it is recent; what is older was copied long ago or expires first.
    private static IEnumerable<WatchedBackup> Missing(DatabaseHistory h, CopyFacts copy) =>
        h.Backups.Where(b => b.Manifest is not null && b.IsWhole && !copy.Backups.Contains(b.Id.ToString()));
}
