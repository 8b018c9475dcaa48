using Backup.Core.Model;
using Backup.Core.Storage;

namespace Backup.Core.Catalog;

/// <summary>What a listing shows below one attempt: the number of its objects, their bytes, and when the newest was stored.</summary>
public sealed record AttemptFacts(int Objects, long Bytes, DateTimeOffset Newest);

/// <summary>The place of one backup as a listing shows it, whether it became a backup or not.</summary>
public sealed class BackupFolder(string prefix, Tier tier, BackupId id)
{
    private readonly Dictionary<string, AttemptFacts> _attempts = new(StringComparer.Ordinal);
    private readonly List<ResultName> _results = [];
    private readonly Dictionary<string, long> _bytes = new(StringComparer.Ordinal);

    public string Prefix { get; } = prefix;
    public Tier Tier { get; } = tier;
    public BackupId Id { get; } = id;

    /// <summary>When the vault stored the manifest, by the vault's clock; null = there is none.</summary>
    public DateTimeOffset? CommittedAt { get; private set; }

    /// <summary>When <c>expired.json</c> was stored; null = there is none.</summary>
    public DateTimeOffset? ExpiredAt { get; private set; }
    public bool HasTombstone => ExpiredAt is not null;

    /// <summary>Something besides the tombstone is listed.</summary>
    public bool HasObjects { get; private set; }

    /// <summary>When the youngest object was stored.</summary>
    public DateTimeOffset Youngest { get; private set; }
    public bool IsLocked { get; private set; }
    public IReadOnlyDictionary<string, AttemptFacts> Attempts => _attempts;

    /// <summary>Of everything that is listed here, by storage class.</summary>
    public IReadOnlyDictionary<string, long> Bytes => _bytes;

    public bool IsBackup => CommittedAt is not null && !HasTombstone;

    /// <summary>Only a backup gets a lock or results.</summary>
    public bool WasCommitted => CommittedAt is not null || IsLocked || _results.Count > 0;

    /// <summary>It once was a backup, and its manifest was taken away.</summary>
    public bool LostItsManifest => CommittedAt is null && !HasTombstone && WasCommitted;

    /// <summary>False when objects that the manifest names are not listed, or have other sizes.</summary>
    public bool Holds(Manifest manifest)
    {
        ArgumentNullException.ThrowIfNull(manifest);
        return manifest.Artifacts.Count == 0 || (_attempts.TryGetValue(manifest.Attempt, out var there)
            && there.Objects >= manifest.Artifacts.Count && there.Bytes >= manifest.Artifacts.Sum(a => a.StoredBytes));
    }

    /// <summary>Its entry, without the manifest.</summary>
    public CatalogEntry ToEntry() => new() { Prefix = Prefix, Tier = Tier, Id = Id, IsLocked = IsLocked, Results = [.. _results.OrderBy(r => r.At)] };

    /// <returns>False for an object that has no place here.</returns>
    internal bool Add(string name, VaultObject item)
    {
        if (item.LastModified > Youngest) Youngest = item.LastModified;
        HasObjects |= name != VaultKeys.TombstoneName;
        _bytes[item.StorageClass] = _bytes.GetValueOrDefault(item.StorageClass) + item.Size;
        switch (name)
        {
            case VaultKeys.ManifestName:
                CommittedAt = item.LastModified;
                return true;
            case VaultKeys.TombstoneName:
                ExpiredAt = item.LastModified;
                return true;
            case VaultKeys.LockedName:
                return IsLocked = true;
        }

        if (name.StartsWith(ResultName.Folder, StringComparison.Ordinal))
        {
            if (!ResultName.TryParse(name, out var result)) return false;
            _results.Add(result);
            return true;
        }

        var slash = name.IndexOf('/', StringComparison.Ordinal);
        if (slash < 0 || !VaultKeys.IsAttempt(name[..slash])) return false;
        var attempt = _attempts.GetValueOrDefault(name[..slash], new AttemptFacts(0, 0, DateTimeOffset.MinValue));
        _attempts[name[..slash]] = new AttemptFacts(attempt.Objects + 1, attempt.Bytes + item.Size,
            item.LastModified > attempt.Newest ? item.LastModified : attempt.Newest);
        return true;
    }
}

/// <summary>One pass over a vault's listing. Reads no object; memory grows with the backups, not with their objects.</summary>
public sealed class VaultScan
{
    private const int MostUnknown = 100;

    private readonly Dictionary<string, BackupFolder> _folders = new(StringComparer.Ordinal);
    private readonly List<VaultObject> _unknown = [];

    private VaultScan()
    {
    }

    public IReadOnlyCollection<BackupFolder> Folders => _folders.Values;

    /// <summary>The first hundred objects that this program did not write; <see cref="UnknownCount"/> counts all.</summary>
    public IReadOnlyList<VaultObject> Unknown => _unknown;

    public int UnknownCount { get; private set; }

    public static async Task<VaultScan> ReadAsync(IVault vault, IReadOnlyList<string> prefixes, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(vault);
        var scan = new VaultScan();
        foreach (var prefix in prefixes)
            await foreach (var item in vault.ListAsync(prefix, cancel)) scan.Add(item);
        return scan;
    }

    private void Add(VaultObject item)
    {
        if (VaultKeys.TryBackup(item.Key, out var prefix, out var tier, out var id))
        {
            if (!_folders.TryGetValue(prefix, out var folder)) _folders[prefix] = folder = new BackupFolder(prefix, tier, id);
            if (folder.Add(item.Key[prefix.Length..], item)) return;
        }

        if (EvidenceTrail.Holds(item.Key)) return;
        UnknownCount++;
        if (_unknown.Count < MostUnknown) _unknown.Add(item);
    }
}
