using System.Net;
using System.Security.Cryptography;
using Amazon.S3;
using Amazon.S3.Model;
using Backup.Core.Model;

namespace Backup.Core.Storage;

/// <summary>
/// Stores one stream as one object. What fits into the first part is one request; anything longer is a multipart upload with up to three parts
/// under way, aborted whatever goes wrong. If-None-Match makes either write-once.
/// </summary>
internal sealed partial class S3Upload
{
    private const int PartsInFlight = 3;
    private const string PutId = "put";
    private static readonly TimeSpan s_abortTime = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_initiateTime = TimeSpan.FromSeconds(5);

    private readonly S3Connection _s3;
    private readonly S3Location _location;
    private readonly string _key;
    private readonly string _what;
    private readonly ObjectState _state;
    private readonly RetainUntil? _retain;
    private readonly CancellationToken _cancel;

    // Tells our own object from somebody else's when S3 stored it but its answer was lost and the SDK asked again.
    private readonly string _putId = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));

    public S3Upload(S3Connection s3, S3Location location, string key, ObjectState state, RetainUntil? retain, CancellationToken cancel)
    {
        _s3 = s3;
        _location = location;
        _key = location.Prefix + key;
        _what = $"{location}/{key}";
        _state = state;
        _retain = retain;
        _cancel = cancel;
    }

    public async Task<long> StoreAsync(Stream content)
    {
        var first = await PartBuffer.FillAsync(SegmentPool.Shared, 1, content, _cancel);
        if (!first.IsLast) return await StorePartsAsync(first, content);
        using (first)
        {
            await PutAsync(first);
            return first.Length;
        }
    }

    private async Task PutAsync(PartBuffer content)
    {
        await using var body = content.OpenRead();
        var request = new PutObjectRequest
        {
            BucketName = _location.Bucket,
            Key = _key,
            InputStream = body,
            AutoCloseStream = false,
            ChecksumAlgorithm = ChecksumAlgorithm.SHA256, // a locked object must name its algorithm as well
            ChecksumSHA256 = content.Sha256,
            DisablePayloadSigning = !_s3.SignsPayload,
            IfNoneMatch = "*",
            ContentType = "application/octet-stream",
            TagSet = Tags(),
            ObjectLockMode = LockMode(),
            ObjectLockRetainUntilDate = _retain?.Until.UtcDateTime,
            ServerSideEncryptionMethod = _location.KmsKey is null ? null : ServerSideEncryptionMethod.AWSKMS,
            ServerSideEncryptionKeyManagementServiceKeyId = _location.KmsKey,
            BucketKeyEnabled = _location.KmsKey is null ? null : true,
        };
        request.Metadata.Add(PutId, _putId);
        try
        {
            var answer = await S3Errors.MapAsync("s3:PutObject", _what, () => _s3.Client.PutObjectAsync(request, _cancel), _cancel);
            Compare(content.Sha256, answer.ChecksumSHA256, "object");
        }
        catch (BackupException e) when (e.Code == ErrorCode.VaultConflict && !e.IsTransient)
        {
            if (!await IsOursAsync()) throw;
        }
    }

    private async Task<long> StorePartsAsync(PartBuffer first, Stream content)
    {
        string? uploadId = null;
        var sent = new List<Task<PartETag>>();
        var completed = false;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(_cancel);
        using var slots = new SemaphoreSlim(PartsInFlight);
        try
        {
            try
            {
                uploadId = await InitiateAsync();
            }
            finally
            {
                if (uploadId is null) first.Dispose();
            }

            var size = await SendAllAsync(first, content, uploadId, sent, slots, stop);
            var parts = await Task.WhenAll(sent);
            _cancel.ThrowIfCancellationRequested();
            await CompleteAsync(uploadId, parts, size);
            completed = true;
            return size;
        }
        finally
        {
            if (!completed)
            {
                await stop.CancelAsync();
                // Parts that are still on their way would arrive after the abort and stay.
                await Task.WhenAll(sent).ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
                if (uploadId is not null) await AbortAsync(uploadId);
            }
        }
    }

    /// <summary>Fills and sends parts until the content ends or one of them fails; one part is filled while others are under way.</summary>
    private async Task<long> SendAllAsync(PartBuffer first, Stream content, string uploadId, List<Task<PartETag>> sent, SemaphoreSlim slots,
        CancellationTokenSource stop)
    {
        long size = 0;
        PartBuffer? held = first; // null once a sender owns it
        try
        {
            for (var number = 1; ; number++)
            {
                size += held.Length;
                var isLast = held.IsLast;
                if (held.Length > 0) // zero when the content ended exactly at a part's end
                {
                    await slots.WaitAsync(stop.Token);
                    sent.Add(SendAsync(held, number, uploadId, slots, stop));
                    held = null;
                }

                if (isLast) return size;
                if (number == PartPlan.MaxParts)
                    throw new BackupException(ErrorCode.VaultFull, $"{_what} is larger than S3 can store", "Split the table into smaller chunks (shardAbove).");
                held = await PartBuffer.FillAsync(SegmentPool.Shared, number + 1, content, stop.Token);
            }
        }
        catch (Exception) when (stop.IsCancellationRequested && !_cancel.IsCancellationRequested)
        {
            await Task.WhenAll(sent); // a part failed, which stopped the rest: its exception is the story
            throw;
        }
        finally
        {
            held?.Dispose();
        }
    }

    /// <summary>Owns the part and one slot. Its failure stops the whole upload.</summary>
    private async Task<PartETag> SendAsync(PartBuffer part, int number, string uploadId, SemaphoreSlim slots, CancellationTokenSource stop)
    {
        var done = false;
        try
        {
            await using var body = part.OpenRead();
            var request = new UploadPartRequest
            {
                BucketName = _location.Bucket,
                Key = _key,
                UploadId = uploadId,
                PartNumber = number,
                PartSize = part.Length,
                InputStream = body,
                ChecksumAlgorithm = ChecksumAlgorithm.SHA256,
                ChecksumSHA256 = part.Sha256,
                DisablePayloadSigning = !_s3.SignsPayload,
            };
            var answer = await S3Errors.MapAsync("s3:PutObject", _what, () => _s3.Client.UploadPartAsync(request, stop.Token), stop.Token);
            Compare(part.Sha256, answer.ChecksumSHA256, $"part {number}");
            done = true;
            return new PartETag(number, answer.ETag) { ChecksumSHA256 = part.Sha256 };
        }
        finally
        {
            part.Dispose();
            slots.Release();
            if (!done) await stop.CancelAsync();
        }
    }

    private async Task<string> InitiateAsync()
    {
        var request = new InitiateMultipartUploadRequest
        {
            BucketName = _location.Bucket,
            Key = _key,
            ContentType = "application/octet-stream",
            ChecksumAlgorithm = ChecksumAlgorithm.SHA256,
            ChecksumType = ChecksumType.COMPOSITE,
            TagSet = Tags(),
            ObjectLockMode = LockMode(),
            ObjectLockRetainUntilDate = _retain?.Until.UtcDateTime,
            ServerSideEncryptionMethod = _location.KmsKey is null ? null : ServerSideEncryptionMethod.AWSKMS,
            ServerSideEncryptionKeyManagementServiceKeyId = _location.KmsKey,
            BucketKeyEnabled = _location.KmsKey is null ? null : true,
        };
        request.Metadata.Add(PutId, _putId);
        _cancel.ThrowIfCancellationRequested();
        // Not cancelled at once: without the answer nobody could abort what the server has begun.
        using var limit = new CancellationTokenSource();
        using var late = _cancel.Register(() => limit.CancelAfter(s_initiateTime));
        var answer = await S3Errors.MapAsync("s3:PutObject", _what, () => _s3.Client.InitiateMultipartUploadAsync(request, limit.Token), limit.Token);
        return answer.UploadId;
    }

    /// <summary>Not cancellable: an abandoned Complete may still make the object, and then the caller would be told the opposite.</summary>
    private async Task CompleteAsync(string uploadId, PartETag[] parts, long size)
    {
        var request = new CompleteMultipartUploadRequest
        {
            BucketName = _location.Bucket,
            Key = _key,
            UploadId = uploadId,
            PartETags = [.. parts],
            IfNoneMatch = "*",
            MpuObjectSize = size,
        };
        try
        {
            var answer = await S3Errors.MapAsync("s3:PutObject", _what,
                () => _s3.Client.CompleteMultipartUploadAsync(request, CancellationToken.None), CancellationToken.None);
            if (answer.ChecksumType != ChecksumType.FULL_OBJECT) Compare(Composite(parts), answer.ChecksumSHA256, "object");
        }
        catch (BackupException e) when (e.Code == ErrorCode.VaultBusy || (e.Code == ErrorCode.VaultConflict && !e.IsTransient))
        {
            if (!await IsOursAsync()) throw;
        }
    }

    private async Task AbortAsync(string uploadId)
    {
        using var limit = new CancellationTokenSource(s_abortTime);
        try
        {
            await _s3.Client.AbortMultipartUploadAsync(_location.Bucket, _key, uploadId, limit.Token);
        }
        catch (Exception e) when (S3Errors.IsTransport(e) || e is OperationCanceledException)
        {
            // The failure that led here is the one to report; the next claim or the bucket's lifecycle rule removes the parts.
        }
    }

    /// <summary>
    /// After "exists already": did an earlier try of this very request store it? A role that may not read artifacts cannot know, and
    /// keeps the conflict.
    /// </summary>
    private async Task<bool> IsOursAsync()
    {
        try
        {
            var head = await _s3.Client.GetObjectMetadataAsync(_location.Bucket, _key, _cancel);
            return head.Metadata[PutId] == _putId;
        }
        catch (Exception e) when (S3Errors.IsTransport(e))
        {
            return false;
        }
    }

    private List<Tag>? Tags() => _location.Tags ? [new Tag { Key = S3Vault.StateTag, Value = Words.Of(_state) }] : null;

    private ObjectLockMode? LockMode() => S3Vault.LockMode(_retain);

    private void Compare(string ours, string? theirs, string which)
    {
        if (string.IsNullOrEmpty(theirs) || theirs == ours) return;
        throw new BackupException(ErrorCode.VaultUnreachable, $"the {which} of {_what} arrived changed: SHA-256 {ours} was sent, {theirs} was stored",
            "Run it again; if it happens twice, look for a proxy between this machine and the vault.") { IsTransient = true };
    }

    private static string Composite(PartETag[] parts) =>
        $"{Convert.ToBase64String(SHA256.HashData([.. parts.SelectMany(p => Convert.FromBase64String(p.ChecksumSHA256))]))}-{parts.Length}";
}
