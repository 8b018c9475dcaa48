using Amazon.S3.Model;
using Backup.Core.Catalog;
using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Core.Operations.Checking;
using Backup.Core.Operations.Watching;
using Backup.Core.Policies;
using Backup.Core.Storage;
using Backup.Core.Tests.Operations;
using Backup.Core.Tests.Storage;
using Backup.Tests.Support;
using S3Location = Backup.Core.Storage.S3Location;

namespace Backup.Core.Tests.Watching;

/// <summary>Real backups in real vaults, then what happens to them behind the program's back.</summary>
public sealed class WatchVaultTests(PostgresFixture postgres, MotoFixture moto) : IClassFixture<MotoFixture>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_folder_from_the_first_backup_to_the_last()
    {
        await using var lab = new Lab(postgres);
        await using var source = await postgres.CreateDatabaseAsync();
        await Database.SqlAsync(source.Url, "CREATE TABLE orders AS SELECT i, md5(i::text) t FROM generate_series(1, 5000) i; CREATE TABLE users AS SELECT generate_series(1, 200) i");
        // The server's clock is real, so the lab's must be.
        lab.Clock.Now = DateTimeOffset.UtcNow;
        var hour = lab.Clock.Now.AddTicks(-(lab.Clock.Now.Ticks % TimeSpan.TicksPerHour));
        var policy = Story.Policy(d => d with { Schedule = "0 * * * *" });
        Assert.Equal(["critical vault.unreachable"], (await WatchAsync(lab, policy)).Troubles());
        Directory.CreateDirectory(lab.VaultFolder);
        Assert.Equal(["critical backup.none"], (await WatchAsync(lab, policy)).Troubles());

        for (var ago = 3; ago > 0; ago--) await ScheduledAsync(lab, source.Url, hour.AddHours(-ago));
        Assert.Empty((await WatchAsync(lab, policy)).Troubles());
        Assert.True((await WatchAsync(lab, policy)).Has(FindingCode.SizeLearning));

        await Database.SqlAsync(source.Url, "DELETE FROM users WHERE i % 2 = 0");
        var last = await ScheduledAsync(lab, source.Url, hour);
        var report = await WatchAsync(lab, policy);
        Assert.Equal(["critical table.shrunk"], report.Troubles());
        Assert.Equal("public.users has 100 rows instead of 200 (-50 %)", report.The(FindingCode.TableShrunk).Sentence);
        Assert.Equal((last.Id.ToString(), 4, false), (report.Databases[0].LastBackup, report.Databases[0].Backups, report.Safe));

        // The schedule is gone; a later attempt died half-way; somebody put a file there; an object went missing.
        lab.Clock.Advance(TimeSpan.FromDays(3));
        var orphan = Path.Combine(lab.VaultFolder, VaultKeys.BackupPrefix("test", Tier.Daily, BackupId.Create("db", hour.AddHours(1))), "0badc0de", "base.dump.zst");
        Directory.CreateDirectory(Path.GetDirectoryName(orphan)!);
        await File.WriteAllTextAsync(orphan, "half", Cancel);
        await File.WriteAllTextAsync(Path.Combine(lab.VaultFolder, "test", "notes.txt"), "x", Cancel);
        report = await WatchAsync(lab, policy);
        Assert.Equal(["critical backup.missed", "critical backup.old", "critical table.shrunk", "warning object.unknown"], report.Troubles());
        Assert.Contains(BackupId.Create("db", hour.AddHours(1)).ToString(), report.Databases[0].Missed);
        Assert.Contains("hold 4 B", report.The(FindingCode.ObjectOrphaned).Sentence, StringComparison.Ordinal);
        File.Delete(Path.Combine(lab.VaultFolder, last.Manifest!.Artifacts[0].Key));
        Assert.Contains(last.Id.ToString(), (await WatchAsync(lab, policy)).The(FindingCode.BackupIncomplete).Sentence, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_bucket_whose_objects_are_hidden_overwritten_and_unlocked()
    {
        Assert.SkipWhen(moto.Server is null, MotoServer.WhyNot() ?? "");
        var client = moto.Server.Client;
        var bucket = await moto.Server.MakeBucketAsync(objectLock: true);
        var location = (S3Location)VaultLocation.Parse($"s3://{bucket}?region=eu-central-1&endpoint={moto.Server.Endpoint}", null);
        await using var lab = new Lab(postgres, new S3Vault(location, TimeProvider.System, new S3Tuning { Credentials = MotoServer.Credentials }));
        await using var source = await postgres.CreateDatabaseAsync();
        await Database.SqlAsync(source.Url, "CREATE TABLE t AS SELECT generate_series(1, 100) i");
        lab.Clock.Now = DateTimeOffset.UtcNow;
        var policy = Story.Policy(d => d with { Schedule = null }, p => p with { Lock = LockMode.Governance, Retention = new RetentionPolicy(new Dictionary<Tier, CalendarSpan> { [Tier.Manual] = new(1, CalendarUnit.Years) }) });
        var request = lab.Request(source.Url) with { Retention = policy.Retention, Lock = LockMode.Governance };
        var (first, second) = (await lab.RunAsync(request), await lab.RunAsync(request));
        Assert.Empty((await WatchAsync(lab, policy)).Troubles());

        // The process died between commit and locks: repaired and told, once.
        var locked = first.Prefix + VaultKeys.LockedName;
        var version = (await client.GetObjectMetadataAsync(bucket, locked, Cancel)).VersionId;
        await client.DeleteObjectAsync(new DeleteObjectRequest { BucketName = bucket, Key = locked, VersionId = version, BypassGovernanceRetention = true }, Cancel);
        Assert.Contains(first.Id.ToString(), (await WatchAsync(lab, policy)).The(FindingCode.LockRepaired).Sentence, StringComparison.Ordinal);
        Assert.False((await WatchAsync(lab, policy)).Has(FindingCode.LockRepaired));

        await client.PutObjectAsync(new PutObjectRequest { BucketName = bucket, Key = second.Prefix + VaultKeys.ManifestName, ContentBody = "{}" }, Cancel);
        var report = await WatchAsync(lab, policy);
        Assert.Equal(["critical object.overwritten"], report.Troubles());
        Assert.Equal(second.Id.ToString(), report.Databases[0].LastBackup); // the oldest version is the true one
        Assert.Equal([FindingCode.CopyUnreachable.Name, FindingCode.CopyBehind.Name], report.Unjudged);

        await client.DeleteObjectAsync(bucket, first.Manifest!.Artifacts[0].Key, Cancel);
        await client.DeleteObjectAsync(bucket, second.Prefix + VaultKeys.ManifestName, Cancel);
        report = await WatchAsync(lab, policy);
        Assert.Equal(["critical backup.hidden", "critical backup.incomplete", "critical object.hidden", "critical object.overwritten", "warning backup.none"], report.Troubles());
        Assert.Contains(second.Prefix + VaultKeys.ManifestName, report.The(FindingCode.ObjectHidden).Sentence, StringComparison.Ordinal);
        Assert.Contains(FindingCode.ObjectHidden.Name, (await WatchAsync(lab, policy, withVersions: false)).Unjudged);

        // A bucket that is gone is a judgement too.
        await using var gone = new S3Vault(location with { Bucket = "no-such-bucket-here" }, TimeProvider.System, new S3Tuning { Credentials = MotoServer.Credentials });
        var blind = await new Watch(lab.Clock).ExecuteAsync(new WatchRequest { Policy = policy, Vault = gone }, Cancel);
        Assert.Equal(["critical vault.unreachable"], blind.Troubles());
    }

    [Fact]
    public async Task The_history_that_check_reads_holds_durations_sizes_and_what_drills_took()
    {
        await using var lab = new Lab(postgres);
        await using var source = await postgres.CreateDatabaseAsync();
        var report = await lab.RunAsync(source.Url);
        await new BackupCatalog(lab.Vault).AttachAsync(report.Prefix!, new ResultName(ProofKind.Drill, Verdict.Pass, lab.Clock.Now), """{"seconds": {"total": 95.5}}"""u8.ToArray(), Cancel);
        await new BackupCatalog(lab.Vault).AttachAsync(report.Prefix!, new ResultName(ProofKind.Drill, Verdict.Fail, lab.Clock.Now), """{"seconds": {"total": 9999}}"""u8.ToArray(), Cancel);
        var history = await CheckHistory.ReadAsync(lab.Vault, "test", "db", Cancel);
        Assert.Equal([TimeSpan.FromSeconds(95.5)], history.Drills);
        Assert.Equal(report.Manifest!.Snapshot.DatabaseBytes, history.DatabaseBytes);
        Assert.Equal(TimeSpan.Zero, history.RunTime); // the lab's clock stands still while a run runs
    }

    private static Task<RunReport> ScheduledAsync(Lab lab, string url, DateTimeOffset time) =>
        lab.RunAsync(lab.Request(url) with { Kind = BackupKind.Scheduled, ScheduledTime = time });

    private static Task<WatchReport> WatchAsync(Lab lab, Policy policy, bool withVersions = true) =>
        new Watch(lab.Clock).ExecuteAsync(new WatchRequest { Policy = policy, Vault = lab.Vault, WithVersions = withVersions }, Cancel);
}
