using Amazon.S3;
using Amazon.S3.Model;
using Backup.Core.Model;
using Backup.Core.Storage;
using Backup.Core.Tests.Retention;
using Backup.Core.Tests.Storage;
using Backup.Core.Tests.Support;
using Backup.Tests.Support;
using S3Location = Backup.Core.Storage.S3Location;

namespace Backup.Core.Tests.Syncing;

public abstract class SyncOfKinds(MotoFixture moto) : SyncContract, IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("backup-sync-").FullName;

    protected MotoServer Moto
    {
        get
        {
            Assert.SkipWhen(moto.Server is null, MotoServer.WhyNot() ?? "");
            return moto.Server;
        }
    }

    public void Dispose()
    {
        Directory.Delete(_folder, recursive: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>The folder itself does not exist before something is put.</summary>
    protected Task<IVault> FolderAsync() => Task.FromResult<IVault>(new FolderVault(Path.Combine(_folder, $"{Guid.NewGuid():n}"), TimeProvider.System));

    protected async Task<IVault> BucketAsync() => Open(await Moto.MakeBucketAsync());

    protected S3Vault Open(string bucket) => new(
        (S3Location)VaultLocation.Parse($"s3://{bucket}?region=eu-central-1&endpoint={Uri.EscapeDataString(Moto.Endpoint.ToString())}", null),
        TimeProvider.System, new S3Tuning { Credentials = MotoServer.Credentials });
}

public sealed class FolderToS3SyncTests(MotoFixture moto) : SyncOfKinds(moto), IClassFixture<MotoFixture>
{
    protected override Task<IVault> NewSourceAsync() => FolderAsync();
    protected override Task<IVault> NewTargetAsync() => BucketAsync();
}

public sealed class S3ToFolderSyncTests(MotoFixture moto) : SyncOfKinds(moto), IClassFixture<MotoFixture>
{
    protected override Task<IVault> NewSourceAsync() => BucketAsync();
    protected override Task<IVault> NewTargetAsync() => FolderAsync();
}

public sealed class S3ToS3SyncTests(MotoFixture moto) : SyncOfKinds(moto), IClassFixture<MotoFixture>
{
    [Fact]
    public async Task Tags_and_locks_follow_the_manifest()
    {
        var bucket = await Moto.MakeBucketAsync(objectLock: true);
        await using var to = Open(bucket);
        var until = new DateTimeOffset(2040, 1, 1, 0, 0, 0, TimeSpan.Zero);
        var locked = await Moto.MakeBucketAsync(objectLock: true);
        await using var source = Open(locked);
        var prefix = await MadeUp.BackupAsync(source, Past.Now, @lock: new LockPromise(LockMode.Governance, until));

        Assert.Empty((await SyncAsync(source, to)).Failed);

        Assert.True((await MadeUp.ListAsync(to))[0].IsLocked);
        Assert.All(await to.FactsAsync(await MadeUp.KeysAsync(to, prefix), Cancel), f =>
        {
            Assert.Equal(ObjectState.Committed, f.State);
            Assert.Equal(new RetainUntil(LockMode.Governance, until), f.Lock);
        });
    }

    /// <summary>moto copies parts and says no checksum of them, as some stores do.</summary>
    [Fact]
    public async Task A_store_that_does_not_say_what_it_copied_is_not_believed_and_nothing_unfinished_stays()
    {
        await using var source = await BucketAsync();
        var bucket = await Moto.MakeBucketAsync();
        await using var to = Open(bucket);
        await MadeUp.BackupAsync(source, Past.Now, sizes: [9 << 20, 100]);
        Assert.Empty((await SyncAsync(source, to)).Failed);
        Assert.Empty((await Moto.Client.ListMultipartUploadsAsync(bucket, Cancel)).MultipartUploads ?? []);
        Assert.Single(await MadeUp.ListAsync(to));
    }

    protected override Task<IVault> NewSourceAsync() => BucketAsync();
    protected override Task<IVault> NewTargetAsync() => BucketAsync();
}
