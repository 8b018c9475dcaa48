using System.Diagnostics;
using Backup.Core.Model;
using Backup.Core.Storage;

namespace Backup.Core.Tests.Storage;

public sealed class FolderVaultTests : VaultContract, IDisposable
{
    private const string Database = "prod/daily/bloom";

    private readonly string _root = Path.Combine(Path.GetTempPath(), $"vault-{Guid.NewGuid():n}");

    private string Partial => Path.Combine(_root, ".partial");

    public void Dispose()
    {
        if (Directory.Exists(_root)) Directory.Delete(_root, recursive: true);
    }

    [Fact]
    public async Task A_folder_that_does_not_exist_is_missing_until_something_is_put()
    {
        await using var vault = await NewVaultAsync();
        await ThrowsAsync(ErrorCode.VaultMissing, () => ListAsync(vault, ""));
        await ThrowsAsync(ErrorCode.VaultMissing, () => vault.OpenAsync("a", 0, Cancel));
        await PutAsync(vault, "a/b", "x");
        Assert.Single(await ListAsync(vault, ""));
    }

    [Fact]
    public async Task Only_the_owner_can_read_folders_and_files()
    {
        await using var vault = await NewVaultAsync();
        await PutAsync(vault, "a/b", "x");
        foreach (var folder in (string[])[_root, Path.Combine(_root, "a"), Partial])
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(folder));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(_root, "a/b")));
    }

    [Fact]
    public async Task Expired_objects_and_empty_folders_go()
    {
        await using var vault = await NewVaultAsync();
        await PutAsync(vault, "a/b/1", "x");
        await PutAsync(vault, "a/b/2", "x");
        await vault.MarkAsync(["a/b/1"], ObjectState.Expired, Cancel);
        Assert.Equal("a/b/2", Assert.Single(await ListAsync(vault, "")).Key);
        await vault.MarkAsync(["a/b/2"], ObjectState.Expired, Cancel);
        Assert.Equal([Partial], Directory.GetFileSystemEntries(_root));
    }

    [Fact]
    public async Task A_sweep_keeps_what_a_manifest_names()
    {
        await using var vault = await NewVaultAsync();
        await PutAsync(vault, $"{Database}/2026/01/dead/aaaaaaaa/base.dump.zst", "x");
        await PutAsync(vault, $"{Database}/2026/01/good/bbbbbbbb/base.dump.zst", "x");
        await PutAsync(vault, $"{Database}/2026/01/good/cccccccc/base.dump.zst", "x");
        await PutAsync(vault, $"{Database}/2026/01/good/results/t-drill.json", "x");
        await PutAsync(vault, $"{Database}/2026/01/good/manifest.json", $"{{\"key\":\"{Database}/2026/01/good/cccccccc/base.dump.zst\"}}");
        await PutAsync(vault, $"{Database}/2026/02/pruning/expired.json", "x");
        await PutAsync(vault, $"{Database}/notes/by/hand/readme.txt", "x");
        await PutAsync(vault, $"{Database}2/2026/01/other/aaaaaaaa/base.dump.zst", "x");
        await using var claim = await vault.ClaimAsync([Database], Cancel);
        Assert.Equal(
            [
                $"{Database}/2026/01/good/cccccccc/base.dump.zst", $"{Database}/2026/01/good/manifest.json", $"{Database}/2026/01/good/results/t-drill.json",
                $"{Database}/2026/02/pruning/expired.json", $"{Database}/notes/by/hand/readme.txt", $"{Database}2/2026/01/other/aaaaaaaa/base.dump.zst",
            ],
            (await ListAsync(vault, "")).Select(o => o.Key));
    }

    [Fact]
    public async Task A_sweep_leaves_alone_what_once_was_a_backup()
    {
        await using var vault = await NewVaultAsync();
        await PutAsync(vault, $"{Database}/2026/01/proven/aaaaaaaa/base.dump.zst", "x");
        await PutAsync(vault, $"{Database}/2026/01/proven/results/t-drill-pass.json", "x");
        await PutAsync(vault, $"{Database}/2026/01/locked/aaaaaaaa/base.dump.zst", "x");
        await PutAsync(vault, $"{Database}/2026/01/locked/locked.json", "x");
        await PutAsync(vault, $"{Database}/2026/01/damaged/aaaaaaaa/base.dump.zst", "x");
        await PutAsync(vault, $"{Database}/2026/01/damaged/bbbbbbbb/base.dump.zst", "x");
        await PutAsync(vault, $"{Database}/2026/01/damaged/manifest.json", "cut o");
        var before = (await ListAsync(vault, "")).Select(o => o.Key).ToList();
        await (await vault.ClaimAsync([Database], Cancel)).DisposeAsync();
        Assert.Equal(before, (await ListAsync(vault, "")).Select(o => o.Key));
    }

    [Fact]
    public async Task Links_lead_nowhere()
    {
        await using var vault = await NewVaultAsync();
        var outside = Directory.CreateTempSubdirectory("outside-");
        var precious = Path.Combine(outside.FullName, "2026", "01", "x");
        Directory.CreateDirectory(precious);
        await File.WriteAllTextAsync(Path.Combine(precious, "precious"), "x", Cancel);
        Directory.CreateDirectory(Path.Combine(_root, Database, "2026", "01", "dead"));
        Directory.CreateSymbolicLink(Path.Combine(_root, Database, "2027"), Path.Combine(outside.FullName, "2026"));
        Directory.CreateSymbolicLink(Path.Combine(_root, Database, "2026", "01", "dead", "link"), outside.FullName);
        await using (await vault.ClaimAsync([Database], Cancel))
        {
            await ThrowsAsync(ErrorCode.VaultDenied, () => vault.OpenAsync($"{Database}/2027/01/x/precious", 0, Cancel));
            await ThrowsAsync(ErrorCode.VaultDenied, () => vault.MarkAsync([$"{Database}/2027/01/x/precious"], ObjectState.Expired, Cancel));
            await ThrowsAsync(ErrorCode.VaultDenied, () => PutAsync(vault, $"{Database}/2027/01/x/new", "x"));
            Assert.Empty(await ListAsync(vault, ""));
        }

        Assert.True(File.Exists(Path.Combine(precious, "precious")));
        outside.Delete(recursive: true);
    }

    [Fact]
    public async Task A_busy_vault_says_who_has_it()
    {
        await using var vault = await NewVaultAsync();
        await using var other = new FolderVault(_root, TimeProvider.System);
        await using var claim = await other.ClaimAsync([Database], Cancel);
        var busy = await ThrowsAsync(ErrorCode.VaultBusy, () => vault.ClaimAsync([Database], Cancel));
        Assert.Contains($"pid {Environment.ProcessId} on {Environment.MachineName}", busy.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Fifty_thousand_objects_are_listed_in_seconds()
    {
        await using var vault = await NewVaultAsync();
        for (var backup = 0; backup < 5000; backup++)
        {
            var folder = Directory.CreateDirectory(Path.Combine(_root, Database, "2026", $"{(backup % 12) + 1:00}", $"b{backup:0000}", "aaaaaaaa"));
            for (var i = 0; i < 9; i++) await File.WriteAllBytesAsync(Path.Combine(folder.FullName, $"{i}"), [], Cancel);
            await File.WriteAllBytesAsync(Path.Combine(folder.Parent!.FullName, "manifest.json"), [], Cancel);
        }

        var clock = Stopwatch.StartNew();
        Assert.Equal(50_000, (await ListAsync(vault, "prod/")).Count);
        Assert.InRange(clock.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(10));
    }

    [Fact]
    public async Task A_full_disk_leaves_no_object_and_says_so()
    {
        using var disk = SmallDisk.Mount(_root);
        await using var vault = await NewVaultAsync();
        await PutAsync(vault, "a/small", "x");
        await ThrowsAsync(ErrorCode.VaultFull, () => vault.PutAsync("a/dump", new PatternStream(64 << 20), ObjectState.Pending, null, Cancel));
        Assert.Equal("a/small", Assert.Single(await ListAsync(vault, "")).Key);
        Assert.Equal(0, await UnfinishedAsync());
    }

    protected override Task<IVault> NewVaultAsync() => Task.FromResult<IVault>(new FolderVault(_root, TimeProvider.System));

    protected override Task<int> UnfinishedAsync() => Task.FromResult(
        Directory.Exists(Partial) ? Directory.GetFiles(Partial, "*", SearchOption.AllDirectories).Count(f => Path.GetExtension(f) is not (".lock" or ".owner")) : 0);

    protected override async Task LeaveUnfinishedAsync(string folder)
    {
        var path = Path.Combine(Partial, KeyRules.ClaimName([folder]));
        Directory.CreateDirectory(path);
        await File.WriteAllTextAsync(Path.Combine(path, "left"), "half a dump", Cancel);
    }
}
