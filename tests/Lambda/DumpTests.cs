using System.Text.Json.Nodes;
using Backup.Core.Model;
using Backup.Lambda.Events;
using Backup.Lambda.Hosting;
using Backup.Tests.Support;

namespace Backup.Lambda.Tests;

/// <summary>One event, one backup: whatever the delivery, the deadline or the caller does.</summary>
public sealed class DumpTests(PostgresFixture postgres, CloudFixture cloud)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_scheduled_event_makes_one_backup_however_often_it_is_delivered()
    {
        await using var source = await postgres.CreatePasswordDatabaseAsync("shop");
        await Database.SqlAsync(source.Url, "CREATE TABLE orders AS SELECT i, repeat('x', 300) AS note FROM generate_series(1, 5000) i");
        await using var deployed = await Deployment.MakeAsync(cloud, source.Url, policy: """ "retention":{"daily":"30d"}, "lock":"governance" """);

        var first = await deployed.DumpAsync(Deployment.Scheduled());
        var second = await deployed.DumpAsync(Deployment.Scheduled());

        Assert.Equal((DumpResult.Committed, "shop_20260301T020000Z", 5000L), (first.Outcome, first.Id, first.Rows));
        Assert.Equal((DumpResult.NothingToDo, first.Id), (second.Outcome, second.Id));
        var backup = Assert.Single(await deployed.BackupsAsync());
        Assert.Equal((BackupKind.Scheduled, Tier.Daily), (backup.Manifest!.Kind, backup.Tier));
        Assert.Equal([1], await deployed.MetricAsync("BackupSuccess"));
        Assert.Equal([first.StoredBytes!.Value], await deployed.MetricAsync("BackupSize"));
        Assert.Equal([5000], await deployed.MetricAsync("BackupRows"));
        var lines = deployed.Log.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonNode.Parse(l)!).ToList();
        Assert.Contains(lines, l => (string?)l["message"] == "committed" && (string?)l["id"] == first.Id && (string?)l["database"] == "shop" && (long?)l["rows"] == 5000);
        Assert.All(lines, l => Assert.NotNull((string?)l["requestId"]));
        Assert.DoesNotContain(PasswordServer.Password, deployed.Log, StringComparison.Ordinal);
        Assert.DoesNotContain(Uri.EscapeDataString(PasswordServer.Password), deployed.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_request_by_hand_makes_one_backup_and_pre_deploy_names_its_release()
    {
        await using var source = await postgres.CreateDatabaseAsync();
        await using var deployed = await Deployment.MakeAsync(cloud, source.Url);
        const string Json = """{"database":"shop","kind":"pre-deploy","requestId":"deploy-4711","commit":"abc123","ref":"main"}""";

        var first = await deployed.DumpAsync(Json);
        var second = await deployed.DumpAsync(Json);
        var other = await deployed.DumpAsync("""{"database":"shop","kind":"manual","requestId":"by-hand"}""");

        Assert.Equal([DumpResult.Committed, DumpResult.NothingToDo, DumpResult.Committed], [first.Outcome, second.Outcome, other.Outcome]);
        Assert.Equal(first.Id, second.Id);
        var manifest = (await deployed.BackupsAsync()).Single(b => b.Tier == Tier.PreDeploy).Manifest!;
        Assert.Equal(("deploy-4711", new Core.Model.Deployment("abc123", "main").ToString()), (manifest.RequestId, manifest.Deployment!.ToString()));
    }

    [Theory]
    [InlineData("""{"database":"shop","kind":"scheduled","sheduledTime":"2026-03-01T02:00:00Z"}""", "\"sheduledTime\"", "scheduledTime")]
    [InlineData("""{"database":"nope","kind":"scheduled","scheduledTime":"2026-03-01T02:00:00Z"}""", "\"nope\"", "shop")]
    [InlineData("""{"database":"shop","kind":"nightly","scheduledTime":"2026-03-01T02:00:00Z"}""", "\"nightly\"", "scheduled")]
    [InlineData("""{"database":"shop","kind":"scheduled","scheduledTime":"<aws.scheduler.scheduled-time>"}""", "not a time", "2026-03-01T02:00:00Z")]
    [InlineData("""{"database":"shop","kind":"manual","scheduledTime":"2026-03-01T02:00:00Z"}""", "no scheduledTime", "requestId")]
    [InlineData("""{"database":7,"kind":"manual"}""", "database", "requestId")]
    [InlineData("[]", "not an object", "database")]
    public async Task A_wrong_event_is_a_failed_result_that_names_what_is_known(string json, string says, string names)
    {
        await using var deployed = await Deployment.MakeAsync(cloud, "postgres://nobody:secret@127.0.0.1:1/none");

        var result = await deployed.DumpAsync(json);

        Assert.Equal((DumpResult.Failed, "usage"), (result.Outcome, result.Error?.Code));
        Assert.Contains(says, result.Error!.Message, StringComparison.Ordinal);
        Assert.Contains(names, result.Error.NextStep, StringComparison.Ordinal);
        Assert.Empty(await deployed.RemainsAsync());
    }

    [Fact]
    public async Task A_policy_that_was_changed_behind_the_deployment_is_refused()
    {
        var wrong = new Dictionary<string, string> { [Settings.PolicySha256Variable] = new('0', 64) };
        await using var deployed = await Deployment.MakeAsync(cloud, "postgres://nobody@127.0.0.1:1/none", more: wrong);

        var result = await deployed.DumpAsync(Deployment.Scheduled());

        Assert.Equal((DumpResult.Failed, "policy.invalid"), (result.Outcome, result.Error?.Code));
        Assert.Contains("SHA-256", result.Error!.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_policy_that_cannot_be_read_counts_as_a_failure_of_the_databases_own_functions()
    {
        var broken = new Dictionary<string, string> { [Settings.PolicyKeyVariable] = "policy/gone.json", [Settings.DatabaseVariable] = Deployment.Database };
        await using var deployed = await Deployment.MakeAsync(cloud, "postgres://nobody@127.0.0.1:1/none", more: broken);

        Assert.Equal("vault.missing", (await deployed.DumpAsync(Deployment.Scheduled())).Error?.Code);
        Assert.Equal("vault.missing", (await deployed.Functions.Incremental(Deployment.Json("""{"database":"shop"}"""), Deployment.Context())).Error?.Code);
        var drill = await deployed.Functions.Verify(Deployment.Json("""{"database":"shop","level":"restore","scheduledTime":"2026-03-01T09:00:00Z"}"""), Deployment.Context());
        Assert.Equal("vault.missing", drill.Error?.Code);
        foreach (var metric in (string[])["BackupSuccess", "IncrementalSuccess", "DrillSuccess"]) Assert.Equal([0], await deployed.MetricAsync(metric));

        await deployed.DumpAsync("""{"database":"other","kind":"manual"}"""); // nobody's backup has failed
        Assert.Empty(await cloud.MetricAsync("BackupSuccess", deployed.Environment, "other"));
    }

    [Fact]
    public async Task With_a_key_per_database_everything_that_a_run_stores_lies_under_it()
    {
        const string Key = "arn:aws:kms:eu-central-1:123456789012:key/shop";
        await using var source = await postgres.CreateDatabaseAsync();
        await using var deployed = await Deployment.MakeAsync(cloud, source.Url, more: new Dictionary<string, string> { [Settings.KmsKeyVariable] = Key });

        Assert.Equal(DumpResult.Committed, (await deployed.DumpAsync(Deployment.Scheduled())).Outcome);

        var keys = await deployed.RemainsAsync();
        Assert.NotEmpty(keys);
        foreach (var key in keys) Assert.Equal(Key, (await cloud.Moto.Client.GetObjectMetadataAsync(deployed.VaultBucket, key, Cancel)).ServerSideEncryptionKeyManagementServiceKeyId);
    }

    [Fact]
    public async Task The_bucket_alone_is_enough_for_a_restore_when_policy_secret_and_functions_are_lost()
    {
        await using var source = await postgres.CreateDatabaseAsync();
        await using var target = await postgres.CreateDatabaseAsync();
        await Database.SqlAsync(source.Url, "CREATE TABLE orders AS SELECT i, 'x' AS note FROM generate_series(1, 500) i");
        await using var deployed = await Deployment.MakeAsync(cloud, source.Url);
        Assert.Equal(DumpResult.Committed, (await deployed.DumpAsync(Deployment.Scheduled())).Outcome);
        var config = await cloud.Moto.Client.ListObjectsV2Async(new() { BucketName = deployed.ConfigBucket }, Cancel);
        foreach (var item in config.S3Objects) await cloud.Moto.Client.DeleteObjectAsync(deployed.ConfigBucket, item.Key, Cancel);
        using (var secrets = cloud.Secrets) await secrets.DeleteSecretAsync(new() { SecretId = deployed.Secret, ForceDeleteWithoutRecovery = true }, Cancel);

        await using var restore = ChildProcess.Start(typeof(Cli.Program).Assembly.Location, cloud.Variables, null,
            "restore", "latest", "--vault", $"s3://{deployed.VaultBucket}", "--database", Deployment.Database, "--target", target.Url);

        Assert.True(await restore.ExitAsync() == 0, restore.Output + restore.Error);
        Assert.Equal(500, await Database.ScalarAsync<long>(target.Url, "SELECT count(*) FROM orders"));
    }

    [Fact]
    public async Task A_function_of_one_database_refuses_another_and_an_empty_secret_says_how_to_fill_it()
    {
        await using var deployed = await Deployment.MakeAsync(cloud, url: null, more: new Dictionary<string, string> { [Settings.DatabaseVariable] = "other" });
        Assert.Equal("usage", (await deployed.DumpAsync(Deployment.Scheduled())).Error!.Code);

        await using var own = await Deployment.MakeAsync(cloud, url: null, more: new Dictionary<string, string> { [Settings.DatabaseVariable] = "shop" });
        var result = await own.DumpAsync(Deployment.Scheduled());
        Assert.Equal("secret.unusable", result.Error!.Code);
        Assert.Contains($"backup secret set {own.Secret}", result.Error.NextStep, StringComparison.Ordinal);
        Assert.Equal([0], await own.MetricAsync("BackupSuccess"));
    }

    [Fact]
    public async Task A_database_that_does_not_answer_is_thrown_for_a_retry_and_counted()
    {
        await using var deployed = await Deployment.MakeAsync(cloud, "postgres://nobody:planted-secret@127.0.0.1:1/none");

        var error = await Assert.ThrowsAsync<BackupException>(() => deployed.DumpAsync(Deployment.Scheduled()));

        Assert.True(error.IsTransient);
        Assert.Equal([0], await deployed.MetricAsync("BackupSuccess"));
        Assert.DoesNotContain("planted-secret", deployed.Log + error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_delivery_while_the_same_backup_is_running_is_skipped_and_not_counted()
    {
        await using var source = await postgres.CreateDatabaseAsync();
        await Database.SqlAsync(source.Url, "CREATE TABLE held (i int)");
        await using var deployed = await Deployment.MakeAsync(cloud, source.Url, """ "runner":"lambda" """);
        await using var holder = await Database.OpenAsync(source.Url);
        await using (var hold = new Npgsql.NpgsqlCommand("BEGIN; LOCK TABLE held IN ACCESS EXCLUSIVE MODE", holder)) await hold.ExecuteNonQueryAsync(Cancel);

        var running = deployed.DumpAsync(Deployment.Scheduled());
        await WaitForAsync(source.Url, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'");
        var repeated = await deployed.DumpAsync(Deployment.Scheduled());
        Assert.Equal(DumpResult.Skipped, repeated.Outcome);
        Assert.Empty(await deployed.MetricAsync("BackupSuccess"));

        await using (var release = new Npgsql.NpgsqlCommand("ROLLBACK", holder)) await release.ExecuteNonQueryAsync(Cancel);
        Assert.Equal(DumpResult.Committed, (await running).Outcome);
        Assert.Equal([1], await deployed.MetricAsync("BackupSuccess"));
    }

    internal static async Task WaitForAsync(string url, string countSql)
    {
        for (var i = 0; i < 600; i++)
        {
            if (await Database.ScalarAsync<long>(url, countSql) > 0) return;
            await Task.Delay(50, Cancel);
        }

        Assert.Fail($"never true: {countSql}");
    }
}
