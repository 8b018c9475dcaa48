using System.Collections.Immutable;
using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Backup.Infra.Settings;

namespace Backup.Infra.Tests;

/// <summary>Every document of every stack against the real API models (replay.py says how), and an end where moto or botocore refuses one.</summary>
public sealed class ReplayTests(Replayed replayed) : IClassFixture<Replayed>
{
    public static TheoryData<string> Names => [.. Stacks.All];

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_registered_document_is_accepted_by_the_API_models(string stack)
    {
        var answer = replayed.Of(stack);
        Assert.Null((string?)answer["refused"]);
        string[] wanted = stack == "copy"
            ? ["s3:PutBucketPolicy", "s3:PutObjectLockConfiguration", "s3:PutBucketLifecycleConfiguration", "kms:CreateKey"]
            : ["s3:PutBucketPolicy", "s3:PutBucketLifecycleConfiguration", "s3:PutBucketNotificationConfiguration", "iam:PutRolePolicy", "kms:CreateKey", "scheduler:CreateSchedule",
                "cloudwatch:PutMetricAlarm", "cloudwatch:PutDashboard", "events:PutRule", "sns:CreateTopic", "secretsmanager:CreateSecret", .. stack == "prod" ? ["cloudtrail:CreateTrail", "s3:PutBucketReplication"] : (string[])[]];
        Assert.All(wanted, call => Assert.True((int?)answer["called"]![call] > 0, call));
    }

    /// <summary>infra/README.md says which documents only botocore's models have judged, because moto has no such call or wants what a test lacks.</summary>
    [Fact]
    public void What_is_only_validated_is_listed()
    {
        var readme = File.ReadAllText(Path.Combine(Stacks.Root, "infra", "README.md"));
        var calls = Stacks.All.SelectMany(s => replayed.Of(s)["validated"]!.AsObject().Select(v => v.Key)).Distinct();
        Assert.All(calls, c => Assert.Contains($"`{c}`", readme, StringComparison.Ordinal));
    }

    [Fact]
    public void A_wrong_field_is_refused() => Assert.Contains("schedules-watch", (string?)replayed.Of(Replayed.Wrong)["refused"], StringComparison.Ordinal);
}

/// <summary>All stacks, and one with a mistake, in one run of the script.</summary>
public sealed class Replayed : IAsyncLifetime
{
    public const string Wrong = "wrong";

    private JsonNode _answers = new JsonObject();

    public JsonNode Of(string stack) => _answers[stack]!;

    public async ValueTask InitializeAsync()
    {
        var graphs = new JsonObject();
        foreach (var stack in Stacks.All) graphs[stack] = GraphFile.Of(await Stacks.GraphAsync(stack), Stacks.Settings(stack));
        graphs[Wrong] = GraphFile.Of(await Stacks.GraphAsync("staging"), Stacks.Settings("staging"));
        graphs[Wrong]!["resources"]!.AsArray().First(r => (string)r!["name"]! == "schedules-watch")!["inputs"]!["flexibleTimeWindow"]!["mode"] = "SOMETIMES";
        var (exit, output) = await Tool.RunAsync("python3", [Path.Combine(Stacks.Root, "tests", "Infra", "replay.py")], graphs.ToJsonString());
        Assert.True(exit == 0, output);
        _answers = JsonNode.Parse(output.Split('\n').First(l => l.StartsWith('{')))!;
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}

/// <summary>A graph as the scripts read it.</summary>
internal static class GraphFile
{
    public static JsonObject Of(Graph graph, InfraSettings settings) => new()
    {
        ["region"] = settings.Region,
        ["account"] = settings.Account,
        ["stem"] = settings.Names.Stem,
        ["resources"] = new JsonArray([.. graph.Resources.Select(r => new JsonObject { ["type"] = r.Type, ["name"] = r.Name, ["inputs"] = Node(r.Inputs) })]),
    };

    private static JsonNode? Node(object? value) => value switch
    {
        ImmutableDictionary<string, object> map => new JsonObject(map.OrderBy(e => e.Key, StringComparer.Ordinal).Select(e => KeyValuePair.Create(e.Key, Node(e.Value)))),
        ImmutableArray<object> list => new JsonArray([.. list.Select(Node)]),
        _ => JsonSerializer.SerializeToNode(value),
    };
}

/// <summary>Runs a script with a document in a temporary file as its last argument.</summary>
internal static class Tool
{
    public static async Task<(int Exit, string Output)> RunAsync(string program, IEnumerable<string> arguments, string document)
    {
        var file = Path.Combine(Path.GetTempPath(), $"backup-graph-{Guid.NewGuid():n}.json");
        await File.WriteAllTextAsync(file, document);
        try
        {
            var info = new ProcessStartInfo(program, [.. arguments, file]) { RedirectStandardOutput = true, RedirectStandardError = true };
            using var process = Process.Start(info)!;
            var output = process.StandardOutput.ReadToEndAsync();
            var error = process.StandardError.ReadToEndAsync();
            await process.WaitForExitAsync();
            return (process.ExitCode, await output + await error);
        }
        finally
        {
            File.Delete(file);
        }
    }
}
