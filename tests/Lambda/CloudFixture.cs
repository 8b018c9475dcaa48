using System.Text.Json.Nodes;
using Amazon.CloudWatch;
using Amazon.CloudWatch.Model;
using Amazon.SecretsManager;
using Amazon.SecretsManager.Model;
using Backup.Core.Machine;
using Backup.Core.Storage;
using Backup.Tests.Support;

namespace Backup.Lambda.Tests;

/// <summary>
/// S3, Secrets Manager, CloudWatch and ECS of one moto_server, found by everybody, in this process and in others, through the SDK's own environment variables.
/// </summary>
public sealed class CloudFixture : IAsyncLifetime
{
    public const string Region = "eu-central-1";
    public const string Cluster = "backup-test";

    private MotoServer? _moto;
    private AwsCall? _aws;
    private IReadOnlyDictionary<string, string> _variables = new Dictionary<string, string>();

    public MotoServer Moto
    {
        get
        {
            Assert.SkipWhen(_moto is null, MotoServer.WhyNot() ?? "");
            return _moto;
        }
    }

    /// <summary>What AWS would set for a function.</summary>
    public IReadOnlyDictionary<string, string> Variables => _variables;

    public AmazonSecretsManagerClient Secrets => new(MotoServer.Credentials, new AmazonSecretsManagerConfig { ServiceURL = Moto.Endpoint.ToString(), AuthenticationRegion = Region });

    public AmazonCloudWatchClient Metrics => new(MotoServer.Credentials, new AmazonCloudWatchConfig { ServiceURL = Moto.Endpoint.ToString(), AuthenticationRegion = Region });

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        if (MotoServer.WhyNot() is not null) return;
        _moto = await MotoServer.StartAsync();
        var credentials = await MotoServer.Credentials.GetCredentialsAsync();
        _variables = new Dictionary<string, string>
        {
            ["AWS_ACCESS_KEY_ID"] = credentials.AccessKey,
            ["AWS_SECRET_ACCESS_KEY"] = credentials.SecretKey,
            ["AWS_REGION"] = Region,
            ["AWS_ENDPOINT_URL"] = _moto.Endpoint.ToString().TrimEnd('/'),
            ["AWS_EC2_METADATA_DISABLED"] = "true",
        };
        foreach (var (name, value) in _variables) Environment.SetEnvironmentVariable(name, value);
        _aws = new AwsCall(MachineEnvironment.Read(), TimeProvider.System);
        await EcsAsync("CreateCluster", new JsonObject { ["clusterName"] = Cluster });
    }

    public Task<JsonObject> EcsAsync(string action, JsonObject body) => _aws!.PostAsync("ecs", $"AmazonEC2ContainerServiceV20141113.{action}", body, CancellationToken.None);

    /// <summary>Environment variables that each task of this definition was started with, in no order.</summary>
    public async Task<IReadOnlyList<Dictionary<string, string>>> TasksAsync(string family)
    {
        var arns = (await EcsAsync("ListTasks", new JsonObject { ["cluster"] = Cluster, ["family"] = family }))["taskArns"]!.AsArray();
        if (arns.Count == 0) return [];
        var tasks = (await EcsAsync("DescribeTasks", new JsonObject { ["cluster"] = Cluster, ["tasks"] = arns.DeepClone() }))["tasks"]!.AsArray();
        return [.. tasks.Select(t => t!["overrides"]!["containerOverrides"]![0]!["environment"]!.AsArray().ToDictionary(v => (string)v!["name"]!, v => (string)v!["value"]!))];
    }

    /// <summary>A task definition of a test's own, so that its tasks are its own.</summary>
    public async Task<string> NewTaskDefinitionAsync()
    {
        var family = $"dump-{Guid.NewGuid():n}"[..20];
        await EcsAsync("RegisterTaskDefinition", new JsonObject
        {
            ["family"] = family,
            ["containerDefinitions"] = new JsonArray(new JsonObject { ["name"] = "backup", ["image"] = "backup", ["essential"] = true, ["memory"] = 512 }),
        });
        return family;
    }

    public async Task<string> NewSecretAsync(string? value)
    {
        var name = $"test/{Guid.NewGuid():n}";
        using var client = Secrets;
        await client.CreateSecretAsync(new CreateSecretRequest { Name = name, SecretString = value }, Cancel);
        return name;
    }

    /// <summary>
    /// A function that does nothing, for the secrets that name one: so moto begins a rotation as Secrets Manager does, and the test makes the four calls.
    /// </summary>
    public async Task<string> NothingFunctionAsync()
    {
        using var http = new HttpClient { BaseAddress = Moto.Endpoint };
        await http.PostAsync(new Uri("/moto-api/config", UriKind.Relative), new StringContent("""{"lambda":{"use_docker":false}}"""), Cancel);
        using var role = new HttpRequestMessage(HttpMethod.Post, "/")
        {
            Content = new FormUrlEncodedContent(new Dictionary<string, string> { ["Action"] = "CreateRole", ["Version"] = "2010-05-08", ["RoleName"] = "nothing", ["AssumeRolePolicyDocument"] = "{}" }),
        };
        role.Headers.TryAddWithoutValidation("Authorization", $"AWS4-HMAC-SHA256 Credential=x/20260101/{Region}/iam/aws4_request, SignedHeaders=host, Signature=x");
        await http.SendAsync(role, Cancel); // says that it exists from the second time on
        const string Arn = "arn:aws:lambda:eu-central-1:123456789012:function:nothing";
        try
        {
            await _aws!.PostPathAsync("lambda", "/2015-03-31/functions", new JsonObject
            {
                ["FunctionName"] = "nothing",
                ["Runtime"] = "python3.11",
                ["Role"] = "arn:aws:iam::123456789012:role/nothing",
                ["Handler"] = "nothing.nothing",
                ["Code"] = new JsonObject { ["ZipFile"] = "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA==" }, // an empty archive
            }, [], Cancel);
        }
        catch (AwsCallException e) when (e.Code == "ResourceConflictException")
        {
            // another test has made it
        }

        return Arn;
    }

    /// <summary>Every value of one metric of one environment and database.</summary>
    public async Task<IReadOnlyList<double>> MetricAsync(string metric, string environment, string database)
    {
        using var client = Metrics;
        var answer = await client.GetMetricStatisticsAsync(new GetMetricStatisticsRequest
        {
            Namespace = "Backup",
            MetricName = metric,
            Dimensions = [new Dimension { Name = "Environment", Value = environment }, new Dimension { Name = "Database", Value = database }],
            StartTime = DateTime.UtcNow.AddHours(-1),
            EndTime = DateTime.UtcNow.AddHours(1),
            Period = 1,
            Statistics = ["Sum", "SampleCount"],
        }, Cancel);
        return [.. (answer.Datapoints ?? []).OrderBy(p => p.Timestamp).Select(p => p.Sum ?? 0)];
    }

    public async ValueTask DisposeAsync()
    {
        if (_moto is not null) await _moto.DisposeAsync();
    }
}
