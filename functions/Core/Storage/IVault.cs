using Backup.Core.Model;

namespace Backup.Core.Storage;

/// <summary>One stored object as a listing shows it.</summary>
/// <param name="StorageClass">S3's name of the class; <c>STANDARD</c> in a folder.</param>
public sealed record VaultObject(string Key, long Size, DateTimeOffset LastModified, string StorageClass);

/// <summary>The date until which an object must not be deleted, and how firmly.</summary>
public sealed record RetainUntil(LockMode Mode, DateTimeOffset Until);

/// <summary>The life of an artifact: pending from birth, committed just before its manifest, expired by retention.</summary>
public enum ObjectState
{
    Pending,
    Committed,
    Expired,
}

/// <summary>
/// Where backups live. Keys are UTF-8, separated by '/', relative to the vault's own prefix. Every method throws
/// <see cref="BackupException"/> with a vault.* code; transport errors are retried inside and surface as transient.
/// </summary>
public interface IVault : IAsyncDisposable
{
    /// <summary>For people: the folder or s3:// URL, without credentials.</summary>
    string Name { get; }

    /// <summary>
    /// Stores <paramref name="content"/> to its end under a key that must not exist (vault.conflict). All or nothing: when the
    /// stream throws, the token fires or storing fails, nothing is visible under the key and nothing unfinished stays.
    /// On return the bytes are durable and their number and checksum agree with what the vault reports.
    /// The exception of the content stream passes through unchanged. Memory does not grow with the content.
    /// </summary>
    /// <returns>The number of bytes stored.</returns>
    Task<long> PutAsync(string key, Stream content, ObjectState state, RetainUntil? retain, CancellationToken cancel);

    /// <summary>
    /// Opens an object for reading from <paramref name="offset"/>. vault.missing when the key does not exist, vault.cold when it must be
    /// thawed first. An offset at or after the end gives an empty stream. Of a manifest with several versions the oldest is read, since what it
    /// says is believed; everything else is checked against it. A connection lost in mid-stream is resumed.
    /// </summary>
    Task<Stream> OpenAsync(string key, long offset, CancellationToken cancel);

    /// <summary>Every complete object whose key begins with the prefix, in order of the keys' UTF-8 bytes. Unfinished objects are never shown.</summary>
    IAsyncEnumerable<VaultObject> ListAsync(string prefix, CancellationToken cancel);

    /// <summary>Moves objects along their life. In a folder <c>Expired</c> deletes; on S3 states are tags that lifecycle rules act on. Repeatable.</summary>
    Task MarkAsync(IReadOnlyCollection<string> keys, ObjectState state, CancellationToken cancel);

    /// <summary>Extends the lock of stored objects; never shortens. Repeatable. Does nothing in a folder.</summary>
    Task RetainAsync(IReadOnlyCollection<string> keys, RetainUntil retain, CancellationToken cancel);

    /// <summary>
    /// Claims everything below <paramref name="prefixes"/> for one writer until the result is disposed (vault.busy, transient, when a live process has
    /// the same prefixes; on S3 only this process is seen, the database's advisory lock covers the rest), then removes what dead runs
    /// left there: unfinished uploads, temporary files and, in a folder, attempts without a manifest. Disposing removes the same of the run that held it,
    /// so that a failed run leaves nothing in a folder; on S3 its whole objects stay <c>pending</c> until lifecycle removes them.
    /// </summary>
    Task<IAsyncDisposable> ClaimAsync(IReadOnlyCollection<string> prefixes, CancellationToken cancel);
}

/// <summary>A vault whose objects can be in a class that must be thawed before reading.</summary>
public interface IColdVault
{
    /// <summary>Those that cannot be read now: in an archive class, and no thawed copy is there. Their class stays the same when they are thawed.</summary>
    Task<IReadOnlyList<VaultObject>> ColdAsync(IReadOnlyCollection<VaultObject> objects, CancellationToken cancel);

    /// <summary>Asks for a temporary readable copy for <paramref name="days"/> days. Repeatable while a request is running.</summary>
    /// <returns>What to expect, in words, for example "ready in 3 to 5 hours".</returns>
    Task<string> ThawAsync(IReadOnlyCollection<VaultObject> objects, int days, CancellationToken cancel);
}

/// <summary>A vault whose store can copy from another vault by itself, so that the bytes need not come here.</summary>
public interface ICopyVault
{
    /// <summary>It is worth asking for: the same store, and a size that it copies well.</summary>
    bool MayCopy(IVault from, long size);

    /// <summary>
    /// As <see cref="IVault.PutAsync"/>, when the store says of the copied bytes that their SHA-256 is <paramref name="sha256"/> (lower-case hex) before the object becomes
    /// visible. False, with nothing left behind, for whatever reason it cannot: the caller then reads and writes, and meets the reason itself.
    /// </summary>
    Task<bool> TryCopyAsync(IVault from, string key, string sha256, long size, ObjectState state, CancellationToken cancel);
}

/// <summary>What the store itself says about an object. A null state is no tag, or one that is not ours.</summary>
public sealed record ObjectFacts(string Key, ObjectState? State, RetainUntil? Lock);

/// <summary>A vault that keeps a state and a lock with every object.</summary>
public interface IStateVault
{
    /// <summary>In order of keys. vault.denied for a role that may not read heads or tags of objects.</summary>
    Task<IReadOnlyList<ObjectFacts>> FactsAsync(IReadOnlyCollection<string> keys, CancellationToken cancel);
}
