using System.Collections.Concurrent;
using System.Net;
using Amazon.S3;
using Amazon.S3.Model;
using Backup.Core.Model;

namespace Backup.Core.Storage;

/// <summary>
/// A claim on folders of a bucket. S3 has no locks: this one is seen by this process only, and across machines the database's advisory lock
/// keeps a second run away.
/// </summary>
internal sealed class S3Claim : IAsyncDisposable
{
    private static readonly ConcurrentDictionary<string, string> s_claims = new(StringComparer.Ordinal);

    private readonly List<string> _taken = [];

    private S3Claim()
    {
    }

    /// <summary>Takes the folders, then removes the unfinished uploads below them.</summary>
    public static async Task<IAsyncDisposable> TakeAsync(S3Connection s3, S3Location location, IReadOnlyList<string> folders, CancellationToken cancel)
    {
        var claim = new S3Claim();
        var isTaken = false;
        try
        {
            foreach (var folder in folders) claim.Take($"{s3.Endpoint}|{location.Bucket}|{location.Prefix}{folder}", $"{location}/{folder}");
            foreach (var folder in folders) await AbortUploadsAsync(s3, location, folder, cancel);
            isTaken = true;
            return claim;
        }
        finally
        {
            if (!isTaken) claim.Release();
        }
    }

    public ValueTask DisposeAsync()
    {
        Release();
        return ValueTask.CompletedTask;
    }

    private void Take(string name, string what)
    {
        if (!s_claims.TryAdd(name, what))
        {
            throw new BackupException(ErrorCode.VaultBusy, $"this process is already writing {what}", "Wait until that run has ended.") { IsTransient = true };
        }

        _taken.Add(name);
    }

    private void Release()
    {
        foreach (var name in _taken) s_claims.TryRemove(name, out _);
        _taken.Clear();
    }

    /// <summary>The caller holds the database's lock, so every unfinished upload below its folders is a dead run's.</summary>
    private static async Task AbortUploadsAsync(S3Connection s3, S3Location location, string folder, CancellationToken cancel)
    {
        var request = new ListMultipartUploadsRequest { BucketName = location.Bucket, Prefix = location.Prefix + folder };
        while (true)
        {
            ListMultipartUploadsResponse page;
            try
            {
                page = await S3Errors.MapAsync("s3:ListBucketMultipartUploads", $"{location}/{folder}", () => s3.Client.ListMultipartUploadsAsync(request, cancel), cancel);
            }
            catch (BackupException e) when (e.InnerException is AmazonS3Exception { StatusCode: HttpStatusCode.Forbidden, ErrorCode: "AccessDenied" })
            {
                return; // A role may lack this right; the bucket's lifecycle rule removes unfinished uploads after 3 days.
            }

            foreach (var upload in page.MultipartUploads ?? [])
            {
                await S3Errors.MapAsync("s3:AbortMultipartUpload", $"s3://{location.Bucket}/{upload.Key}", async () =>
                {
                    try
                    {
                        return await s3.Client.AbortMultipartUploadAsync(location.Bucket, upload.Key, upload.UploadId, cancel);
                    }
                    catch (AmazonS3Exception e) when (e.ErrorCode == "NoSuchUpload")
                    {
                        return null; // ended by itself in the meantime
                    }
                }, cancel);
            }

            if (page.IsTruncated != true) return;
            (request.KeyMarker, request.UploadIdMarker) = (page.NextKeyMarker, page.NextUploadIdMarker);
        }
    }
}
