using System.Collections.Concurrent;
using Amazon.S3;
using Amazon.S3.Model;
using Backup.Core.Model;

namespace Backup.Core.Storage;

/// <summary>State and lock of objects as S3 itself tells them: two requests per object.</summary>
internal static class S3Facts
{
    public static async Task<IReadOnlyList<ObjectFacts>> ReadAsync(
        S3Connection s3, S3Location location, IReadOnlyCollection<string> keys, int together, CancellationToken cancel)
    {
        var facts = new ConcurrentBag<ObjectFacts>();
        await Parallel.ForEachAsync(keys, new ParallelOptions { MaxDegreeOfParallelism = together, CancellationToken = cancel },
            async (key, token) => facts.Add(await ReadAsync(s3, location, key, token)));
        return [.. facts.OrderBy(f => f.Key, KeyRules.Order)];
    }

    private static async Task<ObjectFacts> ReadAsync(S3Connection s3, S3Location location, string key, CancellationToken cancel)
    {
        var full = location.Prefix + KeyRules.Check(key);
        var what = $"{location}/{key}";
        var head = await S3Errors.MapAsync("s3:GetObject", what, () => s3.Client.GetObjectMetadataAsync(location.Bucket, full, cancel), cancel);
        var request = new GetObjectTaggingRequest { BucketName = location.Bucket, Key = full };
        var tags = location.Tags
            ? await S3Errors.MapAsync("s3:GetObjectTagging", what, () => s3.Client.GetObjectTaggingAsync(request, cancel), cancel)
            : null;
        var state = tags?.Tagging?.FirstOrDefault(t => t.Key == S3Vault.StateTag)?.Value;
        return new ObjectFacts(key, Words.TryParse<ObjectState>(state, out var known) ? known : null, Lock(head));
    }

    private static RetainUntil? Lock(GetObjectMetadataResponse head) => head.ObjectLockRetainUntilDate is { } until && head.ObjectLockMode is { } mode
        ? new RetainUntil(mode == ObjectLockMode.Compliance ? LockMode.Compliance : LockMode.Governance, new DateTimeOffset(until.ToUniversalTime()))
        : null;
}
