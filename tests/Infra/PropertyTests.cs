using System.Globalization;
using System.Text;
using System.Text.Json;
using Backup.Core.Policies;
using Backup.Infra.Settings;

namespace Backup.Infra.Tests;

/// <summary>Random valid policies: each gives a graph, within AWS's limits, and the same names twice.</summary>
public sealed class PropertyTests
{
    private const int Policies = 200;

    [Fact]
    public async Task Two_hundred_random_policies_give_graphs_within_every_limit()
    {
        var random = new Random(20261122);
        for (var n = 0; n < Policies; n++)
        {
            var (yaml, changes) = RandomPolicy(random);
            InfraSettings settings;
            try
            {
                settings = Stacks.With(yaml, changes);
            }
            catch (Core.Model.BackupException e)
            {
                throw new InvalidOperationException($"policy {n} should be valid: {e.Message}\n{yaml}");
            }

            var graph = await Graph.OfAsync(settings);
            Check(graph, n);
            // Read and made again: names come from the policy alone.
            Assert.Equal(Named(graph), Named(await Graph.OfAsync(Stacks.With(yaml, changes))));
        }
    }

    [Fact]
    public async Task The_largest_policy_with_the_longest_names_stays_within_every_limit()
    {
        var name = new string('n', 60);
        var yaml = new StringBuilder($"project: {name}\nenvironment: {name}\nnotify: {{ email: [ops@example.com] }}\nlock: governance\ndrill: {{ schedule: \"0 4 * * SUN\" }}\n"
            + "retention: { daily: 30d, weekly: 8w, monthly: 12mo, annual: 7y, pre-deploy: 3y, manual: 1y, incremental: 8w }\ndatabases:\n");
        for (var i = 0; i < 80; i++)
            yaml.AppendLine(CultureInfo.InvariantCulture, $"  - {{ name: {name}{i:00}, secret: {name}/{i}, schedule: \"0 4 1 * SUN\", criticalTables: [{{ table: public.t, every: 6h }}] }}");
        var changes = new Dictionary<string, string?>
        {
            ["github"] = "example/repo",
            ["state"] = """{"bucket": "state", "keyArn": "arn:aws:kms:eu-central-1:111122223333:key/1"}""",
            ["trail"] = "data",
            ["rotation"] = "3",
            ["keyPerDatabase"] = "true",
        };
        Check(await Graph.OfAsync(Stacks.With(yaml.ToString(), changes)), 0);
    }

    private static IEnumerable<string> Named(Graph graph) => graph.Resources.Select(r => $"{r.Type} {r.Name} {r.Text("name")} {r.Text("bucket")}");

    private static void Check(Graph graph, int n)
    {
        Limit("RolePolicy", "policy", 10_240);
        Limit("Policy", "policy", 6_144);
        Limit("BucketPolicy", "policy", 20_480);
        Limit("Key", "policy", 32_768);
        Limit("Secret", "policy", 20_480);
        Limit("Role", "assumeRolePolicy", 2_048);
        Limit("TopicPolicy", "policy", 30_720);
        Limit("EventRule", "eventPattern", 2_048);
        Limit("MetricAlarm", "name", 255);
        Limit("MetricAlarm", "alarmDescription", 1_024);
        Limit("Role", "name", 64);
        Limit("Function", "name", 64);
        Limit("Schedule", "name", 64);
        Limit("EventRule", "name", 64);
        Limit("Queue", "name", 80);
        Limit("Bucket", "bucket", 63);
        foreach (var lifecycle in graph.Of("BucketLifecycleConfiguration"))
            Assert.InRange(((System.Collections.Immutable.ImmutableArray<object>)lifecycle.Inputs["rules"]).Length, 1, 1000);
        foreach (var dashboard in graph.Of("Dashboard"))
        {
            using var body = JsonDocument.Parse(dashboard.Text("dashboardBody"));
            Assert.InRange(body.RootElement.GetProperty("widgets").GetArrayLength(), 1, 500);
        }

        foreach (var alarm in graph.Of("MetricAlarm").Where(a => a.Inputs.ContainsKey("metricQueries")))
            Assert.InRange(((System.Collections.Immutable.ImmutableArray<object>)alarm.Inputs["metricQueries"]).Length, 1, 20);
        string[] named = ["Bucket", "Role", "Function", "Schedule", "MetricAlarm"];
        foreach (var type in named)
        {
            var names = graph.Of(type).Select(r => r.Text(type == "Bucket" ? "bucket" : "name")).ToList();
            Assert.Equal(names.Count, names.Distinct(StringComparer.OrdinalIgnoreCase).Count());
        }

        void Limit(string type, string input, int most)
        {
            foreach (var resource in graph.Of(type))
                Assert.True(resource.Text(input).Length <= most, $"policy {n}: {resource.Name}.{input} has {resource.Text(input).Length} of {most} characters");
        }
    }

    private static (string Yaml, Dictionary<string, string?> Changes) RandomPolicy(Random random)
    {
        string Pick(params string[] words) => words[random.Next(words.Length)];
        bool Maybe() => random.Next(2) == 0;
        var copy = Pick("none", "none", "region", "account");
        var locked = Pick("none", "governance", "compliance");
        var drill = Maybe();
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"project: {Word(random)}\nenvironment: {Word(random)}\nlock: {locked}\ncopy: {copy}");
        if (drill) text.AppendLine(CultureInfo.InvariantCulture, $"drill: {{ schedule: \"{Cron(random)}\" }}");
        if (Maybe()) text.AppendLine(CultureInfo.InvariantCulture, $"objectives: {{ rpo: {random.Next(1, 99)}h, rto: {random.Next(1, 99)}h }}");
        if (Maybe()) text.AppendLine(CultureInfo.InvariantCulture, $"watch: {{ sizeWarning: {random.Next(1, 20)}%, sizeCritical: {random.Next(20, 99)}%, maxAge: {random.Next(1, 400)}h }}");
        if (Maybe())
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"retention: {{ daily: {random.Next(locked == "none" ? 1 : 8, 90)}d, weekly: {random.Next(2, 30)}w, monthly: {random.Next(8, 40)}mo, annual: {random.Next(2, 20)}y, minimumKept: {random.Next(1, 9)} }}");
            if (Maybe()) text.AppendLine(CultureInfo.InvariantCulture, $"storage: {{ monthly: {{ instant: {random.Next(1, 60)}d }}, annual: {{ ia: 30d, instant: {random.Next(60, 90)}d, deepArchive: {random.Next(180, 300)}d }} }}");
        }

        text.AppendLine("notify: { email: [ops@example.com] }\ndatabases:");
        var names = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        for (var i = random.Next(1, 4); i > 0; i--)
        {
            var name = Word(random);
            if (!names.Add(name)) continue;
            text.AppendLine(CultureInfo.InvariantCulture, $"  - name: {name}\n    secret: {name}/url{i}\n    jobs: {random.Next(1, 33)}\n    runner: {Pick("auto", "lambda", "fargate")}");
            if (Maybe()) text.AppendLine(CultureInfo.InvariantCulture, $"    schedule: \"{Cron(random)}\"");
            if (Maybe()) text.AppendLine(CultureInfo.InvariantCulture, $"    criticalTables: [{{ table: public.t, every: {random.Next(5, 5000)}m }}]");
        }

        var changes = new Dictionary<string, string?> { ["trail"] = Pick("none", "data", "data-and-management") };
        if (copy == "none" && Maybe()) changes["keyPerDatabase"] = "true";
        if (copy != "none") changes["copy"] = copy == "region" ? """{"account": "111122223333", "region": "eu-west-1"}""" : """{"account": "444455556666", "region": "eu-central-1"}""";
        if (Maybe()) changes["rotation"] = $"{random.Next(1, 13)}";
        if (Maybe()) changes["budget"] = $"{random.Next(1, 999)}";
        if (Maybe()) changes["chat"] = """{"workspace": "T0EXAMPLE", "channel": "C0EXAMPLE"}""";
        if (Maybe()) (changes["github"], changes["state"]) = ("example/repo", """{"bucket": "state", "keyArn": "arn:aws:kms:eu-central-1:111122223333:key/1"}""");
        return (text.ToString(), changes);
    }

    private static string Word(Random random)
    {
        const string letters = "abcxyzABC019._-";
        var text = new string([.. Enumerable.Range(0, random.Next(1, 63)).Select(_ => letters[random.Next(letters.Length)])]);
        // Quoted in YAML it stays a text; a name begins with a letter here, so that none looks like a number.
        return $"n{text}";
    }

    private static string Cron(Random random)
    {
        var (minute, hour) = (random.Next(60), random.Next(24));
        var text = random.Next(5) switch
        {
            0 => $"{minute} {hour} * * *",
            1 => $"{minute} */{random.Next(1, 12)} * * *",
            2 => $"{minute} {hour} * * {random.Next(7)}",
            3 => $"{minute} {hour} {random.Next(1, 29)} * *",
            _ => $"{minute} {hour} {random.Next(1, 29)} */2 {random.Next(7)}",
        };
        Assert.True(Schedule.TryParse(text, out _, out _));
        return text;
    }
}
