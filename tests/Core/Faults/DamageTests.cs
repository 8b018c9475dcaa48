using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Tests.Support;

namespace Backup.Core.Tests.Faults;

/// <summary>Bytes that change in the vault, and restores that meet them.</summary>
public sealed class DamageTests(PostgresFixture postgres)
{
    private const int Positions = 60;

    [Fact]
    public async Task One_flipped_bit_anywhere_is_found()
    {
        await using var scene = await FaultScene.CreateAsync(postgres, Rows.Sql);
        var run = await scene.RunAsync();
        var random = new Random(20260301);
        var files = Paths(scene, run);
        for (var i = 0; i < Positions; i++)
        {
            var file = files[i % files.Count];
            using var flip = Flip.Bit(file, random.NextInt64(new FileInfo(file).Length), random.Next(8));
            Assert.False((await scene.VerifyAsync(Assert.Single(await scene.ListAsync()))).Passed, $"{flip}");
        }

        await scene.VerifiesAsync(Assert.Single(await scene.ListAsync()));
    }

    [Fact]
    public async Task Archive_level_names_the_damaged_artifact()
    {
        await using var scene = await FaultScene.CreateAsync(postgres, Rows.Sql);
        await using var key = await GpgKey.MakeAsync(scene.Root);
        var random = new Random(20260302);
        foreach (var run in (RunReport[])[await scene.RunAsync(), await scene.RunAsync(scene.Request() with { GpgRecipients = [key.PublicFile] })])
        {
            foreach (var artifact in run.Manifest!.Artifacts)
            {
                var file = Path.Combine(scene.VaultFolder, artifact.Key);
                using var flip = Flip.Bit(file, random.NextInt64(new FileInfo(file).Length), random.Next(8));
                var result = await scene.VerifyAsync(await scene.EntryAsync(run.Id.ToString()), VerifyLevel.Archive);
                Assert.Equal(artifact.Key, Assert.Single(result.Findings).Subject);
            }

            await scene.VerifiesAsync(await scene.EntryAsync(run.Id.ToString()), VerifyLevel.Archive);
        }
    }

    [Fact]
    public async Task A_damaged_newest_manifest_is_not_passed_over()
    {
        await using var scene = await FaultScene.CreateAsync(postgres, Rows.Sql);
        await scene.RunAsync();
        var newest = await scene.RunAsync();
        using var flip = Flip.Bit(Path.Combine(scene.VaultFolder, newest.Prefix + VaultKeys.ManifestName), 100, 0);
        var chosen = Catalog.BackupSelector.Choose(await scene.ListAsync(), "latest", "the vault");
        Assert.Equal(newest.Id, chosen.Id);
        Assert.False((await scene.VerifyAsync(chosen)).Passed);
        var e = await Assert.ThrowsAsync<BackupException>(() => scene.RestoreAsync(scene.RestoreRequest(chosen, "never")));
        Assert.Equal(ErrorCode.BackupDamaged, e.Code);
    }

    [Theory]
    [InlineData("base.dump", "flip")]
    [InlineData("base.dump", "missing")]
    [InlineData("/data/", "flip")]
    [InlineData("/data/", "cut")]
    [InlineData("/data/", "missing")]
    public async Task A_damaged_artifact_is_never_called_restored(string which, string how)
    {
        await using var scene = await FaultScene.CreateAsync(postgres, Rows.Sql);
        var run = await scene.RunAsync();
        var path = Paths(scene, run).First(p => p.Contains(which, StringComparison.Ordinal));
        var bytes = await File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken);
        if (how == "missing") File.Delete(path);
        if (how == "cut") await File.WriteAllBytesAsync(path, bytes[..(bytes.Length / 2)], TestContext.Current.CancellationToken);
        using var flip = how == "flip" ? Flip.Bit(path, bytes.Length * 3 / 4, 5) : null;
        var name = scene.Source.Database + "_new";
        var e = await Assert.ThrowsAsync<BackupException>(async () => await scene.RestoreAsync(scene.RestoreRequest(await scene.EntryAsync(run.Id.ToString()), name)));
        Assert.Equal(ErrorCode.BackupDamaged, e.Code);
        Assert.Equal(ErrorCode.Different, e.Code.ExitCode);
        Assert.Contains(which, e.Message, StringComparison.Ordinal);
        await GoneAsync(scene, name);
    }

    [Fact]
    public async Task A_damaged_backup_does_not_touch_what_it_should_replace()
    {
        await using var scene = await FaultScene.CreateAsync(postgres, Rows.Sql);
        var run = await scene.RunAsync();
        var path = Paths(scene, run).First(p => p.Contains("/data/", StringComparison.Ordinal));
        using var flip = Flip.Bit(path, new FileInfo(path).Length / 2, 1);
        await Database.SqlAsync(scene.Url, "INSERT INTO small VALUES (-1, 'since then')");
        var request = scene.RestoreRequest(await scene.EntryAsync(run.Id.ToString()), scene.Source.Database, RestoreMode.Replace) with { AllowProtected = true };
        var e = await Assert.ThrowsAsync<BackupException>(() => scene.RestoreAsync(request));
        Assert.Equal(ErrorCode.BackupDamaged, e.Code);
        Assert.Equal(3001L, await Database.ScalarAsync<long>(scene.Url, "SELECT count(*) FROM small"));
        Assert.Equal(0L, await Database.ScalarAsync<long>(scene.Url, $"SELECT count(*) FROM pg_database WHERE datname LIKE '{scene.Source.Database}_restore%'"));
    }

    [Theory]
    [InlineData("sessions")]
    [InlineData("stop")]
    public async Task A_restore_that_is_cut_off_leaves_no_database(string how)
    {
        await using var scene = await FaultScene.CreateAsync(postgres, Rows.Sql);
        var run = await scene.RunAsync();
        var name = scene.Source.Database + "_new";
        using var stop = new CancellationTokenSource();
        await using var vault = new GateVault(scene.Vault, "/data/", async () =>
        {
            if (how == "stop") await stop.CancelAsync();
            // Those that load and the one that makes and drops databases.
            else await Database.SqlAsync(scene.Url, $"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'backup restore' AND (datname = '{name}' OR query LIKE '%{name}%')");
        }, reading: true);
        var request = scene.RestoreRequest(await scene.EntryAsync(run.Id.ToString()), name) with { Vault = vault };
        var failure = await Assert.ThrowsAnyAsync<Exception>(() => scene.RestoreAsync(request, stop: stop));
        if (how == "stop") Assert.IsType<OperationCanceledException>(failure, exactMatch: false);
        else Assert.Equal(ErrorCode.Failed, Assert.IsType<BackupException>(failure).Code.ExitCode);
        await GoneAsync(scene, name);
    }

    [Fact]
    public async Task A_full_temporary_folder_is_named_before_anything_is_made()
    {
        await using var scene = await FaultScene.CreateAsync(postgres, Rows.Sql + "INSERT INTO small SELECT g, repeat(md5(g::text), 30) FROM generate_series(10000, 16000) g;");
        var request = scene.Request();
        var run = await scene.RunAsync(request with { Database = request.Database with { ShardAbove = 1L << 40 } });
        using var disk = Storage.SmallDisk.Mount(scene.TempFolder);
        var name = scene.Source.Database + "_new";
        var e = await Assert.ThrowsAsync<BackupException>(async () => await scene.RestoreAsync(scene.RestoreRequest(await scene.EntryAsync(run.Id.ToString()), name)));
        Assert.Equal(ErrorCode.RestoreFailed, e.Code);
        Assert.Contains("TMPDIR", e.NextStep, StringComparison.Ordinal);
        await GoneAsync(scene, name);
    }

    private static IReadOnlyList<string> Paths(FaultScene scene, RunReport run) =>
        [.. run.Manifest!.Artifacts.Select(a => a.Key).Append(run.Prefix + VaultKeys.ManifestName).Select(k => Path.Combine(scene.VaultFolder, k))];

    private static async Task GoneAsync(FaultScene scene, string name)
    {
        Assert.Equal(0L, await Database.ScalarAsync<long>(scene.Url, $"SELECT count(*) FROM pg_database WHERE datname = '{name}'"));
        Assert.Empty(Directory.EnumerateDirectories(scene.TempFolder, "backup-work-*"));
        Assert.Empty(scene.Processes());
    }

    /// <summary>One bit of a file, put back at the end.</summary>
    private sealed record Flip(string Path, long Position, int Number) : IDisposable
    {
        public static Flip Bit(string path, long position, int number)
        {
            var flip = new Flip(path, position, number);
            flip.Turn();
            return flip;
        }

        public void Dispose() => Turn();

        private void Turn()
        {
            using var file = new FileStream(Path, FileMode.Open, FileAccess.ReadWrite);
            file.Position = Position;
            var value = file.ReadByte();
            file.Position = Position;
            file.WriteByte((byte)(value ^ (1 << Number)));
        }
    }
}
