using Backup.Core.Catalog;
using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Storage;

namespace Backup.Core.Operations.Syncing;

/// <summary>What to copy from one vault to another. A null filter is everything.</summary>
public sealed record SyncRequest
{
    public required IVault From { get; init; }
    public required IVault To { get; init; }
    public string? Environment { get; init; }
    public string? Database { get; init; }
    public Tier? Tier { get; init; }

    /// <summary>Backups whose id is of this time or younger.</summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>False: the copy gets no Object Lock, for buckets without it.</summary>
    public bool Lock { get; init; } = true;

    /// <summary>Objects of a backup that are copied side by side; each holds a few parts in memory.</summary>
    public int Together { get; init; } = 4;

    public bool Includes(CatalogEntry entry)
    {
        ArgumentNullException.ThrowIfNull(entry);
        return (Tier is null || entry.Tier == Tier) && (Since is null || entry.Id.Time >= Since);
    }
}

/// <summary>What one sync did.</summary>
public sealed record SyncReport
{
    public required string From { get; init; }
    public required string To { get; init; }

    /// <summary>Backups that the copy holds now and did not before.</summary>
    public required IReadOnlyList<string> Copied { get; init; }

    /// <summary>Backups that were there already.</summary>
    public required int Present { get; init; }

    /// <summary>Backups that have expired in the copy: they do not come back.</summary>
    public required int Expired { get; init; }

    /// <summary>Objects and bytes that were copied; what an interrupted sync had copied before is not counted.</summary>
    public required int Objects { get; init; }
    public required long Bytes { get; init; }

    /// <summary>Backups that could not be copied. Their number is the metric S3SyncErrors.</summary>
    public required IReadOnlyList<SyncFailure> Failed { get; init; }

    /// <summary>Every database of which backups were looked at.</summary>
    public IReadOnlyList<SyncedDatabase> Databases { get; init; } = [];
}

/// <param name="Failed">Backups that could not be copied.</param>
public sealed record SyncedDatabase(string Environment, string Database, int Failed);

/// <param name="Id">The backup.</param>
/// <param name="Code">Name of the error.</param>
/// <param name="Sentence">What failed.</param>
/// <param name="NextStep">What to do.</param>
public sealed record SyncFailure(string Id, string Code, string Sentence, string NextStep);

/// <summary>The stored bytes of an artifact. It ends only when size and SHA-256 are the manifest's: a vault then stores nothing of a damaged one.</summary>
internal sealed class CheckedStream(ArtifactReader reader) : ReadOnlyStream
{
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var count = await reader.ReadAsync(buffer, cancellationToken);
        if (count == 0 && buffer.Length > 0 && reader.Difference() is { } difference) throw ArtifactReader.Damaged(difference);
        return count;
    }
}
