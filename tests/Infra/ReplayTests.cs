using System.Collections.Immutable;
using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Backup.Infra.Settings;

namespace Backup.Infra.Tests;

/// <summary>Every document of a stack against the real API models (replay.py says how), and an end where moto or botocore refuses one.</summary>
public sealed class ReplayTests
{
    [Theory]
    [InlineData("prod")]
    [InlineData("staging")]
    [InlineData("copy")]
    public async Task Every_registered_document_is_accepted_by_the_API_models(string stack)
    {
        var settings = stack switch { "prod" => Stacks.Prod(), "staging" => Stacks.Staging(), _ => Stacks.Copy() };
        var (exit, output) = await ReplayAsync(settings, _ => { });
        Assert.True(exit == 0, output);
        string[] wanted = stack == "copy"
            ? ["s3:PutBucketPolicy 1", "s3:PutObjectLockConfiguration 1", "s3:PutBucketLifecycleConfiguration 1", "kms:CreateKey 1"]
            : ["s3:PutBucketPolicy", "s3:PutBucketLifecycleConfiguration", "iam:PutRolePolicy", "kms:CreateKey", "scheduler:CreateSchedule", "cloudwatch:PutMetricAlarm", "cloudwatch:PutDashboard"];
        Assert.All(wanted, call => Assert.Contains($"called {call}", output, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_wrong_field_is_refused()
    {
        var (exit, output) = await ReplayAsync(Stacks.Staging(), graph =>
        {
            var schedule = graph["resources"]!.AsArray().First(r => (string)r!["name"]! == "schedules-watch")!;
            schedule["inputs"]!["flexibleTimeWindow"]!["mode"] = "SOMETIMES";
        });
        Assert.NotEqual(0, exit);
        Assert.Contains("schedules-watch", output, StringComparison.Ordinal);
    }

    private static async Task<(int Exit, string Output)> ReplayAsync(InfraSettings settings, Action<JsonNode> change)
    {
        var json = GraphFile.Of(await Graph.OfAsync(settings, Stacks.Root), settings);
        change(json);
        return await Tool.RunAsync("python3", [Path.Combine(Stacks.Root, "tests", "Infra", "replay.py")], json.ToJsonString());
    }
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
