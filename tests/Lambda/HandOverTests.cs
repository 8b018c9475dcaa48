using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Backup.Core.Model;
using Backup.Lambda.Events;
using Backup.Lambda.Hosting;
using Backup.Tests.Support;

namespace Backup.Lambda.Tests;

/// <summary>A run that a function cannot finish goes to a task, once, and ends as one backup.</summary>
public sealed class HandOverTests(PostgresFixture postgres, CloudFixture cloud)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_dump_that_meets_its_deadline_leaves_nothing_is_handed_over_and_ends_as_exactly_one_backup()
    {
        await using var source = await postgres.CreatePasswordDatabaseAsync("deadline");
        await Database.SqlAsync(source.Url, "CREATE TABLE held AS SELECT generate_series(1, 100) AS i");
        await using var deployed = await Deployment.MakeAsync(cloud, source.Url);
        await using var holder = await Database.OpenAsync(source.Url);
        await using (var hold = new Npgsql.NpgsqlCommand("BEGIN; LOCK TABLE held IN ACCESS EXCLUSIVE MODE", holder)) await hold.ExecuteNonQueryAsync(Cancel);

        var given = await deployed.DumpAsync(Deployment.Scheduled(), Invocation.Reserve + TimeSpan.FromSeconds(6));

        Assert.Equal(DumpResult.HandedOver, given.Outcome);
        Assert.Empty(await deployed.RemainsAsync());
        Assert.Empty(await deployed.MetricAsync("BackupSuccess"));
        var task = Assert.Single(await cloud.TasksAsync(deployed.TaskDefinition));
        Assert.Equal("Dump", task[Settings.HandlerVariable]);
        var json = JsonNode.Parse(task[Settings.EventVariable])!;
        Assert.Equal(("shop", "2026-03-01T02:00:00Z", true), ((string)json["database"]!, (string)json["scheduledTime"]!, (bool)json["handedOver"]!));

        // Lambda's own retry, and a task that meets a deadline of its own: nothing is given away a second time.
        var again = await deployed.DumpAsync(task[Settings.EventVariable], Invocation.Reserve + TimeSpan.FromSeconds(3));
        Assert.Equal((DumpResult.Failed, "cancelled"), (again.Outcome, again.Error?.Code));
        Assert.Single(await cloud.TasksAsync(deployed.TaskDefinition));
        Assert.Equal([0], await deployed.MetricAsync("BackupSuccess"));

        await using (var release = new Npgsql.NpgsqlCommand("ROLLBACK", holder)) await release.ExecuteNonQueryAsync(Cancel);
        var (code, result, output) = await deployed.RunTaskAsync(task);
        Assert.True(code == 0, output);
        Assert.Equal((DumpResult.Committed, "shop_20260301T020000Z"), ((string)result["outcome"]!, (string)result["id"]!));
        Assert.DoesNotContain(PasswordServer.Password, output, StringComparison.Ordinal);
        Assert.Equal(DumpResult.NothingToDo, (await deployed.DumpAsync(Deployment.Scheduled())).Outcome);
        Assert.Single(await deployed.BackupsAsync());
    }

    [Fact]
    public async Task The_policy_can_send_every_run_to_a_task_before_anything_is_read()
    {
        await using var deployed = await Deployment.MakeAsync(cloud, "postgres://nobody@127.0.0.1:1/none", """ "runner":"fargate" """);

        var result = await deployed.DumpAsync("""{"database":"shop","kind":"manual"}""");

        Assert.Equal(DumpResult.HandedOver, result.Outcome);
        Assert.StartsWith("arn:aws:ecs:", result.Task, StringComparison.Ordinal);
        var task = Assert.Single(await cloud.TasksAsync(deployed.TaskDefinition));
        Assert.NotNull((string?)JsonNode.Parse(task[Settings.EventVariable])!["requestId"]); // Lambda's, so that its retry is the same request
    }

    [Fact]
    public async Task A_host_that_has_only_ipv6_is_left_to_a_task()
    {
        await using var deployed = await Deployment.MakeAsync(cloud, "postgres://nobody@[::1]:1/none");
        var result = await deployed.DumpAsync(Deployment.Scheduled());
        Assert.Equal(DumpResult.HandedOver, result.Outcome);
        Assert.Contains("IPv6", result.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_task_that_found_no_place_is_asked_for_again_under_the_same_token()
    {
        await using var ecs = new ScriptedEcs(failures: 2);
        await using var deployed = await Deployment.MakeAsync(cloud, "postgres://nobody@127.0.0.1:1/none", """ "runner":"fargate" """,
            more: new Dictionary<string, string> { ["AWS_ENDPOINT_URL_ECS"] = ecs.Url }, clock: new HurriedClock());

        var result = await deployed.DumpAsync(Deployment.Scheduled());

        Assert.Equal((DumpResult.HandedOver, "arn:aws:ecs:task/1"), (result.Outcome, result.Task));
        Assert.Equal(3, ecs.Requests.Count);
        var request = Assert.Single(ecs.Requests.Select(r => r.ToJsonString()).Distinct());
        Assert.Equal(64, ((string)JsonNode.Parse(request)!["clientToken"]!).Length);
        Assert.Contains("\"assignPublicIp\":\"ENABLED\"", request, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_task_that_never_finds_a_place_is_a_failure_that_lambda_tries_again()
    {
        await using var ecs = new ScriptedEcs(failures: int.MaxValue);
        await using var deployed = await Deployment.MakeAsync(cloud, "postgres://nobody@127.0.0.1:1/none", """ "runner":"fargate" """,
            more: new Dictionary<string, string> { ["AWS_ENDPOINT_URL_ECS"] = ecs.Url }, clock: new HurriedClock());

        var error = await Assert.ThrowsAsync<BackupException>(() => deployed.DumpAsync(Deployment.Scheduled()));

        Assert.Equal((ErrorCode.RunnerUnavailable, true), (error.Code, error.IsTransient));
        Assert.Contains("Capacity is unavailable", error.Message, StringComparison.Ordinal);
        Assert.Equal([0], await deployed.MetricAsync("BackupSuccess"));
    }

    /// <summary>What a good ECS never does on demand: it answers 200 with a failure inside.</summary>
    private sealed class ScriptedEcs : IAsyncDisposable
    {
        private readonly HttpListener _listener = new();
        private readonly Task _serving;
        private int _failures;

        public ScriptedEcs(int failures)
        {
            _failures = failures;
            Url = $"http://127.0.0.1:{RuntimeApi.FreePort()}";
            _listener.Prefixes.Add(Url + "/");
            _listener.Start();
            _serving = ServeAsync();
        }

        public string Url { get; }
        public List<JsonNode> Requests { get; } = [];

        public async ValueTask DisposeAsync()
        {
            _listener.Close();
            await _serving;
        }

        private async Task ServeAsync()
        {
            try
            {
                while (true)
                {
                    var context = await _listener.GetContextAsync();
                    Requests.Add((await JsonNode.ParseAsync(context.Request.InputStream))!);
                    var answer = _failures-- > 0
                        ? """{"tasks":[],"failures":[{"reason":"Capacity is unavailable at this time"}]}"""
                        : """{"tasks":[{"taskArn":"arn:aws:ecs:task/1"}],"failures":[]}""";
                    await context.Response.OutputStream.WriteAsync(Encoding.UTF8.GetBytes(answer));
                    context.Response.Close();
                }
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
            {
                // the test is over
            }
        }
    }
}
