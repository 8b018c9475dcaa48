using Amazon.S3;
using Amazon.S3.Model;
using Backup.Core.Model;
using Backup.Core.Storage;
using Backup.Core.Tests.Retention;
using Backup.Core.Tests.Storage;
using Backup.Core.Tests.Support;
using Backup.Tests.Support;
using S3Location = Backup.Core.Storage.S3Location;

namespace Backup.Core.Tests.Pruning;

/// <summary>On S3 nothing is deleted: the tag says what lifecycle may delete.</summary>
public sealed class S3PruneTests(MotoFixture moto) : PruneContract, IClassFixture<MotoFixture>
{
    private string _bucket = "";

    private AmazonS3Client Client => moto.Server!.Client;

    [Fact]
    public async Task Nothing_is_ever_deleted_and_what_is_kept_stays_committed()
    {
        await using var vault = await NewVaultAsync();
        await DaysAsync(vault, 0, 3);
        await DaysAsync(vault, 40, 41);
        var before = await MadeUp.KeysAsync(vault);
        await PruneAsync(vault);
        var versions = await Client.ListVersionsAsync(new ListVersionsRequest { BucketName = _bucket }, Cancel);
        Assert.DoesNotContain(versions.Versions, v => v.IsDeleteMarker == true || v.IsLatest != true);
        Assert.Equal(before.Count + 3, versions.Versions.Count); // and two tombstones and the evidence
        foreach (var key in before)
            Assert.Equal(key.Contains("/2026/04/", StringComparison.Ordinal) ? "expired" : "committed", await StateAsync(key));
    }

    [Fact]
    public async Task Expired_backups_that_lifecycle_does_not_remove_are_a_finding()
    {
        await using var vault = await NewVaultAsync();
        var now = TimeProvider.System.GetUtcNow();
        for (var day = 0; day < 5; day++) await MadeUp.BackupAsync(vault, now.AddDays(4 - day));
        await MadeUp.BackupAsync(vault, now.AddDays(-40));
        Assert.Equal(1, (await PruneAsync(vault, now.AddDays(4))).Expired);
        Assert.Empty((await PruneAsync(vault, now.AddDays(2))).Findings);
        Assert.Equal("prune.notRemoved", Assert.Single((await PruneAsync(vault, now.AddDays(4))).Findings).Code);
    }

    [Fact]
    public async Task A_store_without_tags_is_told_so_before_anything_is_hidden()
    {
        await NewVaultAsync();
        await using var vault = Open(_bucket, "&tags=off");
        await DaysAsync(vault, 0, 3);
        await DaysAsync(vault, 40, 40);
        var error = await Assert.ThrowsAsync<BackupException>(() => PruneAsync(vault));
        Assert.Contains("without object tags", error.Message, StringComparison.Ordinal);
        Assert.Equal(5, (await MadeUp.ListAsync(vault)).Count);
    }

    [Fact]
    public async Task States_and_locks_of_objects_can_be_shown()
    {
        Assert.SkipWhen(moto.Server is null, MotoServer.WhyNot() ?? "");
        var bucket = await moto.Server.MakeBucketAsync(objectLock: true);
        await using var vault = Open(bucket);
        var until = new DateTimeOffset(2040, 1, 1, 0, 0, 0, TimeSpan.Zero);
        var prefix = await MadeUp.BackupAsync(vault, Past.Now, @lock: new LockPromise(LockMode.Governance, until));
        var facts = await vault.FactsAsync(await MadeUp.KeysAsync(vault, prefix), Cancel);
        Assert.All(facts, f => Assert.Equal(ObjectState.Committed, f.State));
        Assert.Equal(new RetainUntil(LockMode.Governance, until), Assert.Single(facts, f => f.Key.EndsWith(VaultKeys.ManifestName, StringComparison.Ordinal)).Lock);
    }

    protected override async Task<IVault> NewVaultAsync()
    {
        Assert.SkipWhen(moto.Server is null, MotoServer.WhyNot() ?? "");
        return Open(_bucket = await moto.Server.MakeBucketAsync(versioned: true));
    }

    protected override async Task IsGoneAsync(IVault vault, string prefix)
    {
        foreach (var key in await MadeUp.KeysAsync(vault, prefix)) Assert.Equal("expired", await StateAsync(key));
    }

    private S3Vault Open(string bucket, string more = "") => new(
        (S3Location)VaultLocation.Parse($"s3://{bucket}?region=eu-central-1&endpoint={Uri.EscapeDataString(moto.Server!.Endpoint.ToString())}{more}", null),
        TimeProvider.System, new S3Tuning { Credentials = MotoServer.Credentials });

    private async Task<string?> StateAsync(string key)
    {
        var tags = await Client.GetObjectTaggingAsync(new GetObjectTaggingRequest { BucketName = _bucket, Key = key }, Cancel);
        return tags.Tagging?.SingleOrDefault(t => t.Key == "backup")?.Value;
    }
}
