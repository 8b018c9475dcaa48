using System.Diagnostics;
using Amazon.Runtime;
using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Core.Storage;
using Backup.Core.Tests.Storage;
using Backup.Tests.Support;

namespace Backup.Core.Tests.Faults;

/// <summary>Vaults that are full, read-only, slow, refuse or lie.</summary>
public sealed class VaultFaultTests(PostgresFixture postgres)
{
    // Hex of MD5 packs to little more than half: about 12 MB stored.
    private const string Noise = """
        CREATE TABLE noise AS SELECT g AS id, (SELECT string_agg(md5((g * 40 + i)::text), '') FROM generate_series(1, 40) i) AS t FROM generate_series(1, 17000) g;
        """;

    // Base64 packs to three quarters: about 10 MB stored, which is more than one part.
    private const string MoreThanOnePart = """
        CREATE TABLE noise AS SELECT g AS id, (SELECT string_agg(encode(sha256((g * 40 + i)::text::bytea), 'base64'), '') FROM generate_series(1, 40) i) AS t FROM generate_series(1, 7500) g;
        """;

    [Fact]
    public async Task A_disk_that_is_full_in_mid_artifact_keeps_nothing_of_the_run()
    {
        await using var scene = await FaultScene.CreateAsync(postgres, Rows.Sql);
        using var disk = SmallDisk.Mount(scene.VaultFolder);
        await scene.RunAsync();
        await Database.SqlAsync(scene.Url, Noise);
        var e = await scene.FailsAsync(ErrorCode.VaultFull);
        Assert.Contains("no space left", e.Message, StringComparison.Ordinal);
        await Database.SqlAsync(scene.Url, "DROP TABLE noise");
        await scene.RunAsync();
    }

    [Fact]
    public async Task A_disk_that_is_full_at_the_manifest_keeps_nothing_of_the_run()
    {
        await using var scene = await FaultScene.CreateAsync(postgres, Rows.Sql + "TRUNCATE b; DELETE FROM a WHERE id > 15000;");
        using var disk = SmallDisk.Mount(scene.VaultFolder);
        await scene.RunAsync();
        var filler = Path.Combine(scene.VaultFolder, "filler");
        await using var vault = new GateVault(scene.Vault, "manifest.json", () =>
        {
            Fill(filler);
            return Task.CompletedTask;
        });
        var e = await Assert.ThrowsAsync<BackupException>(() => scene.RunAsync(scene.Request(vault)));
        Assert.Equal(ErrorCode.VaultFull, e.Code);
        File.Delete(filler);
        await scene.NothingIsLeftAsync(await scene.ListAsync());
        await scene.RunAsync();
    }

    [Fact]
    public async Task A_folder_that_cannot_be_written_is_told_before_anything_is_read()
    {
        await using var scene = await FaultScene.CreateAsync(postgres, Rows.Sql);
        using var disk = SmallDisk.Mount(scene.VaultFolder);
        await scene.RunAsync();
        await MountAsync("remount,ro", scene.VaultFolder);
        var e = await scene.FailsAsync(ErrorCode.VaultDenied);
        Assert.Contains(scene.VaultFolder, e.Message, StringComparison.Ordinal);
        await MountAsync("remount,rw", scene.VaultFolder);
    }

    [Fact]
    public async Task An_s3_that_is_slow_for_a_while_costs_time_only()
    {
        var clock = Stopwatch.StartNew();
        await using var s3 = new ScriptedS3(_ => null);
        await using var scene = await SceneAsync(s3, retries: 8);
        s3.Script = r => r.Name is "UploadPart" or "Put" && clock.Elapsed < TimeSpan.FromSeconds(6) ? new Misbehaviour.Answer(503, "SlowDown") : null;
        var resets = 2;
        clock.Restart();
        var run = await scene.RunAsync(InParts(scene));
        s3.Script = r => r.Name == "UploadPart" && Interlocked.Decrement(ref resets) >= 0 ? new Misbehaviour.ResetWhileReceiving(2_000_000)
            : r.PartNumber == 2 ? new Misbehaviour.Stall(TimeSpan.FromMilliseconds(800)) : null;
        await scene.RunAsync(InParts(scene));
        Assert.Equal(0, s3.OpenUploads);
        foreach (var entry in await scene.ListAsync()) await scene.VerifiesAsync(entry);
        Assert.NotNull(run.Manifest);
    }

    [Theory]
    [InlineData("UploadPart", 503, "SlowDown", "vault.unreachable")]
    [InlineData("UploadPart", 403, "AccessDenied", "vault.denied")]
    [InlineData("Initiate", 500, "InternalError", "vault.unreachable")]
    [InlineData("Complete", 200, "InternalError", "vault.unreachable")]
    [InlineData("Tag", 403, "AccessDenied", "vault.denied")]
    [InlineData("Manifest", 412, "PreconditionFailed", "vault.conflict")]
    [InlineData("Manifest", 503, "SlowDown", "vault.unreachable")]
    [InlineData("Manifest", 403, "AccessDenied", "vault.denied")]
    public async Task An_s3_that_refuses_for_ever_fails_the_run_in_bounded_time(string request, int status, string code, string expected)
    {
        await using var s3 = new ScriptedS3(_ => null);
        await using var scene = await SceneAsync(s3, retries: 1);
        await scene.RunAsync(InParts(scene));
        s3.Script = r => r.Name == request || (request == "Manifest" && r.Name == "Put" && r.Key.EndsWith("manifest.json", StringComparison.Ordinal))
            ? status == 200 ? new Misbehaviour.ErrorInOk(code) : new Misbehaviour.Answer(status, code)
            : null;
        var clock = Stopwatch.StartNew();
        var e = await scene.FailsAsync(ErrorCode.All.Single(c => c.Name == expected), InParts(scene));
        Assert.InRange(clock.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(30));
        Assert.Contains("s3://", e.Message, StringComparison.Ordinal);
        Assert.Equal(0, s3.OpenUploads);
        s3.Script = _ => null;
        await scene.RunAsync(InParts(scene));
    }

    /// <summary>The noise as one chunk, too large for a single request to S3.</summary>
    private static RunRequest InParts(FaultScene scene)
    {
        var request = scene.Request();
        return request with { Database = request.Database with { ShardAbove = 8 << 20 } };
    }

    private Task<FaultScene> SceneAsync(ScriptedS3 s3, int retries) => FaultScene.CreateAsync(postgres, MoreThanOnePart, _ =>
        new S3Vault(new S3Location { Bucket = "bucket", Prefix = "p/", Endpoint = s3.Endpoint }, TimeProvider.System,
            new S3Tuning { Credentials = new BasicAWSCredentials("AKIAIOSFODNN7EXAMPLE", "hunter2"), Retries = retries, Stall = TimeSpan.FromSeconds(20) }));

    private static void Fill(string path)
    {
        using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
        var block = new byte[4096];
        // The kernel counts blocks per processor, so it may refuse one early and the next one not.
        for (var refusals = 0; refusals < 1000;)
        {
            try
            {
                file.Write(block);
            }
            catch (IOException)
            {
                refusals++;
            }
        }
    }

    private static async Task MountAsync(string options, string path)
    {
        using var mount = Process.Start(new ProcessStartInfo("mount", ["-o", options, path]))!;
        await mount.WaitForExitAsync();
        Assert.Equal(0, mount.ExitCode);
    }
}
