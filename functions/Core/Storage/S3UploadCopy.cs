using Amazon.S3.Model;
using Backup.Core.Model;

namespace Backup.Core.Storage;

/// <summary>
/// An upload whose one part S3 copies itself. S3 computes the SHA-256 of the part, and the part is the object: so it can be compared with the manifest's before anything is
/// visible. An object of several parts would have only a hash of hashes.
/// </summary>
internal sealed partial class S3Upload
{
    /// <summary>Below, one read and one write are fewer requests.</summary>
    private const long SmallestCopy = 8L << 20;

    /// <summary>S3 copies 5 GiB in one part, and answers when it has; what takes longer than a stalled connection may must not be asked for.</summary>
    private const long LargestCopy = 1L << 30;

    public static bool FitsCopy(long size) => size is >= SmallestCopy and <= LargestCopy;

    /// <param name="bucket">Of the source.</param>
    /// <param name="key">Full key in it.</param>
    /// <param name="sha256">Lower-case hex.</param>
    /// <param name="size">Bytes.</param>
    public async Task<bool> TryCopyAsync(string bucket, string key, string sha256, long size)
    {
        var expected = Convert.ToBase64String(Convert.FromHexString(sha256));
        string? uploadId = null;
        var completed = false;
        try
        {
            uploadId = await InitiateAsync();
            var request = new CopyPartRequest { SourceBucket = bucket, SourceKey = key, DestinationBucket = _location.Bucket, DestinationKey = _key, UploadId = uploadId, PartNumber = 1 };
            var answer = await S3Errors.MapAsync("s3:GetObject", $"s3://{bucket}/{key}", () => _s3.Client.CopyPartAsync(request, _cancel), _cancel);
            if (answer.ChecksumSHA256 != expected) return false; // a store that does not say what it copied, or a source that is damaged
            await CompleteAsync(uploadId, [new PartETag(1, answer.ETag) { ChecksumSHA256 = expected }], size);
            return completed = true;
        }
        catch (BackupException) when (!_cancel.IsCancellationRequested)
        {
            return false; // no right to the source, another account, a class that must be thawed: reading says which
        }
        finally
        {
            if (!completed && uploadId is not null) await AbortAsync(uploadId);
        }
    }
}
