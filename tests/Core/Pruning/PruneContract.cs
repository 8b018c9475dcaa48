using Backup.Core.Catalog;
using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Core.Operations.Pruning;
using Backup.Core.Retention;
using Backup.Core.Storage;
using Backup.Core.Tests.Retention;
using Backup.Core.Tests.Support;
using Backup.Tests.Support;

namespace Backup.Core.Tests.Pruning;

/// <summary>What a prune promises over every kind of vault.</summary>
public abstract class PruneContract
{
    protected static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>A new, empty vault.</summary>
    protected abstract Task<IVault> NewVaultAsync();

    /// <summary>Nothing is left of a backup but what this kind of vault leaves.</summary>
    protected abstract Task IsGoneAsync(IVault vault, string prefix);

    [Fact]
    public async Task What_the_plan_ends_is_gone_for_every_reader_and_the_rest_is_whole()
    {
        await using var vault = await NewVaultAsync();
        var prefixes = await DaysAsync(vault, 28, 34);
        await DaysAsync(vault, 0, 3);

        var report = await PruneAsync(vault);

        Assert.Equal((5, 11, null), (report.Expired, report.Backups.Count, report.Stopped)); // 30 to 34
        await IsWholeAsync(vault, 6);
        foreach (var prefix in prefixes.Skip(2)) await IsGoneAsync(vault, prefix);
        Assert.Equal(0, (await PruneAsync(vault)).Expired);
        await IsWholeAsync(vault, 6);
    }

    [Fact]
    public async Task A_dry_run_says_the_same_and_changes_nothing()
    {
        await using var vault = await NewVaultAsync();
        await DaysAsync(vault, 0, 3);
        await DaysAsync(vault, 30, 31);
        var before = await MadeUp.KeysAsync(vault);
        var dry = await PruneAsync(vault, dryRun: true);
        Assert.Equal(before, await MadeUp.KeysAsync(vault));
        Assert.Equal(dry.Backups, (await PruneAsync(vault)).Backups);
    }

    [Fact]
    public async Task A_prune_that_is_killed_at_any_step_is_finished_by_the_next()
    {
        for (var steps = 0; ; steps++)
        {
            await using var vault = await NewVaultAsync();
            await DaysAsync(vault, 0, 2);
            var old = await DaysAsync(vault, 40, 41);
            try
            {
                await PruneAsync(new DyingVault(vault, steps));
                Assert.Equal(11, steps); // the evidence; of two backups: tombstone, two artifacts, manifest, the tombstone's own mark
                return;
            }
            catch (KilledException)
            {
                var listed = await MadeUp.ListAsync(vault);
                Assert.InRange(listed.Count, 3, 5);
                await IsWholeAsync(vault, listed.Count);
            }

            await PruneAsync(vault);
            await IsWholeAsync(vault, 3);
            foreach (var prefix in old) await IsGoneAsync(vault, prefix);
        }
    }

    [Fact]
    public async Task Two_prunes_at_the_same_time_do_the_work_of_one()
    {
        await using var vault = await NewVaultAsync();
        await DaysAsync(vault, 0, 3);
        var old = await DaysAsync(vault, 40, 44);
        await Task.WhenAll(PruneAsync(vault), PruneAsync(vault));
        await IsWholeAsync(vault, 4);
        foreach (var prefix in old) await IsGoneAsync(vault, prefix);
    }

    [Fact]
    public async Task A_damaged_manifest_is_kept_and_named_and_a_backup_of_another_database_is_not_looked_at()
    {
        await using var vault = await NewVaultAsync();
        await DaysAsync(vault, 0, 3);
        await MadeUp.PutAsync(vault, VaultKeys.BackupPrefix(MadeUp.Environment, Tier.Daily, Past.Day(50).Id) + VaultKeys.ManifestName, "{}"u8.ToArray(), ObjectState.Committed);
        await MadeUp.BackupAsync(vault, Past.Day(60).Id.Time, database: "bloom2");
        var report = await PruneAsync(vault);
        Assert.Equal(0, report.Expired);
        Assert.Contains("cannot be read: ", report.Backups[^1].Reason, StringComparison.Ordinal);
        Assert.Equal(5, report.Backups.Count);
    }

    [Fact]
    public async Task Results_of_verify_and_drill_protect_what_they_prove_and_go_with_it()
    {
        await using var vault = await NewVaultAsync();
        await DaysAsync(vault, 0, 3);
        var old = await DaysAsync(vault, 40, 42);
        var catalog = new BackupCatalog(vault);
        await catalog.AttachAsync(old[0], Past.Verify(Verdict.Pass, 39), "{}"u8.ToArray(), Cancel);
        await catalog.AttachAsync(old[1], Past.Verify(Verdict.Pass, 39), "{}"u8.ToArray(), Cancel);
        await PruneAsync(vault);
        Assert.Equal(old[0], (await MadeUp.ListAsync(vault))[0].Prefix);
        await IsGoneAsync(vault, old[1]);
    }

    [Fact]
    public async Task What_a_dead_run_left_goes_after_ten_days_and_what_was_a_backup_never_does()
    {
        await using var vault = await NewVaultAsync();
        var now = TimeProvider.System.GetUtcNow(); // the vault tells when it stored an object
        var dead = VaultKeys.BackupPrefix(MadeUp.Environment, Tier.Daily, BackupId.Create(MadeUp.Database, now.AddDays(-1)));
        var hidden = VaultKeys.BackupPrefix(MadeUp.Environment, Tier.Daily, BackupId.Create(MadeUp.Database, now.AddDays(-2)));
        foreach (var prefix in (string[])[dead, hidden]) await MadeUp.PutAsync(vault, VaultKeys.Base(prefix, "ffffffff", ["zstd"]), [1], ObjectState.Committed);
        await new BackupCatalog(vault).AttachAsync(hidden, Past.Verify(Verdict.Pass, 1), "{}"u8.ToArray(), Cancel);
        Assert.Empty((await PruneAsync(vault, now.AddDays(11))).Leftovers); // no younger run has committed: it may still be running
        await MadeUp.BackupAsync(vault, now.AddDays(1));
        Assert.Empty((await PruneAsync(vault, now.AddDays(9))).Leftovers);

        var report = await PruneAsync(vault, now.AddDays(11));

        Assert.Equal([dead], report.Leftovers);
        await IsGoneAsync(vault, dead);
        Assert.Contains(VaultKeys.Base(hidden, "ffffffff", ["zstd"]), await MadeUp.KeysAsync(vault));
        Assert.Equal("backup.hidden", Assert.Single(report.Findings).Code);
    }

    [Fact]
    public async Task The_tombstone_says_what_went_and_why()
    {
        await using var vault = await NewVaultAsync();
        await DaysAsync(vault, 0, 3);
        var old = Assert.Single(await DaysAsync(vault, 40, 40));
        await Assert.ThrowsAsync<KilledException>(() => PruneAsync(new DyingVault(vault, 3)));
        var tombstone = (await new BackupCatalog(vault).FindTombstoneAsync(MadeUp.Environment, Past.Day(40).Id, Cancel))!;
        Assert.Equal((Past.Day(40).Id.ToString(), "older than 30d", 4, 1), (tombstone.Id, tombstone.Reason, tombstone.Plan.Kept, tombstone.Plan.Expired));
        Assert.Equal(3, tombstone.Keys.Count);
        Assert.Equal(old + VaultKeys.ManifestName, tombstone.Keys[^1]);
        Assert.Equal("7y", tombstone.Plan.Retention["annual"]);
    }

    protected static async Task<PruneReport> PruneAsync(IVault vault, DateTimeOffset? now = null, bool dryRun = false) =>
        await new PruneBackups(MachineEnvironment.Read(), new ManualClock(now ?? Past.Now)).ExecuteAsync(new PruneRequest
        {
            Vault = vault,
            Environment = MadeUp.Environment,
            Database = MadeUp.Database,
            Rules = Past.Nightly,
            DryRun = dryRun,
        }, Cancel);

    /// <summary>One backup for each of these days ago; their prefixes.</summary>
    protected static async Task<List<string>> DaysAsync(IVault vault, int from, int to)
    {
        var prefixes = new List<string>();
        for (var ago = from; ago <= to; ago++) prefixes.Add(await MadeUp.BackupAsync(vault, Past.Day(ago).Id.Time));
        return prefixes;
    }

    private static async Task IsWholeAsync(IVault vault, int count)
    {
        var entries = await MadeUp.ListAsync(vault);
        Assert.Equal(count, entries.Count);
        foreach (var entry in entries) Assert.Empty(Stored.Differences(entry.Manifest!, await Stored.ListAsync(vault, entry, Cancel)));
    }
}
