using System.Text.RegularExpressions;
using Backup.Lambda.Handlers;
using Backup.Lambda.Hosting;

namespace Backup.Lambda.Tests;

/// <summary>What the functions and what deploys them must agree on.</summary>
public sealed partial class ContractTests
{
    public static string Root { get; } = FindRoot();

    [Fact]
    public void Functions_and_infrastructure_spell_variables_and_handlers_alike()
    {
        var theirs = Constant().Matches(File.ReadAllText(Path.Combine(Root, "infra/FunctionContract.cs"))).ToDictionary(m => m.Groups[1].Value, m => m.Groups[2].Value);
        var ours = new Dictionary<string, string>
        {
            ["Handler"] = Settings.HandlerVariable,
            ["PolicyBucket"] = Settings.PolicyBucketVariable,
            ["PolicyKey"] = Settings.PolicyKeyVariable,
            ["PolicySha256"] = Settings.PolicySha256Variable,
            ["Environment"] = Settings.EnvironmentVariable,
            ["Database"] = Settings.DatabaseVariable,
            ["KmsKey"] = Settings.KmsKeyVariable,
            ["Cluster"] = Settings.ClusterVariable,
            ["TaskDefinition"] = Settings.TaskDefinitionVariable,
            ["Subnets"] = Settings.SubnetsVariable,
            ["SecurityGroup"] = Settings.SecurityGroupVariable,
            ["AssignPublicIp"] = Settings.AssignPublicIpVariable,
            ["TaskEvent"] = Settings.EventVariable,
            ["TaskContainer"] = Settings.TaskContainer,
            ["CopyBucket"] = WatchHandler.CopyBucketVariable,
            ["PruneFunction"] = WatchHandler.PruneFunctionVariable,
            ["TestAlarm"] = WatchHandler.TestAlarmVariable,
            ["Topics"] = Aws.Subscribers.TopicsVariable,
            ["Reports"] = Aws.ReportStore.Prefix,
            ["Dump"] = nameof(Functions.Dump),
            ["Incremental"] = nameof(Functions.Incremental),
            ["Verify"] = nameof(Functions.Verify),
            ["Watch"] = nameof(Functions.Watch),
            ["Prune"] = nameof(Functions.Prune),
            ["RotateSecret"] = nameof(Functions.RotateSecret),
        };
        Assert.All(ours, o => Assert.Equal(o.Value, theirs.GetValueOrDefault(o.Key)));
    }

    [Fact]
    public void Every_handler_and_its_fields_are_documented()
    {
        var page = File.ReadAllText(Path.Combine(Root, "docs/functions.md"));
        foreach (var type in (System.Text.Json.Serialization.Metadata.JsonTypeInfo[])
            [LambdaJson.Default.DumpEvent, LambdaJson.Default.IncrementalEvent, LambdaJson.Default.VerifyEvent, LambdaJson.Default.WatchEvent, LambdaJson.Default.PruneEvent, LambdaJson.Default.RotationEvent,
             LambdaJson.Default.DumpResult, LambdaJson.Default.IncrementalResult, LambdaJson.Default.VerifyEventResult, LambdaJson.Default.WatchResult, LambdaJson.Default.PruneResult])
            Assert.All(type.Properties, p => Assert.Contains($"`{p.Name}`", page, StringComparison.Ordinal));
        Assert.All(typeof(Functions).GetMethods().Where(m => m.DeclaringType == typeof(Functions)), m => Assert.Contains($"## {m.Name}", page, StringComparison.Ordinal));
    }

    [Fact]
    public void The_image_copies_what_exists_uses_every_stage_and_pins_what_it_starts_from()
    {
        var lines = File.ReadAllText(Path.Combine(Root, "functions/Lambda/Dockerfile")).Replace("\\\n", " ", StringComparison.Ordinal).Split('\n')
            .Select(l => l.Trim()).Where(l => l.Length > 0 && !l.StartsWith('#')).ToList();
        var from = lines.Where(l => l.StartsWith("FROM ", StringComparison.Ordinal)).ToList();
        var stages = from.Select(l => Stage().Match(l).Groups[1].Value).Where(s => s.Length > 0).ToList();
        Assert.All(stages, s => Assert.Contains(lines, l => l.Contains($"--from={s} ", StringComparison.Ordinal) || Regex.IsMatch(l, $@"^FROM (--\S+ )?{s}\b")));
        Assert.All(lines, l => Assert.DoesNotContain(":latest", l, StringComparison.Ordinal));
        Assert.All(from.Select(l => l.Split(' ').First(w => !w.StartsWith("--", StringComparison.Ordinal) && w != "FROM")),
            image => Assert.True(stages.Contains(image) || image.StartsWith("${", StringComparison.Ordinal), $"{image} is no digest argument and no stage"));
        foreach (var argument in lines.Where(l => l.StartsWith("ARG ", StringComparison.Ordinal) && l.Contains("_IMAGE=", StringComparison.Ordinal)))
            Assert.Matches(@":[0-9][\w.-]*(@sha256:[0-9a-f]{64})?$", argument);
        foreach (var copy in lines.Where(l => l.StartsWith("COPY ", StringComparison.Ordinal) && !l.Contains("--from=", StringComparison.Ordinal)))
        {
            var words = copy.Split(' ', StringSplitOptions.RemoveEmptyEntries).Skip(1).Where(w => !w.StartsWith("--", StringComparison.Ordinal)).ToList();
            Assert.All(words[..^1], source => Assert.True(Path.Exists(Path.Combine(Root, source.TrimEnd('/'))), $"{source} does not exist"));
        }
    }

    [Fact]
    public void The_functions_own_code_reads_no_environment() =>
        Assert.DoesNotContain(Directory.EnumerateFiles(Path.Combine(Root, "functions/Lambda"), "*.cs", SearchOption.AllDirectories),
            f => File.ReadAllText(f).Contains("EnvironmentVariable(", StringComparison.Ordinal));

    private static string FindRoot()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Backup.sln"))) folder = Path.GetDirectoryName(folder)!;
        return folder;
    }

    [GeneratedRegex(@"public const string (\w+) = ""([^""]*)""")]
    private static partial Regex Constant();

    [GeneratedRegex(@"\bAS (\S+)$", RegexOptions.IgnoreCase)]
    private static partial Regex Stage();
}
