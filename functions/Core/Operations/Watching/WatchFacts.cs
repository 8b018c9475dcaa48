using Backup.Core.Catalog;
using Backup.Core.Model;

namespace Backup.Core.Operations.Watching;

/// <summary>One backup as the vault shows it. <see cref="Entry"/> has its manifest when it is recent enough to matter.</summary>
public sealed record WatchedBackup
{
    public required CatalogEntry Entry { get; init; }

    /// <summary>When the vault stored the manifest, by the vault's clock. A folder's is whatever the last copy made of it.</summary>
    public required DateTimeOffset StoredAt { get; init; }

    /// <summary>False when the listing lacks objects that the manifest names, or their bytes differ.</summary>
    public required bool IsWhole { get; init; }

    /// <summary>Bytes of its artifacts as the listing shows them; known without its manifest.</summary>
    public long StoredBytes { get; init; }

    public Manifest? Manifest => Entry.Manifest;

    public BackupId Id => Entry.Id;

    /// <summary>Whole, readable, not an increment, and not refuted by its newest proof. Dates are judged elsewhere.</summary>
    public bool IsComplete => IsWhole && Entry.IsGood && Entry.Tier != Tier.Incremental;
}

/// <summary>Objects of an attempt that no manifest names.</summary>
public sealed record Orphan(string Prefix, string Database, AttemptFacts Attempt);

/// <summary>An object that was tampered with: hidden by a delete marker, or stored over.</summary>
public sealed record TouchedObject(string Key, string Database, bool IsHidden, DateTimeOffset At);

/// <summary>What the copy of the vault holds, or why that is not known.</summary>
public sealed record CopyFacts
{
    public required string Name { get; init; }
    public IReadOnlySet<string> Backups { get; init; } = new HashSet<string>();
    public string? Problem { get; init; }
}

/// <summary>Everything that a watch knows, read from the vault alone: no runner is asked. The judges are functions of this, the policy and the time.</summary>
public sealed record WatchFacts
{
    public required string Vault { get; init; }

    /// <summary>Oldest first by id.</summary>
    public required IReadOnlyList<WatchedBackup> Backups { get; init; }
    public IReadOnlyList<Orphan> Orphans { get; init; } = [];

    /// <summary>Backups of which everything but the manifest is there.</summary>
    public IReadOnlyList<BackupId> Headless { get; init; } = [];

    /// <summary>Null when the vault keeps no versions or they were not asked for.</summary>
    public IReadOnlyList<TouchedObject>? Touched { get; init; }

    /// <summary>Examples of objects that this program did not write, and their number.</summary>
    public IReadOnlyList<string> Unknown { get; init; } = [];
    public int UnknownCount { get; init; }

    /// <summary>The vault stamps objects with its own clock, which nobody who writes can choose.</summary>
    public bool VaultHasClock { get; init; }

    /// <summary>Backups whose lock this watch has completed, and those where it could not, with the reason.</summary>
    public IReadOnlyList<BackupId> Relocked { get; init; } = [];
    public IReadOnlyDictionary<BackupId, string> Unlocked { get; init; } = new Dictionary<BackupId, string>();
    public CopyFacts? Copy { get; init; }

    /// <summary>Databases whose newest backup has more increments than are read: their chain is not judged.</summary>
    public IReadOnlySet<string> LongChains { get; init; } = new HashSet<string>();
}
