using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Tests.Support;

namespace Backup.Core.Tests.Faults;

/// <summary>Programs that die, with and without a word, at every point of their output.</summary>
public sealed class ToolFaultTests(PostgresFixture postgres)
{
    [Fact]
    public async Task Failed_dump_leaves_no_object()
    {
        await using var scene = await FaultScene.CreateAsync(postgres, Rows.Sql);
        var real = await postgres.InstallationAsync();
        var whole = (await scene.RunAsync()).Manifest!.Artifacts.Single(a => a.Role == ArtifactRole.Base).RawBytes;
        foreach (var percent in (long[])[1, 50, 99])
        {
            scene.Tools.ReplacePostgres(real, "pg_dump", FaultyTools.Cut(whole * percent / 100, 9));
            var e = await scene.FailsAsync(ErrorCode.ToolFailed);
            Assert.Contains("pg_dump failed with exit code 9", e.Message, StringComparison.Ordinal);
        }

        scene.Tools.ReplacePostgres(real, "pg_dump", FaultyTools.Silent(7));
        Assert.Contains("pg_dump failed with exit code 7", (await scene.FailsAsync(ErrorCode.ToolFailed)).Message, StringComparison.Ordinal);
        scene.Tools.ReplacePostgres(real, "pg_dump", FaultyTools.Silent(0));
        Assert.Contains("without any output", (await scene.FailsAsync(ErrorCode.ToolFailed)).Message, StringComparison.Ordinal);
        scene.Tools.ReplacePostgres(real, "pg_dump", FaultyTools.KilledAfter(whole / 2));
        Assert.Contains("pg_dump was killed by signal 9", (await scene.FailsAsync(ErrorCode.ToolFailed)).Message, StringComparison.Ordinal);
        scene.Tools.ReplacePostgres(real, "pg_dump", FaultyTools.Cut(whole / 100, 0)); // not even the contents are whole
        await scene.FailsAsync(ErrorCode.ToolFailed);
        scene.Tools.ReplacePostgres(real, "pg_dumpall", FaultyTools.KilledAtOnce);
        Assert.Contains("pg_dumpall was killed", (await scene.FailsAsync(ErrorCode.ToolFailed)).Message, StringComparison.Ordinal);
        scene.Tools.ReplacePostgres(real, "pg_restore", FaultyTools.KilledAtOnce);
        Assert.Contains("pg_restore was killed", (await scene.FailsAsync(ErrorCode.ToolFailed)).Message, StringComparison.Ordinal);
        scene.Tools.Mend();
        await scene.RunAsync();
    }

    [Fact]
    public async Task Dead_filters_leave_no_object()
    {
        await using var scene = await FaultScene.CreateAsync(postgres, Rows.Sql);
        await scene.RunAsync();
        await using var key = await GpgKey.MakeAsync(scene.Root);
        foreach (var tool in (string[])["zstd", "gpg"])
        {
            (string Script, string Says)[] cases =
            [
                (FaultyTools.Silent(9), $"{tool} failed with exit code 9"),
                (FaultyTools.Cut(1000, 9), $"{tool} failed with exit code 9"),
                (FaultyTools.KilledAtOnce, $"{tool} was killed by signal 9"),
                (FaultyTools.KilledAfter(20_000), $"{tool} was killed by signal 9"),
            ];
            foreach (var (script, says) in cases)
            {
                scene.Tools.Replace(tool, script);
                var e = await scene.FailsAsync(ErrorCode.ToolFailed, scene.Request() with { GpgRecipients = [key.PublicFile] });
                Assert.Contains(says, e.Message, StringComparison.Ordinal);
            }

            scene.Tools.Mend();
        }

        await scene.RunAsync(scene.Request() with { GpgRecipients = [key.PublicFile] });
    }

    [Fact]
    public async Task Processes_that_are_killed_in_mid_stream_leave_no_object()
    {
        await using var scene = await FaultScene.CreateAsync(postgres, Rows.Sql);
        await scene.RunAsync();
        foreach (var (tool, word) in (ValueTuple<string, string>[])[("psql", "/data/"), ("zstd", "/data/"), ("pg_dump", "base.dump"), ("zstd", "base.dump")])
        {
            await using var vault = new GateVault(scene.Vault, word, async () =>
            {
                await Until.TrueAsync(() => scene.Processes(tool).Count > 0);
                FaultyTools.Kill(scene.Processes(tool));
            });
            var e = await scene.FailsAsync(ErrorCode.ToolFailed, scene.Request(vault));
            Assert.Contains($"{tool} was killed by signal 9", e.Message, StringComparison.Ordinal);
        }

        await scene.RunAsync();
    }

    [Fact]
    public async Task A_program_that_lies_about_its_end_is_found_by_verify()
    {
        await using var scene = await FaultScene.CreateAsync(postgres, Rows.Sql);
        var real = await postgres.InstallationAsync();
        await using var key = await GpgKey.MakeAsync(scene.Root);
        var whole = (await scene.RunAsync()).Manifest!.Artifacts.Single(a => a.Role == ArtifactRole.Base);
        scene.Tools.ReplacePostgres(real, "pg_dump", FaultyTools.Cut(whole.RawBytes * 99 / 100, 0));
        await LiesAsync("base.dump");
        scene.Tools.Mend();
        scene.Tools.Replace("zstd", FaultyTools.Cut(whole.StoredBytes / 2, 0));
        await LiesAsync("base.dump");
        scene.Tools.Mend();
        scene.Tools.Replace("gpg", FaultyTools.Cut(whole.StoredBytes / 2, 0));
        await LiesAsync("base.dump", scene.Request() with { GpgRecipients = [key.PublicFile] });

        async Task LiesAsync(string artifact, RunRequest? request = null)
        {
            var run = await scene.RunAsync(request);
            scene.Tools.Mend();
            var result = await scene.VerifyAsync(await scene.EntryAsync(run.Id.ToString()), VerifyLevel.Archive);
            Assert.False(result.Passed);
            Assert.Contains(result.Findings, f => f.Sentence.Contains(artifact, StringComparison.Ordinal));
        }
    }
}
