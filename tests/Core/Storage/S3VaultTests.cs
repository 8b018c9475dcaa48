using Amazon.S3;
using Amazon.S3.Model;
using Backup.Core.Model;
using Backup.Core.Storage;
using Backup.Tests.Support;
using S3Location = Backup.Core.Storage.S3Location;

namespace Backup.Core.Tests.Storage;

/// <summary>One moto server for all tests of a class; it starts in about two seconds.</summary>
public sealed class MotoFixture : IAsyncLifetime
{
    public MotoServer? Server { get; private set; }

    public async ValueTask InitializeAsync()
    {
        if (MotoServer.WhyNot() is null) Server = await MotoServer.StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (Server is not null) await Server.DisposeAsync();
    }
}

public sealed class S3VaultTests(MotoFixture moto) : VaultContract, IClassFixture<MotoFixture>
{
    private string _bucket = "";

    private AmazonS3Client Client => Moto.Client;

    private MotoServer Moto
    {
        get
        {
            Assert.SkipWhen(moto.Server is null, MotoServer.WhyNot() ?? "");
            return moto.Server;
        }
    }

    [Fact]
    public async Task An_object_is_born_with_its_state_and_changes_it()
    {
        await using var vault = await NewVaultAsync();
        await PutAsync(vault, "a/small", "x");
        await vault.PutAsync("a/large", new PatternStream(9 << 20), ObjectState.Pending, null, Cancel);
        foreach (var key in (string[])["a/small", "a/large"]) Assert.Equal("pending", await TagAsync(key));
        await vault.MarkAsync(["a/small", "a/large"], ObjectState.Committed, Cancel);
        foreach (var key in (string[])["a/small", "a/large"]) Assert.Equal("committed", await TagAsync(key));
    }

    [Fact]
    public async Task Without_tags_nothing_is_tagged()
    {
        await NewVaultAsync();
        await using var vault = Open(_bucket, "&tags=off");
        await PutAsync(vault, "a/small", "x");
        await vault.MarkAsync(["a/small"], ObjectState.Committed, Cancel);
        Assert.Null(await TagAsync("a/small"));
    }

    [Fact]
    public async Task A_lock_is_set_at_birth_and_only_extended()
    {
        var bucket = await Moto.MakeBucketAsync(objectLock: true);
        await using var vault = Open(bucket);
        var start = new DateTimeOffset(2040, 1, 1, 0, 0, 0, TimeSpan.Zero);
        using var content = new MemoryStream([1]);
        await vault.PutAsync("a/manifest.json", content, ObjectState.Committed, new RetainUntil(LockMode.Governance, start), Cancel);
        await vault.PutAsync("a/large", new PatternStream(9 << 20), ObjectState.Pending, new RetainUntil(LockMode.Governance, start), Cancel);
        foreach (var (ask, want) in new[] { (0, 0), (-5, 0), (30, 30), (30, 30), (10, 30) })
        {
            await vault.RetainAsync(["a/manifest.json", "a/large"], new RetainUntil(LockMode.Governance, start.AddDays(ask)), Cancel);
            foreach (var key in (string[])["a/manifest.json", "a/large"])
            {
                var head = await Client.GetObjectMetadataAsync(bucket, "v/" + key, Cancel);
                Assert.Equal(ObjectLockMode.Governance, head.ObjectLockMode);
                Assert.Equal(start.AddDays(want).UtcDateTime, head.ObjectLockRetainUntilDate!.Value.ToUniversalTime());
            }
        }
    }

    [Fact]
    public async Task A_key_is_encrypted_with_the_key_that_the_url_names()
    {
        await NewVaultAsync();
        await using var vault = Open(_bucket, "&kmsKey=alias/vault");
        await PutAsync(vault, "a/small", "x");
        await vault.PutAsync("a/large", new PatternStream(9 << 20), ObjectState.Pending, null, Cancel);
        foreach (var key in (string[])["v/a/small", "v/a/large"])
        {
            var head = await Client.GetObjectMetadataAsync(_bucket, key, Cancel);
            Assert.Equal(ServerSideEncryptionMethod.AWSKMS, head.ServerSideEncryptionMethod);
            Assert.Contains("alias/vault", head.ServerSideEncryptionKeyManagementServiceKeyId, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task An_overwritten_manifest_is_read_as_it_was_first()
    {
        var bucket = await Moto.MakeBucketAsync(versioned: true);
        await using var vault = Open(bucket);
        await PutAsync(vault, "a/x/manifest.json", "true");
        foreach (var forged in (string[])["forged", "forged again"])
            await Client.PutObjectAsync(new PutObjectRequest { BucketName = bucket, Key = "v/a/x/manifest.json", ContentBody = forged }, Cancel);
        Assert.Equal("true", await ReadAsync(vault, "a/x/manifest.json"));
    }

    [Fact]
    public async Task Cold_objects_are_thawed_before_they_are_read()
    {
        await using var vault = (S3Vault)await NewVaultAsync();
        await Client.PutObjectAsync(new PutObjectRequest { BucketName = _bucket, Key = "v/a/cold", ContentBody = "x", StorageClass = S3StorageClass.Glacier }, Cancel);
        await PutAsync(vault, "a/warm", "x");
        var objects = await ListAsync(vault, "a/");
        Assert.Equal("GLACIER", objects[0].StorageClass);
        await ThrowsAsync(ErrorCode.VaultCold, () => vault.OpenAsync("a/cold", 0, Cancel));
        Assert.Contains("3 to 5 hours", await vault.ThawAsync(objects, 2, Cancel), StringComparison.Ordinal);
        Assert.Equal("ready now", await vault.ThawAsync([objects[1]], 2, Cancel));
    }

    [Fact]
    public async Task More_than_one_page_is_listed()
    {
        await using var vault = await NewVaultAsync();
        await Parallel.ForEachAsync(Enumerable.Range(0, 1100), Cancel, async (i, token) =>
            await Client.PutObjectAsync(new PutObjectRequest { BucketName = _bucket, Key = $"v/many/{i}", ContentBody = "" }, token));
        Assert.Equal(1100, (await ListAsync(vault, "many/")).Count);
    }

    [Fact]
    public async Task A_bucket_that_does_not_exist_is_missing()
    {
        await using var vault = Open("no-such-bucket");
        await ThrowsAsync(ErrorCode.VaultMissing, () => ListAsync(vault, ""));
        await ThrowsAsync(ErrorCode.VaultMissing, () => PutAsync(vault, "a/b", "x"));
        await ThrowsAsync(ErrorCode.VaultMissing, () => vault.OpenAsync("a/b", 0, Cancel));
        await ThrowsAsync(ErrorCode.VaultMissing, () => vault.MarkAsync(["a/b"], ObjectState.Expired, Cancel));
    }

    protected override async Task<IVault> NewVaultAsync() => Open(_bucket = await Moto.MakeBucketAsync());

    protected override async Task<int> UnfinishedAsync()
    {
        var uploads = await Client.ListMultipartUploadsAsync(new ListMultipartUploadsRequest { BucketName = _bucket }, Cancel);
        return uploads.MultipartUploads?.Count ?? 0;
    }

    protected override Task LeaveUnfinishedAsync(string folder) =>
        Client.InitiateMultipartUploadAsync(new InitiateMultipartUploadRequest { BucketName = _bucket, Key = $"v/{folder}2026/01/x/aaaaaaaa/base.dump.zst" }, Cancel);

    private S3Vault Open(string bucket, string more = "") => new(
        (S3Location)VaultLocation.Parse($"s3://{bucket}/v?region=eu-central-1&endpoint={Uri.EscapeDataString(Moto.Endpoint.ToString())}{more}", null),
        TimeProvider.System, new S3Tuning { Credentials = MotoServer.Credentials });

    private async Task<string?> TagAsync(string key)
    {
        var tags = await Client.GetObjectTaggingAsync(new GetObjectTaggingRequest { BucketName = _bucket, Key = "v/" + key }, Cancel);
        return tags.Tagging?.SingleOrDefault(t => t.Key == "backup")?.Value;
    }
}
