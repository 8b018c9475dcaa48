using Backup.Core.Catalog;
using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Core.Operations.Pruning;
using Backup.Core.Operations.Syncing;
using Backup.Core.Postgres;
using Backup.Core.Storage;
using Backup.Core.Tests.Retention;
using Backup.Core.Tests.Support;
using Backup.Tests.Support;

namespace Backup.Core.Tests.Syncing;

/// <summary>What a sync promises between every two kinds of vault.</summary>
public abstract class SyncContract
{
    private const int MiB = 1 << 20;

    protected static CancellationToken Cancel => TestContext.Current.CancellationToken;

    protected abstract Task<IVault> NewSourceAsync();
    protected abstract Task<IVault> NewTargetAsync();

    [Fact]
    public async Task Everything_that_is_missing_is_copied_whole_and_a_second_time_nothing_is()
    {
        await using var from = await NewSourceAsync();
        await using var to = await NewTargetAsync();
        await MadeUp.BackupAsync(from, Past.Day(0).Id.Time, sizes: [700, 0, (9 * MiB) + 1]);
        var second = await MadeUp.BackupAsync(from, Past.Day(1).Id.Time, Tier.Monthly);
        await new BackupCatalog(from).AttachAsync(second, Past.Verify(Verdict.Pass, 0), "{}"u8.ToArray(), Cancel);

        var report = await SyncAsync(from, to);

        Assert.Empty(report.Failed);
        Assert.Equal([Past.Day(0).Id.ToString(), Past.Day(1).Id.ToString()], report.Copied);
        Assert.Equal((await MadeUp.KeysAsync(from)), (await MadeUp.KeysAsync(to)).Where(k => !k.StartsWith("test/audit/", StringComparison.Ordinal)));
        await IsWholeAsync(to, 2);
        foreach (var key in await MadeUp.KeysAsync(from)) Assert.Equal(await BytesAsync(from, key), await BytesAsync(to, key));
        var again = await SyncAsync(from, to);
        Assert.Equal((0, 2, 0), (again.Copied.Count, again.Present, again.Objects));
    }

    [Fact]
    public async Task Results_that_came_later_follow()
    {
        await using var from = await NewSourceAsync();
        await using var to = await NewTargetAsync();
        var prefix = await MadeUp.BackupAsync(from, Past.Now);
        await SyncAsync(from, to);
        await new BackupCatalog(from).AttachAsync(prefix, Past.Drill(Verdict.Fail, 0), "{}"u8.ToArray(), Cancel);
        Assert.Equal(1, (await SyncAsync(from, to)).Objects);
        Assert.False((await MadeUp.ListAsync(to))[0].IsGood);
    }

    [Fact]
    public async Task A_source_that_lost_or_damaged_an_object_leaves_no_backup_in_the_copy_and_does_not_stop_the_others()
    {
        await using var from = await NewSourceAsync();
        await using var to = await NewTargetAsync();
        var prefixes = new List<string>();
        for (var day = 0; day < 4; day++) prefixes.Add(await MadeUp.BackupAsync(from, Past.Day(day).Id.Time, sizes: [700, 300, 40]));
        var faulty = new FaultySource(from)
        {
            Missing = VaultKeys.Chunk(prefixes[0], "0a1b2c3d", new TableName("public", "t"), 1, ["zstd"]),
            Flipped = VaultKeys.Base(prefixes[1], "0a1b2c3d", ["zstd"]),
            Unlisted = VaultKeys.Chunk(prefixes[2], "0a1b2c3d", new TableName("public", "t"), 2, ["zstd"]),
        };

        var report = await SyncAsync(faulty, to);

        Assert.Equal([Past.Day(3).Id.ToString()], report.Copied);
        Assert.Equal(["vault.missing", "backup.damaged", "backup.damaged"], report.Failed.Select(f => f.Code));
        Assert.Contains("has SHA-256", report.Failed[1].Sentence, StringComparison.Ordinal);
        Assert.Contains("is missing", report.Failed[2].Sentence, StringComparison.Ordinal);
        await IsWholeAsync(to, 1);
        Assert.DoesNotContain(faulty.Flipped, await MadeUp.KeysAsync(to)); // a damaged object never becomes visible
        Assert.Empty((await SyncAsync(from, to)).Failed); // when the source is whole again
        await IsWholeAsync(to, 4);
    }

    [Fact]
    public async Task A_sync_that_is_killed_at_any_step_is_continued_and_sends_nothing_twice()
    {
        await using var from = await NewSourceAsync();
        for (var day = 0; day < 2; day++) await MadeUp.BackupAsync(from, Past.Day(day).Id.Time);
        for (var steps = 0; ; steps++)
        {
            await using var to = await NewTargetAsync();
            try
            {
                await SyncAsync(from, new DyingVault(to, steps));
                Assert.True(steps > 8, $"{steps}");
                return;
            }
            catch (KilledException)
            {
                await IsWholeAsync(to, null);
            }

            var before = (Exists(to) ? await MadeUp.KeysAsync(to) : []).Count(k => !k.StartsWith("test/audit/", StringComparison.Ordinal));
            Assert.Equal(6 - before, (await SyncAsync(from, to)).Objects);
            await IsWholeAsync(to, 2);
        }
    }

    [Fact]
    public async Task What_has_expired_in_the_copy_does_not_come_back_and_what_has_expired_in_the_source_is_not_copied()
    {
        await using var from = await NewSourceAsync();
        await using var to = await NewTargetAsync();
        for (var day = 0; day < 3; day++) await MadeUp.BackupAsync(from, Past.Day(day).Id.Time);
        await MadeUp.BackupAsync(from, Past.Day(40).Id.Time);
        await SyncAsync(from, to);
        await MadeUp.PutAsync(to, VaultKeys.BackupPrefix(MadeUp.Environment, Tier.Daily, Past.Day(2).Id) + VaultKeys.TombstoneName, "{}"u8.ToArray(), ObjectState.Expired);
        await using var empty = await NewTargetAsync();
        await new PruneBackups(MachineEnvironment.Read(), new ManualClock(Past.Now)).ExecuteAsync(
            new PruneRequest { Vault = from, Environment = MadeUp.Environment, Database = MadeUp.Database, Rules = Past.Nightly }, Cancel);

        var report = await SyncAsync(from, to);
        Assert.Equal((0, 2, 1), (report.Copied.Count, report.Present, report.Expired));
        Assert.DoesNotContain(Past.Day(40).Id.ToString(), (await SyncAsync(from, empty)).Copied);
    }

    [Fact]
    public async Task Filters_choose_by_tier_and_time_and_the_copy_records_what_came()
    {
        await using var from = await NewSourceAsync();
        await using var to = await NewTargetAsync();
        await MadeUp.BackupAsync(from, Past.Day(0).Id.Time, Tier.Weekly);
        await MadeUp.BackupAsync(from, Past.Day(1).Id.Time);
        await MadeUp.BackupAsync(from, Past.Day(9).Id.Time);
        var report = await SyncAsync(from, to, r => r with { Tier = Tier.Daily, Since = Past.Now.AddDays(-5) });
        Assert.Equal([Past.Day(1).Id.ToString()], report.Copied);
        var trail = await new EvidenceTrail(to, MadeUp.Environment, MadeUp.Database).ReadAsync(Cancel);
        Assert.Equal(("sync", "copied", report.Copied[0]), (trail.Items[0].Entry!.Verb, trail.Items[0].Entry!.Result, trail.Items[0].Entry!.On.Single()));
    }

    [Fact]
    public async Task An_object_of_the_wrong_size_in_the_copy_is_named_and_keeps_the_manifest_away()
    {
        await using var from = await NewSourceAsync();
        await using var to = await NewTargetAsync();
        var prefix = await MadeUp.BackupAsync(from, Past.Now);
        await MadeUp.PutAsync(to, VaultKeys.Base(prefix, "0a1b2c3d", ["zstd"]), [1, 2, 3], ObjectState.Pending);
        var failure = Assert.Single((await SyncAsync(from, to)).Failed);
        Assert.Contains("has 3 bytes, the manifest says 700", failure.Sentence, StringComparison.Ordinal);
        Assert.Empty(await MadeUp.ListAsync(to));
    }

    protected static Task<SyncReport> SyncAsync(IVault from, IVault to, Func<SyncRequest, SyncRequest>? change = null)
    {
        var request = new SyncRequest { From = from, To = to };
        return new SyncVaults(MachineEnvironment.Read(), new ManualClock(Past.Now)).ExecuteAsync(change is null ? request : change(request), Cancel);
    }

    /// <summary>A folder begins to exist with its first object.</summary>
    private static bool Exists(IVault vault) => vault is S3Vault || Directory.Exists(vault.Name);

    private static async Task IsWholeAsync(IVault vault, int? count)
    {
        var entries = Exists(vault) ? await MadeUp.ListAsync(vault) : [];
        if (count is not null) Assert.Equal(count, entries.Count);
        var machine = MachineEnvironment.Read();
        foreach (var entry in entries)
        {
            var verify = new VerifyBackup(machine, TimeProvider.System, new PostgresInstallations(machine));
            Assert.Empty((await verify.ExecuteAsync(vault, entry, VerifyLevel.Checksum, record: false, Cancel)).Findings);
        }
    }

    private static async Task<string> BytesAsync(IVault vault, string key) =>
        Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(await new BackupCatalog(vault).ReadObjectAsync(key, Cancel)));
}
