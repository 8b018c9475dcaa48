using System.Collections.Concurrent;
using System.Net;
using System.Runtime.CompilerServices;
using Amazon.S3;
using Amazon.S3.Model;
using Backup.Core.Model;

namespace Backup.Core.Storage;

/// <summary>
/// A vault in an S3 bucket. Nothing is ever deleted here: objects carry the tag <c>backup</c> = pending, committed or expired, on which the bucket's
/// lifecycle rules act. The SDK retries requests; nobody above this class does.
/// </summary>
public sealed class S3Vault : IVault, IColdVault, IStateVault, IVersionedVault, ICopyVault
{
    internal const string StateTag = "backup";

    private const int Together = 16;

    private readonly S3Location _location;
    private readonly S3Connection _s3;
    private readonly TimeProvider _time;

    public S3Vault(S3Location location, TimeProvider time, S3Tuning? tuning = null)
    {
        _location = location;
        _time = time;
        _s3 = new S3Connection(location, tuning ?? new S3Tuning());
    }

    public string Name => _location.ToString();

    public Task<long> PutAsync(string key, Stream content, ObjectState state, RetainUntil? retain, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(content);
        CheckExpiry(state);
        return new S3Upload(_s3, _location, KeyRules.Check(key), state, retain, cancel).StoreAsync(content);
    }

    public bool MayCopy(IVault from, long size) => from is S3Vault other && other._s3.Endpoint == _s3.Endpoint && S3Upload.FitsCopy(size);

    public async Task<bool> TryCopyAsync(IVault from, string key, string sha256, long size, ObjectState state, CancellationToken cancel) =>
        MayCopy(from, size) && from is S3Vault other
        && await new S3Upload(_s3, _location, KeyRules.Check(key), state, null, cancel).TryCopyAsync(other._location.Bucket, other.Full(key), sha256, size);

    /// <summary>
    /// Reads the current version, except for manifests in a versioned bucket: what a manifest says is believed, so an overwritten one must not be.
    /// Artifacts need no such question (one more request each): their SHA-256 is in the manifest and is compared by every reader.
    /// </summary>
    public async Task<Stream> OpenAsync(string key, long offset, CancellationToken cancel)
    {
        KeyRules.Check(key);
        GetObjectResponse response;
        try
        {
            response = await GetAsync(key, offset, null, null, cancel);
        }
        catch (BackupException e) when (offset > 0 && e.InnerException is AmazonS3Exception { StatusCode: HttpStatusCode.RequestedRangeNotSatisfiable })
        {
            return Stream.Null; // the offset is at or after the end
        }

        var isVersioned = response.VersionId is { Length: > 0 } and not "null";
        if (isVersioned && key.EndsWith("/" + Model.VaultKeys.ManifestName, StringComparison.Ordinal)
            && await OldestVersionAsync(key, cancel) is { } oldest && oldest != response.VersionId)
        {
            response.Dispose();
            response = await GetAsync(key, offset, oldest, null, cancel);
        }

        var (version, etag) = (isVersioned ? response.VersionId : null, response.ETag);
        return new S3ReadStream(response, offset, What(key), _time, (position, token) => ResumeAsync(key, position, version, etag, token));
    }

    public async IAsyncEnumerable<VaultObject> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken cancel)
    {
        var request = new ListObjectsV2Request { BucketName = _location.Bucket, Prefix = _location.Prefix + KeyRules.CheckPrefix(prefix) };
        do
        {
            var page = await S3Errors.MapAsync("s3:ListBucket", What(prefix), () => _s3.Client.ListObjectsV2Async(request, cancel), cancel);
            foreach (var item in page.S3Objects ?? [])
            {
                yield return new VaultObject(item.Key[_location.Prefix.Length..], item.Size ?? 0,
                    new DateTimeOffset((item.LastModified ?? DateTime.UnixEpoch).ToUniversalTime()), item.StorageClass?.Value ?? "STANDARD");
            }

            request.ContinuationToken = page.IsTruncated == true ? page.NextContinuationToken : null;
        }
        while (request.ContinuationToken is not null);
    }

    public async IAsyncEnumerable<ObjectVersion> ListVersionsAsync(string prefix, [EnumeratorCancellation] CancellationToken cancel)
    {
        var request = new ListVersionsRequest { BucketName = _location.Bucket, Prefix = _location.Prefix + KeyRules.CheckPrefix(prefix) };
        while (true)
        {
            var page = await S3Errors.MapAsync("s3:ListBucketVersions", What(prefix), () => _s3.Client.ListVersionsAsync(request, cancel), cancel);
            // Some stores list delete markers behind all versions of a page.
            foreach (var v in (page.Versions ?? []).OrderBy(v => v.Key, StringComparer.Ordinal).ThenByDescending(v => v.IsLatest == true).ThenByDescending(v => v.LastModified))
            {
                yield return new ObjectVersion(v.Key[_location.Prefix.Length..], v.IsDeleteMarker == true, v.IsLatest == true,
                    new DateTimeOffset((v.LastModified ?? DateTime.UnixEpoch).ToUniversalTime()));
            }

            if (page.IsTruncated != true) yield break;
            (request.KeyMarker, request.VersionIdMarker) = (page.NextKeyMarker, page.NextVersionIdMarker);
        }
    }

    public Task MarkAsync(IReadOnlyCollection<string> keys, ObjectState state, CancellationToken cancel)
    {
        CheckExpiry(state);
        if (!_location.Tags) return Task.CompletedTask;
        return ForEachAsync(keys, async (key, token) =>
        {
            var request = new PutObjectTaggingRequest
            {
                BucketName = _location.Bucket,
                Key = Full(key),
                Tagging = new Tagging { TagSet = [new Tag { Key = StateTag, Value = Words.Of(state) }] },
            };
            try
            {
                await S3Errors.MapAsync("s3:PutObjectTagging", What(key), () => _s3.Client.PutObjectTaggingAsync(request, token), token);
            }
            catch (BackupException e) when (state is ObjectState.Expired && e.Code == ErrorCode.VaultMissing
                && e.InnerException is AmazonS3Exception { ErrorCode: not "NoSuchBucket" })
            {
                // Lifecycle has removed it already: an interrupted prune is being finished.
            }
        }, cancel);
    }

    public Task RetainAsync(IReadOnlyCollection<string> keys, RetainUntil retain, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(retain);
        if (LockMode(retain) is not { } mode) return Task.CompletedTask;
        return ForEachAsync(keys, async (key, token) =>
        {
            var head = await HeadAsync(key, token);
            var isCompliance = head?.ObjectLockMode == ObjectLockMode.Compliance;
            var isLongEnough = head?.ObjectLockRetainUntilDate?.ToUniversalTime() >= WholeSeconds(retain.Until);
            if (isLongEnough && (isCompliance || head?.ObjectLockMode == mode)) return;
            var request = new PutObjectRetentionRequest
            {
                BucketName = _location.Bucket,
                Key = Full(key),
                VersionId = head?.VersionId,
                Retention = new ObjectLockRetention
                {
                    // Compliance is never weakened, and no date is ever moved nearer.
                    Mode = isCompliance ? ObjectLockRetentionMode.Compliance : new ObjectLockRetentionMode(mode.Value),
                    RetainUntilDate = isLongEnough ? head!.ObjectLockRetainUntilDate : WholeSeconds(retain.Until),
                },
            };
            await S3Errors.MapAsync("s3:PutObjectRetention", What(key), () => _s3.Client.PutObjectRetentionAsync(request, token), token);
        }, cancel);
    }

    public Task<IAsyncDisposable> ClaimAsync(IReadOnlyCollection<string> prefixes, CancellationToken cancel) =>
        S3Claim.TakeAsync(_s3, _location, KeyRules.Folders(prefixes), cancel);

    public async Task<IReadOnlyList<VaultObject>> ColdAsync(IReadOnlyCollection<VaultObject> objects, CancellationToken cancel)
    {
        var archived = objects.Where(IsArchived).ToList();
        var thawed = new ConcurrentDictionary<string, bool>(StringComparer.Ordinal);
        await ForEachAsync([.. archived.Select(o => o.Key)], async (key, token) =>
        {
            var head = await S3Errors.MapAsync("s3:GetObject", What(key), () => _s3.Client.GetObjectMetadataAsync(_location.Bucket, Full(key), token), token);
            thawed[key] = head is { RestoreExpiration: not null, RestoreInProgress: not true };
        }, cancel);
        return [.. archived.Where(o => !thawed[o.Key])];
    }

    public async Task<string> ThawAsync(IReadOnlyCollection<VaultObject> objects, int days, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(objects);
        var cold = objects.Where(IsArchived).ToList();
        await ForEachAsync([.. cold.Select(o => o.Key)], async (key, token) =>
        {
            var request = new RestoreObjectRequest { BucketName = _location.Bucket, Key = Full(key), Days = days, RetrievalTier = GlacierJobTier.Standard };
            try
            {
                await S3Errors.MapAsync("s3:RestoreObject", What(key), () => _s3.Client.RestoreObjectAsync(request, token), token);
            }
            catch (BackupException e) when (e.InnerException is AmazonS3Exception { ErrorCode: "RestoreAlreadyInProgress" })
            {
                // Asked before; the answer to the caller is the same.
            }
        }, cancel);
        return cold.Count == 0 ? "ready now"
            : cold.Any(o => o.StorageClass == "DEEP_ARCHIVE") ? "ready in up to 12 hours (Deep Archive)"
            : "ready in 3 to 5 hours (Glacier Flexible Retrieval)";
    }

    public Task<IReadOnlyList<ObjectFacts>> FactsAsync(IReadOnlyCollection<string> keys, CancellationToken cancel) =>
        S3Facts.ReadAsync(_s3, _location, keys, Together, cancel);

    public ValueTask DisposeAsync()
    {
        _s3.Dispose();
        return ValueTask.CompletedTask;
    }

    private void CheckExpiry(ObjectState state)
    {
        if (state is not ObjectState.Expired || _location.Tags) return;
        throw new BackupException(ErrorCode.UsageWrong, $"{_location} is used without object tags, so nothing in it can expire",
            "Remove tags=off from the vault's URL if the store knows tags, or remove old backups with the store's own tools.");
    }

    internal static ObjectLockMode? LockMode(RetainUntil? retain) => retain?.Mode switch
    {
        Model.LockMode.Governance => ObjectLockMode.Governance,
        Model.LockMode.Compliance => ObjectLockMode.Compliance,
        _ => null,
    };

    private static DateTime WholeSeconds(DateTimeOffset time) => new(time.UtcTicks - (time.UtcTicks % TimeSpan.TicksPerSecond), DateTimeKind.Utc);

    private static bool IsArchived(VaultObject item) => item.StorageClass is "GLACIER" or "DEEP_ARCHIVE";

    private static Task ForEachAsync(IReadOnlyCollection<string> keys, Func<string, CancellationToken, Task> action, CancellationToken cancel) =>
        Parallel.ForEachAsync(keys.Select(KeyRules.Check), new ParallelOptions { MaxDegreeOfParallelism = Together, CancellationToken = cancel },
            async (key, token) => await action(key, token));

    private Task<GetObjectResponse> GetAsync(string key, long offset, string? version, string? etag, CancellationToken cancel)
    {
        var request = new GetObjectRequest
        {
            BucketName = _location.Bucket,
            Key = Full(key),
            VersionId = version,
            EtagToMatch = etag,
            ByteRange = offset > 0 ? new ByteRange($"bytes={offset}-") : null,
        };
        return S3Errors.MapAsync("s3:GetObject", What(key), () => _s3.Client.GetObjectAsync(request, cancel), cancel);
    }

    private async Task<GetObjectResponse> ResumeAsync(string key, long position, string? version, string? etag, CancellationToken cancel)
    {
        try
        {
            return await GetAsync(key, position, version, etag, cancel);
        }
        catch (BackupException e) when (e.Code == ErrorCode.VaultConflict)
        {
            throw new BackupException(ErrorCode.BackupDamaged, $"{What(key)} was replaced while it was being read",
                "Find out who writes into this vault besides this program, and turn bucket versioning on.", e);
        }
    }

    /// <summary>Null for a role that may not read artifacts: AWS refuses by itself to shorten a lock, so nothing is lost by not looking.</summary>
    private async Task<GetObjectMetadataResponse?> HeadAsync(string key, CancellationToken cancel)
    {
        try
        {
            return await S3Errors.MapAsync("s3:GetObject", What(key), () => _s3.Client.GetObjectMetadataAsync(_location.Bucket, Full(key), cancel), cancel);
        }
        catch (BackupException e) when (S3Errors.IsStatus(e.InnerException!, HttpStatusCode.Forbidden))
        {
            return null;
        }
    }

    private async Task<string?> OldestVersionAsync(string key, CancellationToken cancel)
    {
        var request = new ListVersionsRequest { BucketName = _location.Bucket, Prefix = Full(key) };
        string? oldest = null;
        while (true)
        {
            var page = await S3Errors.MapAsync("s3:ListBucketVersions", What(key), () => _s3.Client.ListVersionsAsync(request, cancel), cancel);
            foreach (var version in page.Versions ?? [])
                if (version.Key == Full(key) && version.IsDeleteMarker != true) oldest = version.VersionId; // newest come first
            if (page.IsTruncated != true) return oldest;
            (request.KeyMarker, request.VersionIdMarker) = (page.NextKeyMarker, page.NextVersionIdMarker);
        }
    }

    private string Full(string key) => _location.Prefix + KeyRules.Check(key);

    private string What(string key) => $"{_location}/{key}";
}
