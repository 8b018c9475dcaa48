using System.Collections.Concurrent;
using System.Collections.Immutable;
using Backup.Infra.Settings;
using Pulumi;
using Pulumi.Testing;

namespace Backup.Infra.Tests;

/// <summary>One resource as the engine would get it. Inputs have the provider's names.</summary>
public sealed record Registered(string Type, string Name, ImmutableDictionary<string, object> Inputs, bool Protect, bool Retain)
{
    public string Text(string input) => Inputs.TryGetValue(input, out var value) ? $"{value}" : "";

    public object? At(params string[] path) => path.Aggregate((object?)Inputs, (at, key) => at switch
    {
        ImmutableDictionary<string, object> map => map.GetValueOrDefault(key),
        ImmutableArray<object> list => list[int.Parse(key, System.Globalization.CultureInfo.InvariantCulture)],
        _ => null,
    });
}

/// <summary>Everything that a stack registers, by running the program against mocks. AWS's own inventions (ids, ARNs) are derived from names.</summary>
public sealed class Graph
{
    private Graph(IReadOnlyList<Registered> resources, IDictionary<string, object?> outputs) => (Resources, Outputs) = (resources, outputs);

    /// <summary>In the order of type and name; without components and the provider.</summary>
    public IReadOnlyList<Registered> Resources { get; }

    public IDictionary<string, object?> Outputs { get; }

    public IEnumerable<Registered> Of(string type) => Resources.Where(r => r.Type.EndsWith($":{type}", StringComparison.Ordinal));

    public Registered One(string type, string name) => Assert.Single(Of(type), r => r.Name == name);

    public static async Task<Graph> OfAsync(InfraSettings settings, string? folder = null)
    {
        var recording = new Recording(settings, folder);
        RecordingStack.Current.Value = recording;
        await Deployment.TestAsync<RecordingStack>(recording, new TestOptions { ProjectName = "backup", StackName = "test", IsPreview = false });
        var resources = recording.Seen.Values
            .Where(r => r.Type.Contains('/', StringComparison.Ordinal) || r.Type.StartsWith("docker", StringComparison.Ordinal))
            .Select(r => r with { Protect = recording.Guards.GetValueOrDefault(Key(r)).Protect, Retain = recording.Guards.GetValueOrDefault(Key(r)).Retain })
            .OrderBy(r => r.Type, StringComparer.Ordinal).ThenBy(r => r.Name, StringComparer.Ordinal).ToList();
        return new Graph(resources, recording.Outputs);
    }

    private static string Key(Registered r) => $"{r.Type}::{r.Name}";

    /// <summary>The stack of a test: the program's own, with every resource's options seen as it is constructed.</summary>
    private sealed class RecordingStack : Stack
    {
        public static readonly AsyncLocal<Recording> Current = new();

        public RecordingStack() : base(new StackOptions { ResourceTransformations = { Current.Value!.See } })
        {
            var recording = Current.Value!;
            recording.Outputs = recording.Settings.Role == StackRole.Copy
                ? CopyStack.Build(recording.Settings)
                : MainStack.Build(recording.Settings, Secret, recording.Folder);

            Output<string>? Secret(string key) => recording.Settings.Secrets.Contains(key) ? Output.CreateSecret($"https://example.com/{key}") : null;
        }
    }

    private sealed class Recording(InfraSettings settings, string? folder) : IMocks
    {
        public InfraSettings Settings => settings;
        public string? Folder => folder;
        public ConcurrentDictionary<string, Registered> Seen { get; } = new();
        public ConcurrentDictionary<string, (bool Protect, bool Retain)> Guards { get; } = new();
        public IDictionary<string, object?> Outputs { get; set; } = new Dictionary<string, object?>();

        public ResourceTransformationResult? See(ResourceTransformationArgs args)
        {
            Guards[$"{args.Resource.GetResourceType()}::{args.Resource.GetResourceName()}"] = (args.Options.Protect ?? false, args.Options.RetainOnDelete ?? false);
            return null;
        }

        public Task<(string? id, object state)> NewResourceAsync(MockResourceArgs args)
        {
            var resource = new Registered(args.Type!, args.Name!, args.Inputs, false, false);
            Assert.True(Seen.TryAdd(Key(resource), resource), $"{Key(resource)} is registered twice");
            var name = Physical(args);
            var state = args.Inputs
                .SetItem("arn", Arn(args, name))
                .SetItem("keyId", $"{name}-id")
                .SetItem("url", $"https://sqs.example/{name}")
                .SetItem("repositoryUrl", $"{settings.Account}.dkr.ecr.{settings.Region}.amazonaws.com/{name}")
                .SetItem("registryId", settings.Account)
                .SetItem("ref", $"{name}:pulumi@sha256:{new string('0', 64)}")
                .SetItem("ipv6CidrBlock", args.Inputs.GetValueOrDefault("ipv6CidrBlock") ?? "2a05:d014:1c7:e500::/56");
            return Task.FromResult<(string?, object)>((args.Type!.EndsWith(":Secret", StringComparison.Ordinal) ? Arn(args, name) : name, state));
        }

        public Task<object> CallAsync(MockCallArgs args) => Task.FromResult<object>(args.Token switch
        {
            "aws:index/getAvailabilityZones:getAvailabilityZones" => new Dictionary<string, object>
            {
                ["names"] = ImmutableArray.Create<object>($"{settings.Region}a", $"{settings.Region}b", $"{settings.Region}c"),
            },
            "aws:ecr/getAuthorizationToken:getAuthorizationToken" => new Dictionary<string, object> { ["userName"] = "AWS", ["password"] = "token" },
            _ => throw new InvalidOperationException($"the program asks for {args.Token}, which no test answers"),
        });

        private static string Physical(MockResourceArgs args) =>
            new[] { "name", "bucket", "family", "dashboardName" }.Select(k => args.Inputs.GetValueOrDefault(k)).OfType<string>().FirstOrDefault() ?? args.Name!;

        private string Arn(MockResourceArgs args, string name)
        {
            var (account, region) = (settings.Account, $"{args.Inputs.GetValueOrDefault("region") ?? settings.Region}");
            return args.Type switch
            {
                "aws:s3/bucket:Bucket" => $"arn:aws:s3:::{name}",
                "aws:kms/key:Key" => $"arn:aws:kms:{region}:{account}:key/{args.Name}",
                "aws:iam/role:Role" => $"arn:aws:iam::{account}:role/{name}",
                "aws:iam/policy:Policy" => $"arn:aws:iam::{account}:policy/{name}",
                "aws:iam/openIdConnectProvider:OpenIdConnectProvider" => $"arn:aws:iam::{account}:oidc-provider/token.actions.githubusercontent.com",
                "aws:secretsmanager/secret:Secret" => $"arn:aws:secretsmanager:{region}:{account}:secret:{name}-AbCdEf",
                "aws:lambda/function:Function" => $"arn:aws:lambda:{region}:{account}:function:{name}",
                "aws:cloudwatch/eventRule:EventRule" => $"arn:aws:events:{region}:{account}:rule/{name}",
                "aws:sqs/queue:Queue" => $"arn:aws:sqs:{region}:{account}:{name}",
                "aws:sns/topic:Topic" => $"arn:aws:sns:{region}:{account}:{name}",
                _ => $"arn:aws:other:{region}:{account}:{name}",
            };
        }
    }
}
