using System.Text;
using Backup.Core.Catalog;
using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Core.Storage;
using Backup.Core.Tests.Support;
using Backup.Tests.Support;

namespace Backup.Core.Tests.Trails;

/// <summary>The evidence trail: a chain that shows what was changed or taken out of it, and that never fails the deed that it records.</summary>
public sealed class EvidenceTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("backup-evidence-").FullName;
    private readonly ManualClock _clock = new(new DateTimeOffset(2026, 3, 4, 5, 6, 7, TimeSpan.Zero));
    private readonly List<string> _said = [];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private FolderVault Vault => new(_folder, _clock);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Entries_name_who_did_what_and_the_entry_before()
    {
        for (var i = 0; i < 3; i++) await RecordAsync("run", $"bloom_{i}");
        var chain = await ReadAsync();
        Assert.True(chain.IsIntact);
        Assert.Equal(0, chain.Forks);
        Assert.Equal(["bloom_0", "bloom_1", "bloom_2"], chain.Items.Select(i => i.Entry!.On.Single()));
        Assert.Equal(MachineEnvironment.Read().Operator, chain.Items[0].Entry!.Operator);
        Assert.Null(chain.Items[0].Entry!.Previous);
        Assert.EndsWith($"-{chain.Items[2].Entry!.Previous}.json", chain.Items[1].Key, StringComparison.Ordinal);
        Assert.Empty(await new BackupCatalog(Vault).ListAsync(null, null, Cancel)); // the catalog does not take it for backups
        await MadeUp.PutAsync(Vault, "test/audit/bloom/strange.json", [1], ObjectState.Committed);
        Assert.Equal("test/audit/bloom/strange.json", Assert.Single((await VaultScan.ReadAsync(Vault, ["test/"], Cancel)).Unknown).Key); // nor the watch for strangers
        Assert.Equal("it is not an entry of the trail", Assert.Single((await ReadAsync()).Items, i => i.Problem is not null).Problem);
        Assert.Empty(_said);
    }

    [Fact]
    public async Task A_changed_entry_and_one_that_was_taken_out_break_the_chain()
    {
        for (var i = 0; i < 4; i++) await RecordAsync("run", $"bloom_{i}");
        var keys = (await ReadAsync()).Items.Select(i => Path.Combine(_folder, i.Key)).ToList();
        File.SetUnixFileMode(keys[1], UnixFileMode.UserRead | UnixFileMode.UserWrite);
        File.WriteAllText(keys[1], File.ReadAllText(keys[1], Encoding.UTF8).Replace("bloom_1", "bloom_9", StringComparison.Ordinal));
        var changed = await ReadAsync();
        Assert.StartsWith("it was changed: its SHA-256 is ", Assert.Single(changed.Items, i => i.Problem is not null).Problem, StringComparison.Ordinal);

        File.Delete(keys[2]);
        var missing = await ReadAsync();
        Assert.False(missing.IsIntact);
        Assert.Contains("is missing", missing.Items[^1].Problem, StringComparison.Ordinal);

        File.WriteAllText(keys[0], "not json");
        Assert.StartsWith("it cannot be read", (await ReadAsync()).Items[0].Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Commands_that_end_at_the_same_time_fork_the_chain_and_that_is_no_error()
    {
        await RecordAsync("run", "bloom_0");
        var gate = new MeetingVault(Vault, 2);
        await Task.WhenAll(RecordAsync("verify", "bloom_0", gate), RecordAsync("verify", "bloom_1", gate));
        await RecordAsync("run", "bloom_2");
        var chain = await ReadAsync();
        Assert.Equal((4, 1, true), (chain.Items.Count, chain.Forks, chain.IsIntact));
    }

    [Fact]
    public async Task A_vault_that_refuses_is_a_warning_and_nothing_else()
    {
        await RecordAsync("restore", "bloom_0", new DenyingVault());
        Assert.Equal("warning: this restore is not in the evidence trail: s3:PutObject is denied", Assert.Single(_said));
    }

    [Fact]
    public async Task Each_database_has_its_own_trail()
    {
        await RecordAsync("run", "bloom_0");
        await Trail.RecordAsync(MachineEnvironment.Read(), _clock, null, Vault, "test", "bloom2/odd name", "run", ["x"], "committed");
        Assert.Single((await ReadAsync()).Items);
        var trails = await EvidenceTrail.FindAsync(Vault, null, null, Cancel);
        Assert.Equal(2, trails.Count);
        Assert.Equal("bloom2/odd name", (await trails[1].ReadAsync(Cancel)).Database);
    }

    private async Task RecordAsync(string verb, string on, IVault? vault = null)
    {
        await Trail.RecordAsync(MachineEnvironment.Read(), _clock, new Said(_said), vault ?? Vault, "test", "bloom", verb, [on], "committed");
        if (vault is null) _clock.Advance(TimeSpan.FromSeconds(1));
    }

    private Task<EvidenceChain> ReadAsync() => new EvidenceTrail(Vault, "test", "bloom").ReadAsync(Cancel);

    private sealed class Said(List<string> said) : IProgress<Progress>
    {
        public void Report(Progress value) => said.Add(value.What);
    }

    /// <summary>Lets so many writers meet after their listings, before any of them writes.</summary>
    private sealed class MeetingVault(IVault inner, int writers) : PassingVault(inner)
    {
        private readonly TaskCompletionSource _all = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _missing = writers;

        public override async Task<long> PutAsync(string key, Stream content, ObjectState state, RetainUntil? retain, CancellationToken cancel)
        {
            if (Interlocked.Decrement(ref _missing) == 0) _all.SetResult();
            await _all.Task;
            return await base.PutAsync(key, content, state, retain, cancel);
        }
    }

    private sealed class DenyingVault() : PassingVault(new FolderVault(Path.GetTempPath(), TimeProvider.System))
    {
        public override Task<long> PutAsync(string key, Stream content, ObjectState state, RetainUntil? retain, CancellationToken cancel) =>
            throw new BackupException(ErrorCode.VaultDenied, "s3:PutObject is denied", "Grant it.");
    }
}
