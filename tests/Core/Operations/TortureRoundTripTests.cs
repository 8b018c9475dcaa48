using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Core.Storage;
using Backup.Tests.Support;
using S3Location = Backup.Core.Storage.S3Location;

namespace Backup.Core.Tests.Operations;

/// <summary>The hardest database there and back, judged by a comparison that shares no code with the product.</summary>
public sealed class TortureRoundTripTests(PostgresFixture postgres, TortureSource source) : IClassFixture<TortureSource>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_row_every_owner_and_every_grant_come_back()
    {
        Assert.Equal(RunOutcome.Committed, source.Run.Outcome);
        var big = source.Run.Manifest!.Artifacts.Where(a => a.Table?.Name == "big").ToList();
        Assert.True(big.Count > 1, $"big has {big.Count} chunks");
        Assert.Equal(30_000, big.Sum(a => a.Rows));
        var verified = await source.Lab.VerifyAsync();
        Assert.Equal([], verified.Findings.Select(f => f.Sentence));
        var url = await source.Lab.NewUrlAsync();
        var report = await source.Lab.RestoreAsync(url);
        Assert.Equal(Comparison.Full, report.Compared);
        Assert.Equal([], report.Findings.Select(f => f.Sentence));
        Assert.Equal([], await source.Lab.DifferencesAsync(source.Url, url, new ComparisonOptions { DatabaseLevel = true }));
    }

    [Fact]
    public async Task A_drill_passes_and_says_what_it_did_not_prove()
    {
        var report = await source.Lab.DrillAsync();
        Assert.Equal([], report.Findings.Select(f => f.Sentence));
        Assert.Equal(Verdict.Pass, report.Verdict);
        Assert.Equal(source.Run.Manifest!.Fingerprints.Count, report.Tables.Count);
        Assert.All(report.Tables, t => Assert.Equal((t.ExpectedRows, t.ExpectedHash, null), (t.ActualRows, t.ActualHash, t.Difference)));
        Assert.All(report.Tables, t => Assert.NotNull(t.ActualHash));
        Assert.Equal(source.Run.Manifest.Snapshot.Sequences.Count, report.Sequences.Count);
        Assert.Equal((4L, 4L), (report.LargeObjects!.Expected.Count, report.LargeObjects.Actual.Count));
        Assert.NotNull(report.LargeObjects.Actual.Hash);
        // Stale in the original, computed anew by the restore: no difference.
        Assert.Equal(4, report.MaterializedViews.Count);
        Assert.All(report.MaterializedViews, v => Assert.Null(v.Difference));
        Assert.Contains("not_yet on public.half_checked", report.Constraints!.NotValidated);
        Assert.True(report.Constraints.Validated > 50);
        Assert.Contains(report.NotProven, n => n.Subject.Contains("far_away", StringComparison.Ordinal));
        Assert.Contains(report.NotProven, n => n.Subject.Contains("mat_stale", StringComparison.Ordinal));
        Assert.True(report.Seconds.Total >= report.Seconds.Prepare + report.Seconds.Restore + report.Seconds.Index + report.Seconds.Verify);
    }

    [Fact]
    public async Task Without_owners_everything_else_comes_back()
    {
        var url = await source.Lab.NewUrlAsync();
        await source.Lab.RestoreAsync(url, change: r => r with { NoOwner = true });
        Assert.Equal([], await source.Lab.DifferencesAsync(source.Url, url, new ComparisonOptions { Owners = false, Grants = false }));
    }

    [Fact]
    public async Task Every_table_may_be_a_chunk()
    {
        await using var lab = new Lab(postgres);
        var run = await lab.RunAsync(source.Url, d => d with { ShardAbove = 1, Jobs = 3 });
        var chunked = run.Manifest!.Artifacts.Where(a => a.Role == ArtifactRole.Chunk).Select(a => a.Table).Distinct().Count();
        Assert.True(chunked > 90, $"{chunked} tables in chunks");
        Assert.Equal([], (await lab.VerifyAsync()).Findings.Select(f => f.Sentence));
        var url = await lab.NewUrlAsync();
        await lab.RestoreAsync(url, change: r => r with { Jobs = 4 });
        Assert.Equal([], await lab.DifferencesAsync(source.Url, url));
    }

    [Fact]
    public async Task It_survives_S3_and_four_jobs()
    {
        Assert.SkipWhen(MotoServer.WhyNot() is not null, MotoServer.WhyNot() ?? "");
        await using var moto = await MotoServer.StartAsync();
        var location = (S3Location)VaultLocation.Parse($"s3://{await moto.MakeBucketAsync()}/some/prefix?region=eu-central-1&endpoint={moto.Endpoint}", null);
        await using var lab = new Lab(postgres, new S3Vault(location, TimeProvider.System, new S3Tuning { Credentials = MotoServer.Credentials }));
        await lab.RunAsync(source.Url, d => d with { ShardAbove = 1 << 20, Jobs = 4 });
        Assert.Equal([], (await lab.VerifyAsync()).Findings.Select(f => f.Sentence));
        var url = await lab.NewUrlAsync();
        await lab.RestoreAsync(url, change: r => r with { Jobs = 4 });
        Assert.Equal([], await lab.DifferencesAsync(source.Url, url));
    }

    [Fact]
    public async Task It_survives_encryption_to_a_public_key_and_only_the_private_one_opens_it()
    {
        await using var keys = await GpgKeys.MakeAsync(postgres.Machine, Cancel);
        await using var lab = new Lab(postgres, machine: keys.Machine);
        var run = await lab.RunAsync(lab.Request(source.Url, d => d with { ShardAbove = 1 << 20 }) with { GpgRecipients = [keys.PublicKeyFile] });
        Assert.All(run.Manifest!.Artifacts, a => Assert.Equal(["zstd", "gpg"], a.Filters));
        Assert.Contains(run.Manifest.Artifacts, a => a.Role == ArtifactRole.Globals);
        Assert.Equal([], (await lab.VerifyAsync()).Findings.Select(f => f.Sentence));
        var url = await lab.NewUrlAsync();
        await lab.RestoreAsync(url);
        Assert.Equal([], await lab.DifferencesAsync(source.Url, url));

        var stranger = new Lab(postgres, lab.Vault, postgres.Machine with
        {
            Variables = new Dictionary<string, string>(postgres.Machine.Variables) { ["GNUPGHOME"] = keys.EmptyHome },
        });
        var refused = await Assert.ThrowsAsync<BackupException>(async () => await stranger.RestoreAsync(await lab.NewUrlAsync()));
        Assert.Equal(ErrorCode.ToolFailed, refused.Code);
        Assert.Contains("gpg failed", refused.Message, StringComparison.Ordinal);
        // Without the key nothing can be said about the content, and a checksum still passes.
        Assert.Equal(ErrorCode.ToolFailed, (await Assert.ThrowsAsync<BackupException>(() => stranger.VerifyAsync())).Code);
        Assert.True((await stranger.VerifyAsync(VerifyLevel.Checksum)).Passed);
        await FlipAsync(Path.Combine(lab.VaultFolder, run.Manifest.Artifacts.First(a => a.Role == ArtifactRole.Chunk).Key));
        var finding = Assert.Single((await lab.VerifyAsync()).Findings);
        Assert.Contains("copy.zst.gpg has SHA-256", finding.Sentence, StringComparison.Ordinal);
        var damaged = await Assert.ThrowsAsync<BackupException>(async () => await lab.RestoreAsync(await lab.NewUrlAsync()));
        Assert.Equal((ErrorCode.BackupDamaged, 3), (damaged.Code, damaged.Code.ExitCode));
    }

    private static async Task FlipAsync(string file)
    {
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        var bytes = await File.ReadAllBytesAsync(file, Cancel);
        bytes[bytes.Length / 2] ^= 1;
        await File.WriteAllBytesAsync(file, bytes, Cancel);
    }
}
