using Backup.Core.Model;
using Backup.Core.Storage;

namespace Backup.Core.Operations.Watching;

/// <summary>Judges a manifest that the bucket's lifecycle has just removed: what the pruner ended has a tombstone, which outlives it.</summary>
public static class ExpiryJudge
{
    /// <param name="vault">Where it was.</param>
    /// <param name="key">Of the manifest.</param>
    /// <param name="cancel">Between two requests.</param>
    /// <returns>The finding, or null when a tombstone explains the expiry.</returns>
    /// <exception cref="BackupException">vault.…: nothing is known then.</exception>
    public static async Task<Finding?> JudgeAsync(IVault vault, string key, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(vault);
        ArgumentNullException.ThrowIfNull(key);
        var prefix = key[..(key.LastIndexOf('/') + 1)];
        try
        {
            await using var tombstone = await vault.OpenAsync(prefix + VaultKeys.TombstoneName, 0, cancel);
            return null;
        }
        catch (BackupException e) when (e.Code == ErrorCode.VaultMissing)
        {
            return FindingCode.ExpiryUnexplained.On(key, "a lifecycle rule removed this manifest, and no tombstone says that a prune wanted it",
                "Within 14 days remove the delete markers below its folder and set the tags to committed, as vault-admin; then find out who set them to expired.");
        }
    }
}
