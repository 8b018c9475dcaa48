using Backup.Core.Catalog;
using Backup.Core.Model;
using Backup.Core.Storage;

namespace Backup.Core.Operations;

/// <summary>What can be known of a backup's artifacts without reading them: all there, of the right size, readable now.</summary>
public static class Stored
{
    public static async Task<IReadOnlyList<VaultObject>> ListAsync(IVault vault, CatalogEntry entry, CancellationToken cancel)
    {
        var objects = new List<VaultObject>();
        await foreach (var item in vault.ListAsync(entry.Prefix, cancel)) objects.Add(item);
        return objects;
    }

    /// <summary>One sentence per artifact that is missing or has another size.</summary>
    public static IReadOnlyList<string> Differences(Manifest manifest, IReadOnlyList<VaultObject> objects)
    {
        var sizes = objects.ToDictionary(o => o.Key, o => o.Size, StringComparer.Ordinal);
        return
        [
            .. manifest.Artifacts.Select(a => !sizes.TryGetValue(a.Key, out var size) ? $"{a.Key} is missing"
                : size != a.StoredBytes ? $"{a.Key} has {size} bytes, the manifest says {a.StoredBytes}" : null).OfType<string>(),
        ];
    }

    /// <summary>vault.cold when any artifact must be thawed before the backup can be read.</summary>
    public static async Task RefuseColdAsync(IVault vault, CatalogEntry entry, Manifest manifest, IReadOnlyList<VaultObject> objects, CancellationToken cancel)
    {
        if (await ColdAsync(vault, manifest.Artifacts, objects, cancel) is { Count: > 0 } cold)
            throw new BackupException(ErrorCode.VaultCold, $"{cold.Count} objects of {entry.Id} are in {cold[0].StorageClass}", $"Thaw them first: backup restore {entry.Id} --thaw");
    }

    /// <summary>Those of the named artifacts that must be thawed before they can be read.</summary>
    public static async Task<IReadOnlyList<VaultObject>> ColdAsync(IVault vault, IEnumerable<Artifact> artifacts, IReadOnlyList<VaultObject> objects, CancellationToken cancel)
    {
        if (vault is not IColdVault archive) return [];
        var keys = artifacts.Select(a => a.Key).ToHashSet(StringComparer.Ordinal);
        return await archive.ColdAsync([.. objects.Where(o => keys.Contains(o.Key))], cancel);
    }
}
