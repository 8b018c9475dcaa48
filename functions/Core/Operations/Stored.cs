using Backup.Core.Catalog;
using Backup.Core.Model;
using Backup.Core.Storage;

namespace Backup.Core.Operations;

/// <summary>What a listing alone shows about a backup's artifacts: all there, of the right size, readable now.</summary>
public static class Stored
{
    private static readonly HashSet<string> _cold = new(StringComparer.Ordinal) { "GLACIER", "DEEP_ARCHIVE" };

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
    public static void RefuseCold(CatalogEntry entry, Manifest manifest, IReadOnlyList<VaultObject> objects)
    {
        if (Cold(manifest.Artifacts, objects) is { Count: > 0 } cold)
            throw new BackupException(ErrorCode.VaultCold, $"{cold.Count} objects of {entry.Id} are in {cold[0].StorageClass}", $"Thaw them first: backup restore {entry.Id} --thaw");
    }

    /// <summary>Those of the named artifacts that must be thawed before they can be read.</summary>
    public static IReadOnlyList<VaultObject> Cold(IEnumerable<Artifact> artifacts, IReadOnlyList<VaultObject> objects)
    {
        var keys = artifacts.Select(a => a.Key).ToHashSet(StringComparer.Ordinal);
        return [.. objects.Where(o => keys.Contains(o.Key) && _cold.Contains(o.StorageClass))];
    }
}
