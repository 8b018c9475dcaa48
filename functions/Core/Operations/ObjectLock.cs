using System.Text.Json;
using Backup.Core.Catalog;
using Backup.Core.Model;
using Backup.Core.Storage;

namespace Backup.Core.Operations;

/// <summary>
/// The full lock of a committed backup: its manifest is born with it, each artifact's date is extended afterwards, and <c>locked.json</c> says
/// that this is done. A process that died in between leaves a backup that the next run repairs; the bucket's default lock covers the gap.
/// </summary>
public static class ObjectLock
{
    public static async Task ApplyAsync(IVault vault, string prefix, Manifest manifest, TimeProvider clock, CancellationToken cancel)
    {
        if (manifest.Lock is not { Mode: not LockMode.None } promise) return;
        await vault.RetainAsync([.. manifest.Artifacts.Select(a => a.Key)], new RetainUntil(promise.Mode, promise.Until), cancel);
        var fact = new LockedFact(promise.Mode, promise.Until, clock.GetUtcNow(), manifest.Artifacts.Count);
        using var content = new MemoryStream(JsonSerializer.SerializeToUtf8Bytes(fact, ManifestJson.Context.LockedFact), writable: false);
        try
        {
            await vault.PutAsync(prefix + VaultKeys.LockedName, content, ObjectState.Committed, new RetainUntil(promise.Mode, promise.Until), cancel);
        }
        catch (BackupException e) when (e.Code == ErrorCode.VaultConflict)
        {
            // Another run has repaired it at the same time: the fact is the same.
        }
    }

    /// <summary>Locks every committed backup whose lock was promised and is not in place. One that cannot be locked keeps nothing else from its turn.</summary>
    /// <param name="told">Each one that was tried, with what kept it from being locked.</param>
    public static async Task RepairAsync(
        IVault vault, IEnumerable<CatalogEntry> entries, TimeProvider clock, Action<BackupId, BackupException?> told, CancellationToken cancel)
    {
        foreach (var entry in entries.Where(e => !e.IsLocked && e.Manifest?.Lock is { Mode: not LockMode.None } l && l.Until > clock.GetUtcNow()))
        {
            BackupException? problem = null;
            try
            {
                await ApplyAsync(vault, entry.Prefix, entry.Manifest!, clock, cancel);
            }
            catch (BackupException e)
            {
                problem = e;
            }

            told(entry.Id, problem);
        }
    }

    /// <summary>For a run, which an old lock must never keep from making a new backup.</summary>
    public static Action<BackupId, BackupException?> InWords(Action<string> say) =>
        (id, problem) => say(problem is null ? $"completed the lock of {id}" : $"warning: the lock of {id} could not be completed: {problem.Message}");
}
