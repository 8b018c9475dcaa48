namespace Backup.Core.Storage;

/// <summary>One version of an object, or a delete marker over it.</summary>
/// <param name="IsLatest">It is what a reader without a version id meets.</param>
public sealed record ObjectVersion(string Key, bool IsDeleteMarker, bool IsLatest, DateTimeOffset LastModified);

/// <summary>A vault that keeps what was overwritten or deleted, and stamps objects with its own clock.</summary>
public interface IVersionedVault
{
    /// <summary>Every version below the prefix, in order of keys, all versions of a key together, newest first. vault.denied without s3:ListBucketVersions.</summary>
    IAsyncEnumerable<ObjectVersion> ListVersionsAsync(string prefix, CancellationToken cancel);
}
