using Backup.Tests.Support;

namespace Backup.Cli.Tests;

/// <summary>Ctrl-C, SIGTERM and kill -9 of the real program.</summary>
public sealed class SignalTests(PostgresFixture postgres) : IDisposable
{
    private const int Kills = 10;

    // Large enough to be in the middle of it; packs to little more than half.
    private const string Sql = """
        CREATE TABLE big AS SELECT g AS id, (SELECT string_agg(md5((g * 40 + i)::text), '') FROM generate_series(1, 40) i) AS t FROM generate_series(1, 20000) g;
        CREATE TABLE small AS SELECT g AS id, md5(g::text) AS t FROM generate_series(1, 5000) g;
        CREATE INDEX ON big (id); CREATE INDEX ON big (md5(t));
        """;

    private readonly string _root = Directory.CreateTempSubdirectory("signal-").FullName;

    private string Vault => Path.Combine(_root, "vault");
    private string Temp => Directory.CreateDirectory(Path.Combine(_root, "tmp")).FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Theory]
    [InlineData("INT", true)]
    [InlineData("INT", false)]
    [InlineData("TERM", false)]
    public async Task A_run_that_is_stopped_commits_nothing_and_leaves_nothing(string signal, bool group)
    {
        await using var database = await postgres.CreateDatabaseAsync("signal");
        await Database.SqlAsync(database.Url, Sql);
        using var cli = Start(database, Vault);
        await cli.SaysAsync("copying");
        if (group) await cli.SignalGroupAsync(signal);
        else await cli.SignalAsync(signal);
        Assert.True(await cli.ExitAsync() == 130, cli.Error);
        var last = cli.Error.TrimEnd().Split('\n')[^1];
        Assert.StartsWith("error: stopped before it was done; nothing was committed [cancelled]", last, StringComparison.Ordinal);
        await CliProcess.NothingRunsAsync(Temp);
        Assert.Empty(Directory.EnumerateDirectories(Temp, "backup-work-*"));
        Assert.Empty(Objects());
        using var next = Start(database, Vault);
        Assert.True(await next.ExitAsync() == 0, next.Error);
    }

    [Theory]
    [InlineData("INT", true)]
    [InlineData("TERM", false)]
    public async Task A_restore_that_is_stopped_leaves_no_database(string signal, bool group)
    {
        await using var database = await postgres.CreateDatabaseAsync("signal");
        await Database.SqlAsync(database.Url, Sql);
        using (var run = Start(database, Vault)) Assert.True(await run.ExitAsync() == 0, run.Error);
        var target = $"{database.Name}_new";
        using var cli = CliProcess.Start(Temp, [new("URL", database.Url.Replace($"/{database.Name}", $"/{target}", StringComparison.Ordinal))],
            "restore", "latest", "--vault", Vault, "--target", "${URL}", "--create");
        await cli.SaysAsync("data");
        if (group) await cli.SignalGroupAsync(signal);
        else await cli.SignalAsync(signal);
        Assert.True(await cli.ExitAsync() == 130, cli.Error);
        await CliProcess.NothingRunsAsync(Temp);
        Assert.Equal(0L, await Database.ScalarAsync<long>(database.Url, $"SELECT count(*) FROM pg_database WHERE datname = '{target}'"));
        Assert.Empty(Directory.EnumerateDirectories(Temp, "backup-work-*"));
    }

    [Fact]
    public async Task Kill_9_at_any_moment_costs_nothing_but_the_run_in_a_folder()
    {
        await using var database = await postgres.CreateDatabaseAsync("signal");
        await Database.SqlAsync(database.Url, Sql);
        using (var first = Start(database, Vault)) Assert.True(await first.ExitAsync() == 0, first.Error);
        await KillManyAsync(() => Start(database, Vault), 1);
        using (var last = Start(database, Vault)) Assert.True(await last.ExitAsync() == 0, last.Error);
        await CliProcess.NothingRunsAsync(Temp);
        Assert.Empty(Directory.EnumerateDirectories(Temp, "backup-work-*"));
        var manifests = Objects().Where(o => o.EndsWith("/manifest.json", StringComparison.Ordinal)).ToList();
        // One attempt each, and no folder without a manifest.
        Assert.All(Objects().Where(o => !o.Contains("/audit/", StringComparison.Ordinal)), o => Assert.Contains(manifests, m => o.StartsWith(Path.GetDirectoryName(m)!, StringComparison.Ordinal)));
        Assert.All(manifests, m => Assert.Single(Directory.EnumerateDirectories(Path.Combine(Vault, Path.GetDirectoryName(m)!))));
        Assert.All(Directory.EnumerateFiles(Path.Combine(Vault, ".partial"), "*", SearchOption.AllDirectories), f => Assert.Matches(@"\.(lock|owner)$", f));
        await AllVerifyAsync(Vault, [], manifests.Count);
    }

    [Fact]
    public async Task Kill_9_at_any_moment_costs_nothing_but_the_run_in_s3()
    {
        if (MotoServer.WhyNot() is { } reason) Assert.Skip(reason);
        await using var s3 = await MotoServer.StartAsync();
        await using var database = await postgres.CreateDatabaseAsync("signal");
        await Database.SqlAsync(database.Url, Sql);
        var bucket = await s3.MakeBucketAsync();
        var vault = $"s3://{bucket}/p?endpoint={Uri.EscapeDataString(s3.Endpoint.ToString())}&region=eu-central-1";
        KeyValuePair<string, string>[] keys = [new("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"), new("AWS_SECRET_ACCESS_KEY", "hunter2"), new("AWS_EC2_METADATA_DISABLED", "true")];
        using (var first = Start(database, vault, keys)) Assert.True(await first.ExitAsync() == 0, first.Error);
        await KillManyAsync(() => Start(database, vault, keys), 2);
        using (var last = Start(database, vault, keys)) Assert.True(await last.ExitAsync() == 0, last.Error);
        await CliProcess.NothingRunsAsync(Temp);
        var uploads = await s3.Client.ListMultipartUploadsAsync(new Amazon.S3.Model.ListMultipartUploadsRequest { BucketName = bucket }, TestContext.Current.CancellationToken);
        Assert.Empty(uploads.MultipartUploads ?? []);
        var objects = (await s3.Client.ListObjectsV2Async(new Amazon.S3.Model.ListObjectsV2Request { BucketName = bucket }, TestContext.Current.CancellationToken)).S3Objects.Select(o => o.Key).ToList();
        var manifests = objects.Where(o => o.EndsWith("/manifest.json", StringComparison.Ordinal)).ToList();
        var orphans = objects.Where(o => !o.Contains("/audit/", StringComparison.Ordinal) && !manifests.Any(m => o.StartsWith(Path.GetDirectoryName(m)!, StringComparison.Ordinal)));
        foreach (var orphan in orphans)
        {
            var tags = await s3.Client.GetObjectTaggingAsync(new Amazon.S3.Model.GetObjectTaggingRequest { BucketName = bucket, Key = orphan }, TestContext.Current.CancellationToken);
            Assert.Equal("pending", Assert.Single(tags.Tagging).Value);
        }

        await AllVerifyAsync(vault, keys, manifests.Count);
    }

    private CliProcess Start(TestDatabase database, string vault, params KeyValuePair<string, string>[] environment) =>
        CliProcess.Start(Temp, [new("URL", database.Url), .. environment], "run", "--source", "${URL}", "--vault", vault, "--database", "signal");

    /// <summary>Half of them at a random moment of the whole run, half in its busiest part.</summary>
    private async Task KillManyAsync(Func<CliProcess> start, int seed)
    {
        var random = new Random(seed);
        for (var i = 0; i < Kills; i++)
        {
            using var cli = start();
            if (i % 2 == 0) await cli.SaysAsync("copying");
            await Task.Delay(random.Next(i % 2 == 0 ? 700 : 1500), TestContext.Current.CancellationToken);
            await cli.SignalAsync("KILL");
            await cli.ExitAsync();
            await CliProcess.NothingRunsAsync(Temp);
        }
    }

    private async Task AllVerifyAsync(string vault, KeyValuePair<string, string>[] environment, int count)
    {
        using var list = CliProcess.Start(Temp, environment, "list", "--vault", vault, "--output", "json");
        Assert.Equal(0, await list.ExitAsync());
        var ids = System.Text.RegularExpressions.Regex.Matches(await list.Output, "signal_[0-9]{8}T[0-9]{6}Z\"").Select(m => m.Value.TrimEnd('"')).Distinct().ToList();
        Assert.Equal(count, ids.Count);
        Assert.True(count >= 2);
        foreach (var id in ids)
        {
            using var verify = CliProcess.Start(Temp, environment, "verify", id, "--vault", vault, "--no-record");
            Assert.True(await verify.ExitAsync() == 0, verify.Error);
        }
    }

    private IReadOnlyList<string> Objects() => Directory.Exists(Vault)
        ? [.. Directory.EnumerateFiles(Vault, "*", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(Vault, f)).Where(f => !f.StartsWith(".partial/", StringComparison.Ordinal))]
        : [];
}
