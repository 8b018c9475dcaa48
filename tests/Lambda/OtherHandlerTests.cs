using System.Net;
using Amazon.CloudWatch.Model;
using Amazon.SimpleNotificationService;
using Backup.Core.Model;
using Backup.Lambda.Events;
using Backup.Lambda.Handlers;
using Backup.Tests.Support;

namespace Backup.Lambda.Tests;

/// <summary>Incremental, Verify, Watch and Prune: each on a real vault, with the events that AWS sends.</summary>
public sealed class OtherHandlerTests(PostgresFixture postgres, CloudFixture cloud)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_backup_is_verified_completed_by_an_increment_and_each_is_counted_once()
    {
        await using var source = await postgres.CreateDatabaseAsync();
        await Database.SqlAsync(source.Url, "CREATE TABLE ledger (id bigint PRIMARY KEY, note text); INSERT INTO ledger SELECT i, 'x' FROM generate_series(1, 1000) i");
        await using var deployed = await Deployment.MakeAsync(cloud, source.Url,
            """ "criticalTables":[{"table":"public.ledger","key":"id","watermark":"id","every":"6h"}] """, """ "retention":{"daily":"30d","incremental":"8w"} """);
        Assert.Equal(DumpResult.Committed, (await deployed.DumpAsync(Deployment.Scheduled())).Outcome);

        var verified = await deployed.Functions.Verify(Deployment.Json("""{"database":"shop","backup":"latest","level":"archive","scheduledTime":"2026-03-01T05:00:00Z"}"""), Deployment.Context());
        Assert.Equal((VerifyEventResult.Passed, "shop_20260301T020000Z"), (verified.Outcome, verified.Id));
        Assert.Equal(Verdict.Pass, Assert.Single((await deployed.BackupsAsync()).Single().Results).Verdict);

        await Database.SqlAsync(source.Url, "INSERT INTO ledger SELECT i, 'y' FROM generate_series(1001, 1100) i");
        const string Increment = """{"database":"shop","kind":"incremental","scheduledTime":"2026-03-01T08:00:00Z"}""";
        var first = await deployed.Functions.Incremental(Deployment.Json(Increment), Deployment.Context());
        var second = await deployed.Functions.Incremental(Deployment.Json(Increment), Deployment.Context());
        Assert.True(first.Outcome == IncrementalResult.Committed, deployed.Log);
        Assert.Equal(verified.Id, first.Base);
        Assert.InRange(first.Rows!.Value, 100, 1100);
        Assert.Equal(IncrementalResult.NothingToDo, second.Outcome);
        Assert.Equal([1], await deployed.MetricAsync("IncrementalSuccess"));

        const string Drill = """{"database":"shop","backup":"latest","level":"restore","scheduledTime":"2026-03-01T09:00:00Z"}""";
        var given = await deployed.Functions.Verify(Deployment.Json(Drill), Deployment.Context());
        Assert.Equal(VerifyEventResult.HandedOver, given.Outcome);
        var (code, drilled, output) = await deployed.RunTaskAsync(Assert.Single(await cloud.TasksAsync(deployed.TaskDefinition)));
        Assert.True(code == 0, output);
        Assert.Equal((VerifyEventResult.Passed, verified.Id), ((string?)drilled["outcome"], (string?)drilled["id"]));
        Assert.Equal([1], await deployed.MetricAsync("DrillSuccess"));

        var damaged = (await deployed.BackupsAsync()).Single(b => b.Tier != Tier.Incremental).Manifest!.Artifacts[0].Key;
        await cloud.Moto.Client.PutObjectAsync(new Amazon.S3.Model.PutObjectRequest { BucketName = deployed.VaultBucket, Key = damaged, ContentBody = "something else" }, Cancel);
        var different = await deployed.Functions.Verify(Deployment.Json("""{"database":"shop"}"""), Deployment.Context());
        Assert.Equal(VerifyEventResult.Different, different.Outcome);
        Assert.Contains(different.Findings!, f => f.Subject == damaged);
    }

    [Fact]
    public async Task A_drill_applies_the_erasures_of_the_deployed_policy_and_a_dump_names_them_only()
    {
        await using var source = await postgres.CreateDatabaseAsync();
        await Database.SqlAsync(source.Url, "CREATE TABLE people (id int PRIMARY KEY, note text); INSERT INTO people SELECT i, 'x' FROM generate_series(1, 100) i");
        const string Left = "\"checks\":[{\"name\":\"left\",\"sql\":\"select count(*) from people\",\"equals\":\"99\"}]";
        await using var deployed = await Deployment.MakeAsync(cloud, source.Url, $"{Left}, \"afterRestore\":\"sql/erasures.sql\"", files: new Dictionary<string, string> { ["sql/erasures.sql"] = "DELETE FROM people WHERE id = 42" });
        Assert.Equal(DumpResult.Committed, (await deployed.DumpAsync(Deployment.Scheduled())).Outcome);
        Assert.Equal("erasures.sql", (await deployed.BackupsAsync()).Single().Manifest!.AfterRestore);
        await deployed.Functions.Verify(Deployment.Json("""{"database":"shop","level":"restore"}"""), Deployment.Context());
        var (code, drilled, output) = await deployed.RunTaskAsync(Assert.Single(await cloud.TasksAsync(deployed.TaskDefinition)));
        Assert.True(code == 0, output);
        Assert.Equal(VerifyEventResult.Passed, (string?)drilled["outcome"]);
    }

    [Fact]
    public async Task Watch_publishes_ages_starts_prune_sends_the_test_page_and_beats_only_while_all_is_well()
    {
        await using var heart = new Heart();
        await using var source = await postgres.CreateDatabaseAsync();
        var alarm = $"test-page-{Guid.NewGuid():n}";
        using var metrics = cloud.Metrics;
        await metrics.PutMetricAlarmAsync(new PutMetricAlarmRequest
        {
            AlarmName = alarm, Namespace = "Backup", MetricName = "Nothing", Statistic = "Sum", Period = 60, EvaluationPeriods = 1, Threshold = 1, ComparisonOperator = "GreaterThanThreshold",
        }, Cancel);
        await cloud.NothingFunctionAsync();
        await using var deployed = await Deployment.MakeAsync(cloud, source.Url, """ "schedule":"0 2 * * *" """,
            """ "retention":{"daily":"30d"}, "notify":{"heartbeat":"${HEARTBEAT_URL}"} """,
            new Dictionary<string, string> { ["HEARTBEAT_URL"] = heart.Url, [WatchHandler.PruneFunctionVariable] = "nothing", [WatchHandler.TestAlarmVariable] = alarm });

        var before = await deployed.Functions.Watch(Deployment.Json("""{"kind":"hourly","scheduledTime":"2026-03-01T07:00:00Z"}"""), Deployment.Context());
        Assert.Equal((WatchResult.AtRisk, 0), (before.Outcome, heart.Beats));
        Assert.Empty(before.Did!);
        Assert.Contains(before.Databases!.Single().Findings, f => f.Code == "backup.none");
        Assert.Equal([1], await deployed.MetricAsync("WatchCritical"));
        Assert.Empty(await deployed.MetricAsync("WatchTouched")); // judged once a day

        await deployed.DumpAsync(Deployment.Scheduled(LastTwoOClock()));
        var after = await deployed.Functions.Watch(Deployment.Json("""{"kind":"hourly","scheduledTime":"2026-03-01T00:00:00Z"}"""), Deployment.Context());
        Assert.True(after.Outcome == WatchResult.Safe, deployed.Log);
        var page = $"reports/report-{deployed.Environment}-2026-02.html";
        Assert.Equal(["started Prune", "sent the test page", "heartbeat", $"reported s3://{deployed.ConfigBucket}/{page}"], after.Did);
        var html = await ReadAsync(deployed.ConfigBucket, page);
        Assert.Contains("February 2026", html, StringComparison.Ordinal);
        Assert.Contains($"\"environment\":\"{deployed.Environment}\"", (await ReadAsync(deployed.ConfigBucket, page.Replace(".html", ".json", StringComparison.Ordinal))).Replace(" ", "", StringComparison.Ordinal), StringComparison.Ordinal);
        var again = await deployed.Functions.Watch(Deployment.Json("""{"kind":"daily","scheduledTime":"2026-03-01T00:00:00Z"}"""), Deployment.Context());
        Assert.DoesNotContain(again.Did!, d => d.StartsWith("reported", StringComparison.Ordinal)); // what was reported stays
        Assert.Equal(html, await ReadAsync(deployed.ConfigBucket, page));
        Assert.Equal(2, heart.Beats);
        Assert.InRange((await deployed.MetricAsync("BackupAge")).First(), 0, 1);
        var state = (await metrics.DescribeAlarmsAsync(new DescribeAlarmsRequest { AlarmNames = [alarm] }, Cancel)).MetricAlarms.Single().StateValue;
        Assert.Equal("ALARM", state.Value);
        Assert.Equal((1, 0), ((await deployed.MetricAsync("WatchCritical")).Sum(), (await deployed.MetricAsync("WatchTouched")).Sum()));
        Assert.NotEmpty(await deployed.MetricAsync("WatchTouched"));
    }

    [Fact]
    public async Task An_expiry_without_a_tombstone_is_told_at_once_and_one_with_it_is_not()
    {
        await using var source = await postgres.CreateDatabaseAsync();
        await using var deployed = await Deployment.MakeAsync(cloud, source.Url);
        await deployed.DumpAsync(Deployment.Scheduled());
        var prefix = (await deployed.BackupsAsync()).Single().Prefix;
        await cloud.Moto.Client.DeleteObjectAsync(deployed.VaultBucket, $"{prefix}manifest.json", Cancel); // as lifecycle does: a delete marker
        Task<WatchResult> Tell(string key) => deployed.Functions.Watch(Deployment.Json($$"""{"kind":"expiry","key":"{{key}}"}"""), Deployment.Context());

        var unexplained = await Tell($"{prefix}manifest.json");
        Assert.Equal((WatchResult.AtRisk, "expiry.unexplained"), (unexplained.Outcome, unexplained.Findings!.Single().Code));
        Assert.Equal([1], await deployed.MetricAsync("ExpiryUnexplained"));

        await cloud.Moto.Client.PutObjectAsync(new Amazon.S3.Model.PutObjectRequest { BucketName = deployed.VaultBucket, Key = $"{prefix}expired.json", ContentBody = "{}" }, Cancel);
        Assert.Equal(WatchResult.Safe, (await Tell($"{prefix}manifest.json")).Outcome);
        Assert.Equal(1, (await deployed.MetricAsync("ExpiryUnexplained")).Sum());
        Assert.Equal("usage", (await Tell("something/else.json")).Error?.Code);
    }

    /// <summary>moto confirms every subscription by itself, so SNS's own answer is played.</summary>
    [Theory]
    [InlineData("PendingConfirmation", "PendingConfirmation", "critical")]
    [InlineData("PendingConfirmation", "arn:aws:sns:eu-central-1:1:critical:a-b", "warning")]
    [InlineData("Deleted", "arn:aws:sns:eu-central-1:1:critical:a-b", "warning")]
    [InlineData("Deleted", "Deleted", "critical")]
    [InlineData("arn:aws:sns:eu-central-1:1:critical:c-d", "arn:aws:sns:eu-central-1:1:critical:a-b", null)]
    public async Task An_address_that_has_not_confirmed_is_a_finding_and_a_topic_that_nobody_hears_a_critical_one(string first, string second, string? severity)
    {
        static string Member(string arn, string endpoint) => $"<member><TopicArn>t</TopicArn><Protocol>email</Protocol><SubscriptionArn>{arn}</SubscriptionArn><Owner>1</Owner><Endpoint>{endpoint}</Endpoint></member>";
        await using var catcher = new HttpCatcher
        {
            Body = $"""
                <ListSubscriptionsByTopicResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><ListSubscriptionsByTopicResult><Subscriptions>
                {Member(first, "ops@example.com")}{Member(second, "dba@example.com")}
                </Subscriptions></ListSubscriptionsByTopicResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></ListSubscriptionsByTopicResponse>
                """,
        };
        using var sns = new AmazonSimpleNotificationServiceClient(MotoServer.Credentials, new AmazonSimpleNotificationServiceConfig { ServiceURL = catcher.Address.ToString(), AuthenticationRegion = CloudFixture.Region });
        var machine = Core.Machine.MachineEnvironment.Read() with { Variables = new Dictionary<string, string> { [Aws.Subscribers.TopicsVariable] = "arn:aws:sns:eu-central-1:1:critical" } };

        var findings = await new Aws.Subscribers(machine, sns).JudgeAsync(Cancel);

        Assert.Equal(severity, findings.Select(f => Words.Of(f.Severity)).FirstOrDefault());
        Assert.All(findings, f => Assert.Equal(("notice.unconfirmed", "critical"), (f.Code, f.Subject)));
        Assert.Equal(new[] { first, second }.Count(s => !s.StartsWith("arn:", StringComparison.Ordinal)), findings.Count);
        Assert.Contains("Action=ListSubscriptionsByTopic", Assert.Single(catcher.Requests).Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Prune_says_what_it_keeps_and_counts_what_it_ends_and_a_policy_without_retention_ends_nothing()
    {
        await using var source = await postgres.CreateDatabaseAsync();
        await using var deployed = await Deployment.MakeAsync(cloud, source.Url, policy: """ "retention":{"daily":"30d"} """);
        await deployed.DumpAsync(Deployment.Scheduled());

        var dry = await deployed.Functions.Prune(Deployment.Json("""{"dryRun":true}"""), Deployment.Context());
        Assert.Equal((PruneResult.Done, 1, true), (dry.Outcome, dry.Databases!.Single().Kept, dry.Databases!.Single().DryRun));
        Assert.Empty(await deployed.MetricAsync("PruneExpired"));
        var real = await deployed.Functions.Prune(Deployment.Json("""{"database":"shop"}"""), Deployment.Context());
        Assert.Equal((PruneResult.Done, 0), (real.Outcome, real.Databases!.Single().Expired)); // the last one is never ended
        Assert.Equal([0], await deployed.MetricAsync("PruneExpired"));
        Assert.Equal([1], await deployed.MetricAsync("PruneSuccess"));

        await using var without = await Deployment.MakeAsync(cloud, source.Url);
        var refused = await without.Functions.Prune(Deployment.Json("{}"), Deployment.Context());
        Assert.Equal((PruneResult.Failed, "policy.invalid"), (refused.Outcome, refused.Error?.Code));
    }

    private async Task<string> ReadAsync(string bucket, string key)
    {
        using var answer = await cloud.Moto.Client.GetObjectAsync(bucket, key, Cancel);
        using var reader = new StreamReader(answer.ResponseStream);
        return await reader.ReadToEndAsync(Cancel);
    }

    private static string LastTwoOClock()
    {
        var now = DateTimeOffset.UtcNow;
        var two = new DateTimeOffset(now.Year, now.Month, now.Day, 2, 0, 0, TimeSpan.Zero);
        return $"{(two > now ? two.AddDays(-1) : two):yyyy-MM-ddTHH:mm:ssZ}";
    }

    private sealed class Heart : IAsyncDisposable
    {
        private readonly HttpListener _listener = new();
        private readonly Task _serving;

        public Heart()
        {
            Url = $"http://127.0.0.1:{RuntimeApi.FreePort()}/beat";
            _listener.Prefixes.Add(Url + "/");
            _listener.Start();
            _serving = ServeAsync();
        }

        public string Url { get; }
        public int Beats { get; private set; }

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
                    Beats++;
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
