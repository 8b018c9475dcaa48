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

    /// <summary>As the other, for a run, which an old lock must never keep from making a new backup.</summary>
    public static async Task RepairAsync(IVault vault, IEnumerable<CatalogEntry> entries, TimeProvider clock, Action<string> say, CancellationToken cancel)
    {
        foreach (var entry in entries)
        {
            try
            {
                foreach (var repaired in await RepairAsync(vault, [entry], clock, cancel)) say($"completed the lock of {repaired}");
            }
            catch (BackupException e)
            {
                say($"warning: the lock of {entry.Id} could not be completed: {e.Message}");
            }
        }
    }

    /// <summary>Locks every committed backup whose lock was promised and is not in place. Returns their ids.</summary>
    public static async Task<IReadOnlyList<BackupId>> RepairAsync(
        IVault vault, IEnumerable<CatalogEntry> entries, TimeProvider clock, CancellationToken cancel)
    {
        var repaired = new List<BackupId>();
        foreach (var entry in entries.Where(e => !e.IsLocked && e.Manifest?.Lock is { Mode: not LockMode.None } l && l.Until > clock.GetUtcNow()))
        {
            await ApplyAsync(vault, entry.Prefix, entry.Manifest!, clock, cancel);
            repaired.Add(entry.Id);
        }

        return repaired;
    }
}
