using Amazon.S3;
using Amazon.S3.Model;
using Backup.Core.Catalog;
using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Core.Policies;
using Backup.Core.Storage;
using Backup.Core.Tests.Storage;
using Backup.Tests.Support;
using S3Location = Backup.Core.Storage.S3Location;

namespace Backup.Core.Tests.Operations;

/// <summary>
/// What a run leaves in a bucket with Object Lock: the tags that lifecycle acts on, the full lock of every object, the fact that it is in place.
/// That a lock cannot be shortened is S3's promise; the local stand-in does not keep it, so it is not tested here.
/// </summary>
public sealed class LockedVaultTests(PostgresFixture postgres, MotoFixture moto) : IClassFixture<MotoFixture>
{
    private static readonly RetentionPolicy _retention = new(new Dictionary<Tier, CalendarSpan>
    {
        [Tier.Manual] = new(1, CalendarUnit.Years),
        [Tier.Daily] = new(30, CalendarUnit.Days),
    });

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private AmazonS3Client Client => moto.Server!.Client;

    [Fact]
    public async Task A_committed_backup_is_tagged_and_locked_to_its_expiry()
    {
        var (lab, bucket) = await LabAsync();
        await using var _ = lab;
        await using var source = await postgres.CreateDatabaseAsync();
        await Database.SqlAsync(source.Url, "CREATE TABLE t AS SELECT i, repeat('x', 500) FROM generate_series(1, 5000) i");
        var report = await lab.RunAsync(lab.Request(source.Url, d => d with { ShardAbove = 1 << 20 }) with { Retention = _retention, Lock = LockMode.Governance });

        var until = report.Manifest!.ExpiresAt!.Value;
        Assert.Equal(new DateTimeOffset(2027, 3, 4, 5, 6, 7, TimeSpan.Zero), until);
        Assert.True((await lab.LatestAsync()).IsLocked);
        var keys = report.Manifest.Artifacts.Select(a => a.Key).Append(report.Prefix + VaultKeys.ManifestName).Append(report.Prefix + VaultKeys.LockedName).ToList();
        Assert.True(keys.Count >= 5); // base, chunks, globals, manifest, locked.json
        foreach (var key in keys)
        {
            var head = await Client.GetObjectMetadataAsync(bucket, key, Cancel);
            Assert.Equal(ObjectLockMode.Governance, head.ObjectLockMode);
            Assert.Equal(until.UtcDateTime, head.ObjectLockRetainUntilDate!.Value.ToUniversalTime());
            Assert.Equal("committed", await StateAsync(bucket, key));
        }
    }

    [Fact]
    public async Task A_run_completes_the_lock_of_a_backup_whose_process_died_after_the_commit()
    {
        var (lab, bucket) = await LabAsync();
        await using var _ = lab;
        await using var source = await postgres.CreateDatabaseAsync();
        await Database.SqlAsync(source.Url, "CREATE TABLE t (i int)");
        var request = lab.Request(source.Url) with { Retention = _retention, Lock = LockMode.Governance };
        var first = await lab.RunAsync(request);
        var locked = first.Prefix + VaultKeys.LockedName;
        var version = (await Client.GetObjectMetadataAsync(bucket, locked, Cancel)).VersionId;
        await Client.DeleteObjectAsync(new DeleteObjectRequest { BucketName = bucket, Key = locked, VersionId = version, BypassGovernanceRetention = true }, Cancel);
        Assert.False((await lab.LatestAsync()).IsLocked);

        await lab.RunAsync(request);

        Assert.All(await new BackupCatalog(lab.Vault).ListAsync("test", "db", Cancel), entry => Assert.True(entry.IsLocked));
    }

    [Fact]
    public async Task A_backup_in_an_archive_class_says_so_and_can_be_restored_when_it_is_thawed()
    {
        var (lab, bucket) = await LabAsync(objectLock: false);
        await using var _ = lab;
        await using var source = await postgres.CreateDatabaseAsync();
        await Database.SqlAsync(source.Url, "CREATE TABLE t AS SELECT generate_series(1, 100) i");
        var report = await lab.RunAsync(source.Url);
        foreach (var key in report.Manifest!.Artifacts.Select(a => a.Key))
        {
            await Client.CopyObjectAsync(new CopyObjectRequest
            {
                SourceBucket = bucket,
                SourceKey = key,
                DestinationBucket = bucket,
                DestinationKey = key,
                StorageClass = S3StorageClass.Glacier,
            }, Cancel);
        }

        var target = await lab.NewUrlAsync();
        var error = await Assert.ThrowsAsync<BackupException>(() => lab.RestoreAsync(target));
        Assert.Equal(ErrorCode.VaultCold, error.Code);
        Assert.Contains("GLACIER", error.Message, StringComparison.Ordinal);
        Assert.Contains("--thaw", error.NextStep, StringComparison.Ordinal);

        var entry = await lab.LatestAsync();
        var objects = await Stored.ListAsync(lab.Vault, entry, Cancel);
        var cold = await Stored.ColdAsync(lab.Vault, entry.Manifest!.Artifacts, objects, Cancel);
        Assert.Equal(report.Manifest.Artifacts.Count, cold.Count);
        Assert.Contains("3 to 5 hours", await ((IColdVault)lab.Vault).ThawAsync(cold, 3, Cancel), StringComparison.Ordinal);
        Assert.Empty(await Stored.ColdAsync(lab.Vault, entry.Manifest.Artifacts, objects, Cancel)); // their class is still the archive's
        Assert.Equal(100, (await lab.RestoreAsync(target)).Rows);
        Assert.True((await lab.VerifyAsync()).Passed);
    }

    private async Task<(Lab Lab, string Bucket)> LabAsync(bool objectLock = true)
    {
        Assert.SkipWhen(moto.Server is null, MotoServer.WhyNot() ?? "");
        var bucket = await moto.Server.MakeBucketAsync(objectLock: objectLock);
        var location = (S3Location)VaultLocation.Parse($"s3://{bucket}?region=eu-central-1&endpoint={moto.Server.Endpoint}", null);
        return (new Lab(postgres, new S3Vault(location, TimeProvider.System, new S3Tuning { Credentials = MotoServer.Credentials })), bucket);
    }

    private async Task<string?> StateAsync(string bucket, string key)
    {
        var tags = await Client.GetObjectTaggingAsync(new GetObjectTaggingRequest { BucketName = bucket, Key = key }, Cancel);
        return tags.Tagging.SingleOrDefault(t => t.Key == "backup")?.Value;
    }
}
