using System.Text;
using Amazon.S3.Model;
using Amazon.SecretsManager.Model;
using Backup.Core.Model;
using Backup.Lambda.Events;
using Backup.Lambda.Hosting;
using Backup.Tests.Support;

namespace Backup.Lambda.Tests;

/// <summary>Proofs of gpg-encrypted backups by the functions, with the private key in Secrets Manager: and that key is nowhere else.</summary>
public sealed class DrillKeyTests(PostgresFixture postgres, CloudFixture cloud) : IAsyncLifetime
{
    private const string Drill = """{"database":"shop","backup":"latest","level":"restore","scheduledTime":"2026-03-01T09:00:00Z"}""";
    private const string Archive = """{"database":"shop","backup":"latest","level":"archive","scheduledTime":"2026-03-01T05:00:00Z"}""";

    /// <summary>No task to hand over to: the proof happens in this process.</summary>
    private static readonly KeyValuePair<string, string>[] _here = [new(Settings.ClusterVariable, "")];

    private GpgKeys _key = null!;
    private GpgKeys _offline = null!;
    private TestDatabase _source = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _key = await GpgKeys.MakeAsync(postgres.Machine, Cancel);
        _offline = await GpgKeys.MakeAsync(postgres.Machine, Cancel);
        _source = await postgres.CreateDatabaseAsync();
        await Database.SqlAsync(_source.Url, "CREATE TABLE orders AS SELECT g AS id, md5(g::text) AS note FROM generate_series(1, 60000) g");
    }

    public async ValueTask DisposeAsync()
    {
        await _source.DisposeAsync();
        await _key.DisposeAsync();
        await _offline.DisposeAsync();
    }

    /// <param name="secret">Name of the drill key's secret; null: the policy names none.</param>
    /// <param name="where">More variables.</param>
    /// <param name="recipients">Whose public keys the policy lists.</param>
    private async Task<Deployment> DeployAsync(string? secret, KeyValuePair<string, string>[] where, params GpgKeys[] recipients)
    {
        var files = new Dictionary<string, string>();
        foreach (var (recipient, n) in recipients.Select((r, n) => (r, n))) files[$"keys/{n}.asc"] = await File.ReadAllTextAsync(recipient.PublicKeyFile, Cancel);
        var drillKey = secret is null ? "" : $$""","drillKey":"{{secret}}" """;
        var deployed = await Deployment.MakeAsync(cloud, _source.Url, """ "shardAbove":"1MiB" """,
            $$""" "encryption":{"gpgRecipients":[{{string.Join(',', files.Keys.Select(f => $"\"{f}\""))}}] {{drillKey}} } """, where, files: files);
        var dumped = await deployed.DumpAsync(Deployment.Scheduled());
        Assert.True(dumped.Outcome == DumpResult.Committed, deployed.Log);
        Assert.All((await deployed.BackupsAsync()).Single().Manifest!.Artifacts, a => Assert.Contains("gpg", a.Filters));
        return deployed;
    }

    [Fact]
    public async Task A_drill_in_a_task_passes_with_the_drill_key_which_is_in_no_argument_environment_log_or_result()
    {
        var secret = await cloud.NewSecretAsync(_key.PrivateKey);
        await using var deployed = await DeployAsync(secret, [], _offline, _key);
        var verified = await deployed.Functions.Verify(Deployment.Json(Archive), Deployment.Context());
        Assert.True(verified.Outcome == VerifyEventResult.Passed, deployed.Log);

        Assert.Equal(VerifyEventResult.HandedOver, (await deployed.Functions.Verify(Deployment.Json(Drill), Deployment.Context())).Outcome);
        using var stop = new CancellationTokenSource();
        var watching = Task.Run(() => Watch(_key.Needles, stop.Token), Cancel);
        var (code, drilled, output) = await deployed.RunTaskAsync(Assert.Single(await cloud.TasksAsync(deployed.TaskDefinition)));
        await stop.CancelAsync();
        var seen = await watching;
        Assert.True(code == 0, output);
        Assert.Equal(VerifyEventResult.Passed, (string?)drilled["outcome"]);
        Assert.Equal([1], await deployed.MetricAsync("DrillSuccess"));

        Assert.Empty(seen.WithKey);
        Assert.NotEmpty(seen.Servers);
        // What a server of restored code has: where programs are, and nothing of the function's.
        Assert.All(seen.Servers, names => Assert.Empty(names.Except(["PATH", "HOME", "TMPDIR", "LC_ALL", "TZ", "LOCPATH", "PGDATA", "PG_GRANDPARENT_PID"])));
        var said = new StringBuilder(output).Append(deployed.Log);
        foreach (var stored in (await cloud.Moto.Client.ListObjectsV2Async(new ListObjectsV2Request { BucketName = deployed.VaultBucket }, Cancel)).S3Objects.Where(o => o.Key.EndsWith(".json", StringComparison.Ordinal)))
        {
            using var answer = await cloud.Moto.Client.GetObjectAsync(deployed.VaultBucket, stored.Key, Cancel);
            using var reader = new StreamReader(answer.ResponseStream);
            said.Append(await reader.ReadToEndAsync(Cancel));
        }

        Assert.Contains("-drill-pass", string.Join(' ', await deployed.RemainsAsync()), StringComparison.Ordinal);
        Assert.All(_key.Needles, n => Assert.DoesNotContain(n, said.ToString(), StringComparison.Ordinal));
        Assert.DoesNotContain("override-session-key", said.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_key_that_can_be_used_a_proof_could_not_verify_and_says_what_to_do()
    {
        await using var passphrase = await GpgKeys.MakeAsync(postgres.Machine, Cancel, "lab");
        async Task Says(string? secret, string sentence, string nextStep)
        {
            await using var deployed = await DeployAsync(secret, _here, _offline, passphrase);
            foreach (var happening in (string[])[Archive, Drill])
            {
                var result = await deployed.Functions.Verify(Deployment.Json(happening), Deployment.Context());
                Assert.True(result.Outcome == VerifyEventResult.CouldNotVerify, deployed.Log);
                var finding = Assert.Single(result.Findings!);
                Assert.Equal("secret.unusable", finding.Code);
                Assert.Contains(sentence, finding.Sentence, StringComparison.Ordinal);
                Assert.Contains(nextStep, finding.NextStep, StringComparison.Ordinal);
                Assert.Contains(sentence, deployed.Log, StringComparison.Ordinal);
            }

            Assert.Equal([ProofKind.Drill, ProofKind.Verify], (await deployed.BackupsAsync()).Single().Results.Where(r => r.Verdict == Verdict.CouldNotVerify).Select(r => r.Kind).OrderByDescending(k => k == ProofKind.Drill));
            Assert.Equal([0], await deployed.MetricAsync("DrillSuccess"));
            Assert.All(_key.Needles.Concat(passphrase.Needles), n => Assert.DoesNotContain(n, deployed.Log, StringComparison.Ordinal));
        }

        await Says(null, "the policy names no encryption.drillKey", "Name a drillKey");
        var empty = await cloud.NewSecretAsync(null);
        await Says(empty, $"the secret {empty} has no value", $"backup secret set {empty}");
        await Says("test/there-is-none", "the secret test/there-is-none has no value", "backup secret set");
        await Says(await cloud.NewSecretAsync("   "), "has no value", "backup secret set");
        await Says(await cloud.NewSecretAsync("postgres://app:hunter2@host/db"), "holds no private key", "gpg --armor --export-secret-keys");
        await Says(await cloud.NewSecretAsync(_key.PrivateKey), "does not open", "gpgRecipients");
        await Says(await cloud.NewSecretAsync(passphrase.PrivateKey), "passphrase", "export that");
    }

    [Fact]
    public async Task A_key_that_is_stored_later_proves_the_same_backup_without_a_deployment()
    {
        var secret = await cloud.NewSecretAsync(null);
        await using var deployed = await DeployAsync(secret, _here, _offline, _key);
        Assert.Equal(VerifyEventResult.CouldNotVerify, (await deployed.Functions.Verify(Deployment.Json(Archive), Deployment.Context())).Outcome);
        using var client = cloud.Secrets;
        await client.PutSecretValueAsync(new PutSecretValueRequest { SecretId = secret, SecretString = _key.PrivateKey }, Cancel);
        var drilled = await deployed.Functions.Verify(Deployment.Json(Drill), Deployment.Context());
        Assert.True(drilled.Outcome == VerifyEventResult.Passed, deployed.Log);
    }

    /// <summary>
    /// Looks at every process of the machine, over and over: who has a part of the key among its arguments or variables, and which variables servers have that a task has started.
    /// </summary>
    private static (IReadOnlyList<string> WithKey, IReadOnlyList<IReadOnlyList<string>> Servers) Watch(IReadOnlyList<string> needles, CancellationToken stop)
    {
        var (withKey, servers) = (new HashSet<string>(), new Dictionary<string, IReadOnlyList<string>>());
        while (!stop.IsCancellationRequested)
        {
            foreach (var process in Directory.EnumerateDirectories("/proc").Where(f => char.IsAsciiDigit(Path.GetFileName(f)[0])))
            {
                var (arguments, variables) = (Read(process, "cmdline"), Read(process, "environ"));
                if (needles.Any(n => arguments.Contains(n, StringComparison.Ordinal) || variables.Contains(n, StringComparison.Ordinal))) withKey.Add(arguments.Replace('\0', ' '));
                if (arguments.Contains("/postgres\0-D", StringComparison.Ordinal) && Ancestors(process).Any(p => Read(p, "cmdline").Contains("Backup.Task.dll", StringComparison.Ordinal)))
                    servers[process] = [.. variables.Split('\0', StringSplitOptions.RemoveEmptyEntries).Select(v => v.Split('=')[0])];
            }

            stop.WaitHandle.WaitOne(5);
        }

        return ([.. withKey], [.. servers.Values]);
    }

    private static IEnumerable<string> Ancestors(string process)
    {
        // pid (name) state parent …
        for (var at = process; Read(at, "stat") is { Length: > 0 } stat;)
        {
            at = $"/proc/{stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1]}";
            yield return at;
        }
    }

    private static string Read(string process, string file)
    {
        try
        {
            return File.ReadAllText(Path.Combine(process, file));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return ""; // it has ended while it was looked at
        }
    }
}
