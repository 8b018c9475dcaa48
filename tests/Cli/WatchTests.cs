using System.Text.Json;
using Backup.Core.Machine;
using Backup.Tests.Support;

namespace Backup.Cli.Tests;

/// <summary>What a person sees of the watch, and what leaves the machine.</summary>
public sealed class WatchTests(PostgresFixture postgres) : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("backup-watch-").FullName;
    private readonly Dictionary<string, string> _variables = new(StringComparer.Ordinal);
    private readonly ManualClock _clock = new(DateTimeOffset.UtcNow);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task From_nothing_to_safe_to_missed_to_safe_with_one_page_and_one_resolve()
    {
        await using var source = await postgres.CreatePasswordDatabaseAsync("watched");
        await using var pager = new HttpCatcher();
        await using var heart = new HttpCatcher();
        _variables["DATABASE_URL"] = source.Url;
        _variables["PAGER"] = $"{pager.Address}?routing_key=hunter2hunter2hunter2";
        _variables["HEART"] = $"{heart.Address}beat/hunter2";
        // Half a day away, so that nothing falls due while the test runs.
        await File.WriteAllTextAsync(Path.Combine(_folder, "policy.yaml"), $$"""
            project: bloom
            environment: test
            vault: vault
            databases: [{ name: bloom, url: "${DATABASE_URL}", schedule: "0 {{(_clock.Now.Hour + 12) % 24}} * * *" }]
            notify: { pagerDuty: "${PAGER}", heartbeat: "${HEART}" }

            """, TestContext.Current.CancellationToken);
        Directory.CreateDirectory(Path.Combine(_folder, "vault"));

        var (exit, output, _) = await Run("watch", "--policy", "policy.yaml", "--notify", "told.json");
        Assert.Equal((4, """
            AT RISK  bloom: no backup, never proven

            bloom
              critical [backup.none] there is no complete backup of bloom
                → Run `backup run --database bloom` now; if it fails, `backup doctor --database bloom`.

            """), (exit, output));
        Assert.Empty(heart.Requests);

        Assert.Equal(0, (await Run("run", "--policy", "policy.yaml", "--metrics", "figures.jsonl")).Exit);
        (exit, output, _) = await Run("watch", "--policy", "policy.yaml", "--notify", "told.json");
        Assert.Equal(0, exit);
        Assert.Matches(@"^SAFE     bloom: last backup \d{4}-\d\d-\d\d \d\d:\d\dZ \(0 h ago, 24\.5 h allowed\), never proven\n", output);
        Assert.Equal(["trigger", "resolve"], pager.Requests.Select(Action));
        Assert.Equal("/beat/hunter2", Assert.Single(heart.Requests).Path);

        _clock.Advance(TimeSpan.FromDays(2));
        for (var i = 0; i < 2; i++) Assert.Equal(4, (await Run("watch", "--policy", "policy.yaml", "--notify", "told.json", "--metrics", "figures.jsonl")).Exit);
        Assert.Equal(["trigger", "resolve", "trigger", "trigger"], pager.Requests.Select(Action)); // old and missed, once each
        Assert.Single(heart.Requests);
        var figures = await File.ReadAllLinesAsync(Path.Combine(_folder, "figures.jsonl"), TestContext.Current.CancellationToken);
        Assert.Contains("\"metric\":\"BackupSuccess\",\"unit\":\"Count\",\"value\":1,\"environment\":\"test\",\"database\":\"bloom\"", figures[0], StringComparison.Ordinal);
        Assert.Equal(2, figures.Count(l => l.Contains("\"BackupAge\"", StringComparison.Ordinal)));

        (exit, output, _) = await Run("watch", "--policy", "policy.yaml", "--output", "json");
        using var json = JsonDocument.Parse(output);
        var state = json.RootElement.GetProperty("databases")[0];
        Assert.Equal((4, false, 2), (exit, state.GetProperty("safe").GetBoolean(), state.GetProperty("missed").GetArrayLength()));
        Assert.Equal("backup.old", state.GetProperty("findings")[0].GetProperty("code").GetString());
    }

    [Fact]
    public async Task A_channel_that_cannot_be_used_is_known_before_it_is_needed()
    {
        const string Policy = "project: p\nenvironment: test\nvault: vault\ndatabases: [{ name: a, url: \"${A}\" }]\nnotify: { slack: \"${SLACK}\" }\n";
        await File.WriteAllTextAsync(Path.Combine(_folder, "policy.yaml"), Policy, TestContext.Current.CancellationToken);
        var (exit, _, error) = await Run("watch", "--policy", "policy.yaml", "--notify", "told.json");
        Assert.Equal((2, "error: notify.slack names the environment variable SLACK, which is not set [usage] → Set SLACK, or remove notify.slack from the policy.\n"), (exit, error));
        Assert.Equal(2, (await Run("watch", "--vault", "vault")).Exit);
        Assert.Equal(2, (await Run("watch", "--policy", "policy.yaml", "--database", "b")).Exit);
        Assert.Equal(2, (await Run("watch", "--policy", "policy.yaml", "--metrics", "emf", "--output", "json")).Exit);
    }

    [Fact]
    public async Task A_vault_that_is_not_there_is_at_risk_and_a_webhook_that_is_down_is_a_warning()
    {
        var slack = new HttpCatcher();
        for (var i = 0; i < 5; i++) slack.Answers.Enqueue(403);
        _variables["SLACK"] = new Uri(slack.Address, "hunter2").ToString();
        await File.WriteAllTextAsync(Path.Combine(_folder, "policy.yaml"),
            "project: p\nenvironment: test\nvault: nowhere\ndatabases: [{ name: a, url: \"${A}\", schedule: \"0 2 * * *\" }]\nnotify: { slack: \"${SLACK}\" }\n", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(Path.Combine(_folder, "nowhere"), "a file, not a folder", TestContext.Current.CancellationToken);
        var (exit, output, error) = await Run("watch", "--policy", "policy.yaml", "--notify", "told.json");
        await slack.DisposeAsync();
        Assert.Equal(4, exit);
        Assert.Contains("critical [", output, StringComparison.Ordinal);
        Assert.Matches(@"warning: Slack: \S+ of a was not delivered: Slack answered 403; the next watch tries again", error);
    }

    private static string Action(CaughtRequest request)
    {
        using var body = JsonDocument.Parse(request.Body);
        return body.RootElement.GetProperty("event_action").GetString()!;
    }

    private async Task<(int Exit, string Output, string Error)> Run(params string[] args)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var machine = postgres.Machine with { WorkingFolder = _folder, Variables = new Dictionary<string, string>(postgres.Machine.Variables.Concat(_variables)) };
        var exit = await Program.RunAsync(args, () => machine, _clock, output, error);
        Assert.DoesNotContain("hunter2", output.ToString() + error, StringComparison.Ordinal);
        return (exit, output.ToString(), error.ToString());
    }
}
