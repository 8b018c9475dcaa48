using Backup.Core.Model;

namespace Backup.Core.Policies;

/// <summary>What is right by itself and wrong together, wherever the policy is used. What only one host cannot do is that host's to refuse.</summary>
internal static class Contradictions
{
    public static bool IsS3(string vault) => vault.StartsWith("s3://", StringComparison.Ordinal);

    /// <param name="map">Of the whole policy.</param>
    /// <param name="policy">What was read of it.</param>
    public static void Find(PolicyMap map, Policy policy)
    {
        if (policy.Vault is { } vault && !IsS3(vault)) Folder(map, policy);
        else Locks(map, policy);
        if (policy.Retention is { Keep.Count: > 0 } retention && !retention.Keep.Keys.Any(RetentionPolicy.IsScheduled) && policy.Databases.Any(d => d.Schedule is not null))
            map.Contradiction("retention", "keeps no tier that a scheduled backup can take, and a database has a schedule",
                "name daily, weekly, monthly or annual");
    }

    // A folder keeps nobody from deleting and is in no region: a policy that says so would promise what does not happen.
    private static void Folder(PolicyMap map, Policy policy)
    {
        if (policy.Lock != LockMode.None)
            map.Contradiction("lock", "needs S3, and the vault is a folder", "write lock: none, or an s3:// vault");
        if (policy.Copy != CopyMode.None)
            map.Contradiction("copy", "needs S3, and the vault is a folder", "write copy: none and use `backup sync`, or an s3:// vault");
        if (policy.Storage.Count > 0)
            map.Contradiction("storage", "needs S3, and the vault is a folder", "remove storage, or write an s3:// vault");
    }

    // A lock that outlives its tier hides an expired backup that is still stored and paid for.
    private static void Locks(PolicyMap map, Policy policy)
    {
        if (policy.Lock == LockMode.None || policy.Retention is not { } retention) return;
        foreach (var (tier, span) in retention.Keep.Where(k => k.Value.ShortestDays <= RetentionPolicy.FirstLockDays))
        {
            map.Contradiction("lock",
                $"is {Words.Of(policy.Lock)}, which locks every object for {RetentionPolicy.FirstLockDays} days from its first byte, and retention.{Words.Of(tier)} ends after {span}",
                $"keep {Words.Of(tier)} at least {RetentionPolicy.FirstLockDays + 1}d, or write lock: none");
        }
    }
}
