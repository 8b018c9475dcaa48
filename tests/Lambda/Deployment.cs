using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Amazon.Lambda.TestUtilities;
using Amazon.S3.Model;
using Backup.Core.Catalog;
using Backup.Core.Machine;
using Backup.Core.Storage;
using Backup.Lambda.Hosting;
using Backup.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace Backup.Lambda.Tests;

/// <summary>One environment as `pulumi up` would make it: a vault, a policy in the config bucket, a secret, and functions that know them by their variables.</summary>
public sealed class Deployment : IAsyncDisposable
{
    private readonly CloudFixture _cloud;
    private readonly MemoryStream _log = new();
    private readonly ServiceProvider _services;

    private Deployment(CloudFixture cloud, string environment, string vaultBucket, string configBucket, string secret, string taskDefinition, IReadOnlyDictionary<string, string> variables, TimeProvider clock)
    {
        _cloud = cloud;
        Environment = environment;
        VaultBucket = vaultBucket;
        ConfigBucket = configBucket;
        Secret = secret;
        TaskDefinition = taskDefinition;
        Variables = variables;
        var machine = MachineEnvironment.Read();
        Machine = machine with { Variables = machine.Variables.Concat(variables).GroupBy(v => v.Key).ToDictionary(g => g.Key, g => g.Last().Value) };
        var services = new ServiceCollection();
        new Startup().ConfigureServices(services);
        services.AddSingleton(Machine);
        services.AddSingleton(clock);
        services.AddSingleton(new JsonLog(Stream.Synchronized(_log), clock, new Dictionary<string, string>()));
        services.AddSingleton<Functions>();
        _services = services.BuildServiceProvider();
    }

    public const string Database = "shop";

    public string Environment { get; }
    public string VaultBucket { get; }
    public string ConfigBucket { get; }
    public string Secret { get; }
    public string TaskDefinition { get; }
    public MachineEnvironment Machine { get; }

    /// <summary>Of the functions, without those of AWS.</summary>
    public IReadOnlyDictionary<string, string> Variables { get; }

    public Functions Functions => _services.GetRequiredService<Functions>();

    public string Log => Encoding.UTF8.GetString(_log.ToArray());

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <param name="cloud">Where it is.</param>
    /// <param name="url">The database's; null: the secret stays empty.</param>
    /// <param name="database">More keys of the policy's database, as JSON without braces.</param>
    /// <param name="policy">More keys of the policy, as JSON without braces.</param>
    /// <param name="more">More variables.</param>
    /// <param name="clock">Of the functions.</param>
    /// <param name="files">Texts of the files that the policy names, by their names.</param>
    public static async Task<Deployment> MakeAsync(
        CloudFixture cloud, string? url, string database = "", string policy = "", IEnumerable<KeyValuePair<string, string>>? more = null, TimeProvider? clock = null,
        IReadOnlyDictionary<string, string>? files = null)
    {
        var environment = $"t{Guid.NewGuid():n}"[..12];
        var vault = await cloud.Moto.MakeBucketAsync(objectLock: true);
        var config = await cloud.Moto.MakeBucketAsync();
        var secret = await cloud.NewSecretAsync(url);
        var family = await cloud.NewTaskDefinitionAsync();
        string After(string keys) => keys.Length > 0 ? "," + keys : "";
        var shop = $$"""{"name":"{{Database}}","secret":"{{secret}}","jobs":1 {{After(database)}} }""";
        var document = $$"""{"project":"test","environment":"{{environment}}","vault":"s3://{{vault}}","databases":[{{shop}}] {{After(policy)}} }""";
        var bundle = $$"""{"policy": {{document}}, "files": {{JsonSerializer.Serialize(files ?? new Dictionary<string, string> { ["keys/note.txt"] = "x" })}} }""";
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(bundle)));
        await cloud.Moto.Client.PutObjectAsync(new PutObjectRequest { BucketName = config, Key = $"policy/{hash}.json", ContentBody = bundle }, Cancel);
        var variables = new Dictionary<string, string>
        {
            [Settings.PolicyBucketVariable] = config,
            [Settings.PolicyKeyVariable] = $"policy/{hash}.json",
            [Settings.PolicySha256Variable] = hash,
            [Settings.EnvironmentVariable] = environment,
            [Settings.ClusterVariable] = CloudFixture.Cluster,
            [Settings.TaskDefinitionVariable] = family,
            [Settings.SubnetsVariable] = "subnet-1,subnet-2",
            [Settings.SecurityGroupVariable] = "sg-1",
            [Settings.AssignPublicIpVariable] = "true",
        };
        foreach (var (name, value) in more ?? []) variables[name] = value;
        return new Deployment(cloud, environment, vault, config, secret, family, variables, clock ?? TimeProvider.System);
    }

    public static JsonElement Json(string text)
    {
        using var document = JsonDocument.Parse(text);
        return document.RootElement.Clone();
    }

    public static TestLambdaContext Context(TimeSpan? remaining = null) =>
        new() { AwsRequestId = Guid.NewGuid().ToString(), RemainingTime = remaining ?? TimeSpan.FromMinutes(10), FunctionName = "test" };

    public Task<Events.DumpResult> DumpAsync(string json, TimeSpan? remaining = null) => Functions.Dump(Json(json), Context(remaining));

    public static string Scheduled(string time = "2026-03-01T02:00:00Z") => $$"""{"database":"{{Database}}","kind":"scheduled","scheduledTime":"{{time}}" }""";

    public async Task<IReadOnlyList<CatalogEntry>> BackupsAsync()
    {
        await using var vault = VaultFactory.Open($"s3://{VaultBucket}", null, TimeProvider.System);
        return await new BackupCatalog(vault).ListAsync(Environment, null, Cancel);
    }

    /// <summary>Objects and unfinished uploads: what a run that failed must not leave.</summary>
    public async Task<IReadOnlyList<string>> RemainsAsync()
    {
        var objects = await _cloud.Moto.Client.ListObjectsV2Async(new ListObjectsV2Request { BucketName = VaultBucket }, Cancel);
        var uploads = await _cloud.Moto.Client.ListMultipartUploadsAsync(new ListMultipartUploadsRequest { BucketName = VaultBucket }, Cancel);
        return [.. (objects.S3Objects ?? []).Select(o => o.Key), .. (uploads.MultipartUploads ?? []).Select(u => $"upload {u.Key}")];
    }

    public Task<IReadOnlyList<double>> MetricAsync(string name) => _cloud.MetricAsync(name, Environment, Database);

    // From its own folder: the one of the tests has the libraries of another framework, which the command brings.
    private static string TaskProgram => Path.Combine(AppContext.BaseDirectory, "..", "..", "Backup.Task", Path.GetFileName(AppContext.BaseDirectory.TrimEnd('/')), "Backup.Task.dll");

    /// <summary>What Fargate would do with the last task that was started: a process of its own with the task's environment.</summary>
    public async Task<(int ExitCode, JsonObject Result, string Output)> RunTaskAsync(Dictionary<string, string> overrides)
    {
        var environment = Variables.Where(v => v.Key != Settings.ClusterVariable).Concat(_cloud.Variables).Concat(overrides);
        await using var process = ChildProcess.Start(TaskProgram, environment);
        var code = await process.ExitAsync();
        var lines = process.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.True(lines.Length > 0, $"the task ended with {code} and no result: {process.Error}");
        return (code, JsonNode.Parse(lines[^1])!.AsObject(), process.Output + process.Error);
    }

    public async ValueTask DisposeAsync()
    {
        await _services.DisposeAsync();
        await _log.DisposeAsync();
    }
}
