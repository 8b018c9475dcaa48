using Backup.Core.Catalog;
using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Core.Operations.Drills;
using Backup.Core.Tests.Operations;
using Backup.Tests.Support;

namespace Backup.Core.Tests.Drills;

/// <summary>Proofs of encrypted backups with a private key that is handed in: it opens what it may, is named when it does not, and is gone before restored code runs.</summary>
public sealed class PrivateKeyTests(PostgresFixture postgres) : IAsyncLifetime
{
    private const string Sql = "CREATE TABLE big AS SELECT g AS id, md5(g::text) AS t FROM generate_series(1, 60000) g; CREATE TABLE small AS SELECT 1 AS id";

    private readonly Lab _lab = new(postgres);
    private GpgKeys _drill = null!;
    private GpgKeys _team = null!;
    private TestDatabase _source = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _drill = await GpgKeys.MakeAsync(postgres.Machine, Cancel);
        _team = await GpgKeys.MakeAsync(postgres.Machine, Cancel);
        _source = await postgres.CreateDatabaseAsync();
        await Database.SqlAsync(_source.Url, Sql);
    }

    public async ValueTask DisposeAsync()
    {
        await _source.DisposeAsync();
        await _drill.DisposeAsync();
        await _team.DisposeAsync();
        await _lab.DisposeAsync();
    }

    /// <summary>Two recipients, small chunks, so that there are many streams with a session key each.</summary>
    private async Task BackUpAsync(params GpgKeys[] recipients) =>
        Assert.True((await _lab.RunAsync(_lab.Request(_source.Url, d => d with { ShardAbove = 1 << 20 }) with { GpgRecipients = [.. recipients.Select(k => k.PublicKeyFile)] })).Chunks() > 1);

    /// <summary>As on a machine whose gpg knows no private key.</summary>
    private MachineEnvironment Stranger => _lab.Machine with { Variables = new Dictionary<string, string>(_lab.Machine.Variables) { ["GNUPGHOME"] = _drill.EmptyHome } };

    private static PrivateKeySource Source(string text) => new("the secret lab/key", _ => Task.FromResult(text));

    private async Task<VerifyResult> VerifyAsync(PrivateKeySource? key, bool record = false) =>
        await new VerifyBackup(Stranger, _lab.Clock, postgres.Installations, privateKey: key).ExecuteAsync(_lab.Vault, await _lab.LatestAsync(), VerifyLevel.Archive, record, Cancel);

    [Fact]
    public async Task A_private_key_that_is_handed_in_proves_an_encrypted_backup_and_is_gone_before_the_server_starts()
    {
        await BackUpAsync(_team, _drill);
        var verified = await VerifyAsync(Source(_drill.PrivateKey));
        Assert.Equal((Verdict.Pass, 0), (verified.Verdict, verified.Findings.Count));

        var seen = new SeenAt("starting a throw-away server");
        var request = new DrillRequest { Vault = _lab.Vault, Backup = await _lab.LatestAsync(), PrivateKey = Source(_drill.PrivateKey) };
        var report = await new RunDrill(Stranger, _lab.Clock, postgres.Installations, seen).ExecuteAsync(request, Cancel);
        Assert.True(report.Verdict == Verdict.Pass, string.Join('\n', report.Findings.Select(f => f.Sentence)));
        Assert.Equal((true, 0, 0), (seen.Sessions > 1, seen.Keys, seen.Agents));
        Assert.Equal((0, 0, 0), SeenAt.Look()); // and afterwards nothing at all
    }

    [Fact]
    public async Task Without_a_key_that_opens_it_the_checksums_are_proven_and_the_verdict_is_could_not_verify_with_the_reason()
    {
        await using var locked = await GpgKeys.MakeAsync(postgres.Machine, Cancel, passphrase: "lab");
        await BackUpAsync(_team);
        async Task Says(string text, string sentence)
        {
            var result = await VerifyAsync(Source(text));
            var finding = Assert.Single(result.Findings);
            Assert.Equal((Verdict.CouldNotVerify, Severity.Warning, "secret.unusable"), (result.Verdict, finding.Severity, finding.Code));
            Assert.Contains(sentence, finding.Sentence, StringComparison.Ordinal);
            Assert.NotEmpty(finding.NextStep);
            var drilled = await new RunDrill(Stranger, _lab.Clock, postgres.Installations).ExecuteAsync(
                new DrillRequest { Vault = _lab.Vault, Backup = await _lab.LatestAsync(), PrivateKey = Source(text), Record = false }, Cancel);
            Assert.Equal((Verdict.CouldNotVerify, finding.Code), (drilled.Verdict, Assert.Single(drilled.Findings).Code));
            Assert.Contains(sentence, drilled.Findings[0].Sentence, StringComparison.Ordinal);
            Assert.All(_drill.Needles.Concat(locked.Needles), n => Assert.DoesNotContain(n, finding.Sentence + drilled.Findings[0].Sentence, StringComparison.Ordinal));
        }

        await Says(_drill.PrivateKey, "the private key of the secret lab/key does not open ");
        await Says(locked.PrivateKey, "the secret lab/key holds a key with a passphrase");
        await Says(await File.ReadAllTextAsync(_team.PublicKeyFile, Cancel), "the secret lab/key holds no private key");
        await Says("postgres://app:password@host/db", "the secret lab/key holds no private key");
        await Says(_drill.PrivateKey[..200], "the secret lab/key holds no private key");
        await VerifyAsync(Source(""), record: true);
        Assert.Equal(Verdict.CouldNotVerify, (await _lab.LatestAsync()).Results.Single(r => r.Kind == ProofKind.Verify).Verdict);
        Assert.Equal((0, 0, 0), SeenAt.Look());
    }

    /// <param name="at">Where a bit is flipped: in what names the recipients, or in the rows.</param>
    [Theory]
    [InlineData(5)]
    [InlineData(-100)]
    public async Task A_damaged_artifact_is_a_difference_also_when_nothing_opens_it(int at)
    {
        await BackUpAsync(_team);
        var manifest = (await _lab.LatestAsync()).Manifest!;
        var file = Path.Combine(_lab.VaultFolder, manifest.Artifacts[0].Key);
        var bytes = await File.ReadAllBytesAsync(file, Cancel);
        bytes[at < 0 ? bytes.Length + at : at] ^= 1;
        await File.WriteAllBytesAsync(file, bytes, Cancel);
        var locked = await VerifyAsync(Source(_drill.PrivateKey));
        Assert.Equal((Verdict.Fail, manifest.Artifacts[0].Key), (locked.Verdict, locked.Findings[0].Subject));
        var opened = await VerifyAsync(Source(_team.PrivateKey));
        Assert.Equal((Verdict.Fail, manifest.Artifacts[0].Key), (opened.Verdict, Assert.Single(opened.Findings).Subject));
        var drilled = await new RunDrill(Stranger, _lab.Clock, postgres.Installations).ExecuteAsync(
            new DrillRequest { Vault = _lab.Vault, Backup = await _lab.LatestAsync(), PrivateKey = Source(_team.PrivateKey), Record = false }, Cancel);
        Assert.Equal((Verdict.Fail, "backup.damaged"), (drilled.Verdict, Assert.Single(drilled.Findings).Code));
    }

    [Fact]
    public async Task A_backup_that_is_not_encrypted_asks_for_no_key()
    {
        await _lab.RunAsync(_lab.Request(_source.Url));
        Assert.Equal(Verdict.Pass, (await VerifyAsync(new PrivateKeySource("nobody", _ => throw new InvalidOperationException("asked")))).Verdict);
    }

    /// <summary>What of keys lies in this process's folders, and which agents serve them, when a step begins.</summary>
    private sealed class SeenAt(string step) : IProgress<Progress>
    {
        public int Sessions { get; private set; }
        public int Keys { get; private set; }
        public int Agents { get; private set; }

        public void Report(Progress value)
        {
            if (value.What == step) (Sessions, Keys, Agents) = Look();
        }

        public static (int Sessions, int Keys, int Agents) Look()
        {
            var folders = new[] { "/dev/shm", Path.GetTempPath() }.Distinct().Where(Directory.Exists).SelectMany(p => Directory.EnumerateDirectories(p, $"backup-work-{Environment.ProcessId}-*")).ToList();
            var files = folders.SelectMany(f => Directory.EnumerateFiles(f, "*", SearchOption.AllDirectories)).ToList();
            var agents = Directory.EnumerateDirectories("/proc").Where(p => char.IsAsciiDigit(Path.GetFileName(p)[0])).Count(p => CommandLine(p) is { } c
                && c.StartsWith("gpg-agent", StringComparison.Ordinal) && c.Contains($"backup-work-{Environment.ProcessId}-", StringComparison.Ordinal));
            return (files.Count(f => f.EndsWith(".conf", StringComparison.Ordinal)), files.Count(f => f.Contains("private-keys", StringComparison.Ordinal)), agents);
        }

        private static string? CommandLine(string process)
        {
            try
            {
                return File.ReadAllText(Path.Combine(process, "cmdline"));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return null; // it has just ended
            }
        }
    }
}

internal static class RunReports
{
    public static int Chunks(this RunReport report) => report.Manifest?.Artifacts.Count(a => a.Role == ArtifactRole.Chunk) ?? 0;
}
