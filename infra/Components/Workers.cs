using Backup.Infra.Compile;
using Backup.Infra.Settings;
using Pulumi;
using Pulumi.Aws.CloudWatch;
using Pulumi.Aws.CloudWatch.Inputs;
using Pulumi.Aws.Ecs;
using Pulumi.Aws.Lambda;
using Pulumi.Aws.Lambda.Inputs;
using Pulumi.Aws.Sqs;
using EcsInputs = Pulumi.Aws.Ecs.Inputs;

namespace Backup.Infra.Components;

public sealed class WorkersArgs
{
    public required Names Names { get; init; }
    public required InfraSettings Settings { get; init; }
    public required Identity Identity { get; init; }
    public required Vault Vault { get; init; }
    public required PolicyBundle Bundle { get; init; }
    public required Output<string> ImageUri { get; init; }

    /// <summary>By the database's name; null without a key per database.</summary>
    public Output<IReadOnlyDictionary<string, string>>? DatabaseKeyArns { get; init; }

    /// <summary>Null when nothing is handed over to Fargate.</summary>
    public Place? Place { get; init; }
    public string? CopyBucket { get; init; }

    /// <summary>Values that Watch needs, under the variables' names of the policy.</summary>
    public required IReadOnlyDictionary<string, Output<string>> NotifyUrls { get; init; }
}

/// <summary>The functions, the tasks that long runs are handed over to, and the queue of what failed.</summary>
public sealed class Workers : ComponentResource
{
    private const int LogDays = 90;
    private const int QueueDays = 14;
    private const int StopSeconds = 120;

    private readonly string _name;
    private readonly WorkersArgs _args;
    private readonly Dictionary<string, Function> _functions = new(StringComparer.Ordinal);

    public Workers(string name, WorkersArgs args, ComponentResourceOptions? options = null) : base("backup:infra:Workers", name, options)
    {
        ArgumentNullException.ThrowIfNull(args);
        (_name, _args) = (name, args);
        var (names, policy) = (args.Names, args.Settings.Policy);
        Queue = new Queue($"{name}-failed", new QueueArgs
        {
            Name = names.Queue,
            MessageRetentionSeconds = QueueDays * 24 * 3600,
            SqsManagedSseEnabled = true,
        }, Options.Of(this));
        _ = new QueuePolicy($"{name}-failed-policy", new QueuePolicyArgs { QueueUrl = Queue.Url, Policy = PolicyDocument.Write(ServicePolicies.Queue(names)) }, Options.Of(this));

        foreach (var function in FunctionCompiler.Functions(names, policy, args.Settings.RotationMonths is not null)) Add(function);
        Expiries();
        var tasks = FunctionCompiler.Tasks(names, policy);
        if (tasks.Count > 0 && args.Place is not null) AddTasks(tasks);
        RegisterOutputs(new Dictionary<string, object?> { ["queue"] = Queue.Url, ["functions"] = _functions.Keys.Order(StringComparer.Ordinal).ToArray() });
    }

    public Queue Queue { get; }

    /// <summary>By physical name.</summary>
    public IReadOnlyDictionary<string, Function> Functions => _functions;

    private void Add(FunctionSpec spec)
    {
        var logical = $"{_name}-{spec.Name[(_args.Names.Stem.Length + 1)..]}";
        var log = new LogGroup($"{logical}-log", new LogGroupArgs { Name = Names.LogGroup(spec.Name), RetentionInDays = LogDays }, Options.Of(this));
        var variables = new InputMap<string>();
        foreach (var (key, value) in Variables(spec)) variables.Add(key, value);
        var function = new Function(logical, new FunctionArgs
        {
            Name = spec.Name,
            PackageType = "Image",
            ImageUri = _args.ImageUri,
            Architectures = "arm64",
            Role = _args.Identity.Arn(spec.Role),
            MemorySize = spec.Megabytes,
            Timeout = spec.Seconds,
            Environment = new FunctionEnvironmentArgs { Variables = variables },
            LoggingConfig = new FunctionLoggingConfigArgs { LogFormat = "JSON", LogGroup = log.Name },
        }, Options.Of(this, _args.Identity.Ready(spec.Role), _args.Vault.PolicyObject));
        // Errors of the policy return; only what may pass by itself throws, and is worth one more try.
        _ = new FunctionEventInvokeConfig($"{logical}-retries", new FunctionEventInvokeConfigArgs
        {
            FunctionName = function.Name,
            MaximumRetryAttempts = 1,
            MaximumEventAgeInSeconds = 3600,
            DestinationConfig = new FunctionEventInvokeConfigDestinationConfigArgs
            {
                OnFailure = new FunctionEventInvokeConfigDestinationConfigOnFailureArgs { Destination = Queue.Arn },
            },
        }, Options.Of(this));
        _functions[spec.Name] = function;
    }

    private IEnumerable<(string Key, Input<string> Value)> Variables(FunctionSpec spec)
    {
        yield return (FunctionContract.Handler, spec.Verb);
        yield return (FunctionContract.PolicyBucket, _args.Names.ConfigBucket);
        yield return (FunctionContract.PolicyKey, _args.Bundle.Key);
        yield return (FunctionContract.PolicySha256, _args.Bundle.Sha256);
        yield return (FunctionContract.Environment, _args.Settings.Policy.Environment);
        if (spec is { Verb: FunctionContract.Dump or FunctionContract.Incremental, Database: { } keyed } && _args.DatabaseKeyArns is { } keys)
            yield return (FunctionContract.KmsKey, keys.Apply(k => k[keyed]));
        if (spec.Database is { } database) yield return (FunctionContract.Database, database);
        if (spec.Task is { } task && _args.Place is { } place)
        {
            yield return (FunctionContract.Cluster, _args.Names.Cluster);
            yield return (FunctionContract.TaskDefinition, task);
            yield return (FunctionContract.Subnets, place.Subnets);
            yield return (FunctionContract.SecurityGroup, place.SecurityGroup);
            yield return (FunctionContract.AssignPublicIp, place.PublicIp ? "true" : "false");
        }

        if (spec.Verb != FunctionContract.Watch) yield break;
        yield return (FunctionContract.PruneFunction, _args.Names.Function("prune", null));
        yield return (FunctionContract.TestAlarm, $"{_args.Names.Stem}-test-page");
        yield return (FunctionContract.Topics, string.Join(',', Alarms.Topics(_args.Settings).Select(t => _args.Names.TopicArn(Core.Model.Words.Of(t)))));
        if (_args.CopyBucket is { } copy) yield return (FunctionContract.CopyBucket, copy);
        foreach (var (variable, url) in _args.NotifyUrls) yield return (variable, url);
    }

    private void Expiries()
    {
        var spec = EventCompiler.Expiries(_args.Names);
        var watch = _functions[_args.Names.Function("watch", null)];
        var rule = new EventRule($"{_name}-{spec.Name}", new EventRuleArgs
        {
            Name = $"{_args.Names.Stem}-{spec.Name}",
            Description = spec.Description,
            EventPattern = spec.Pattern,
            State = "ENABLED",
        }, Options.Of(this));
        _ = new Permission($"{_name}-{spec.Name}-permission", new PermissionArgs
        {
            Action = "lambda:InvokeFunction",
            Function = watch.Name,
            Principal = "events.amazonaws.com",
            SourceArn = rule.Arn,
            SourceAccount = _args.Names.Account,
        }, Options.Of(this));
        _ = new EventTarget($"{_name}-{spec.Name}-target", new EventTargetArgs
        {
            Rule = rule.Name,
            Arn = watch.Arn,
            InputTransformer = new EventTargetInputTransformerArgs { InputPaths = { { "key", "$.detail.object.key" } }, InputTemplate = FunctionContract.ExpiryEvent },
            DeadLetterConfig = new EventTargetDeadLetterConfigArgs { Arn = Queue.Arn },
        }, Options.Of(this));
    }

    private void AddTasks(IReadOnlyList<TaskSpec> tasks)
    {
        var names = _args.Names;
        _ = new Cluster($"{_name}-cluster", new ClusterArgs
        {
            Name = names.Cluster,
            Settings = new EcsInputs.ClusterSettingArgs { Name = "containerInsights", Value = "enabled" },
        }, Options.Of(this));
        var log = new LogGroup($"{_name}-tasks-log", new LogGroupArgs { Name = names.TaskLogGroup, RetentionInDays = LogDays }, Options.Of(this));
        foreach (var task in tasks)
        {
            var args = new TaskDefinitionArgs
            {
                Family = task.Family,
                RequiresCompatibilities = "FARGATE",
                NetworkMode = "awsvpc",
                Cpu = task.Cpu,
                Memory = task.Memory,
                RuntimePlatform = new EcsInputs.TaskDefinitionRuntimePlatformArgs { CpuArchitecture = "ARM64", OperatingSystemFamily = "LINUX" },
                ExecutionRoleArn = _args.Identity.Arn("execution"),
                TaskRoleArn = _args.Identity.Arn(task.Role),
                ContainerDefinitions = Output.Tuple(_args.ImageUri, _args.DatabaseKeyArns ?? Output.Create<IReadOnlyDictionary<string, string>>(new Dictionary<string, string>()))
                    .Apply(t => Container(task, t.Item1, task.Verb == FunctionContract.Dump ? t.Item2.GetValueOrDefault(task.Database) : null)),
            };
            if (task.DiskGibibytes is { } disk) args.EphemeralStorage = new EcsInputs.TaskDefinitionEphemeralStorageArgs { SizeInGib = disk };
            _ = new TaskDefinition($"{_name}-{task.Family[(names.Stem.Length + 1)..]}-task", args, Options.Of(this, log, _args.Identity.Ready(task.Role), _args.Identity.Ready("execution")));
        }
    }

    private string Container(TaskSpec task, string image, string? key) => JsonText.Of(new[]
    {
        new
        {
            name = FunctionContract.TaskContainer,
            image,
            essential = true,
            user = "1000",
            entryPoint = new[] { FunctionContract.TaskEntryPoint },
            stopTimeout = StopSeconds,
            environment = new (string Name, string? Value)[]
            {
                (FunctionContract.Handler, task.Verb),
                (FunctionContract.PolicyBucket, _args.Names.ConfigBucket),
                (FunctionContract.PolicyKey, _args.Bundle.Key),
                (FunctionContract.PolicySha256, _args.Bundle.Sha256),
                (FunctionContract.Environment, _args.Settings.Policy.Environment),
                (FunctionContract.Database, task.Database),
                (FunctionContract.KmsKey, key),
            }.Where(v => v.Value is not null).Select(v => new { name = v.Name, value = v.Value }).ToArray(),
            logConfiguration = new
            {
                logDriver = "awslogs",
                options = new Dictionary<string, string>
                {
                    ["awslogs-group"] = _args.Names.TaskLogGroup,
                    ["awslogs-region"] = _args.Names.Region,
                    ["awslogs-stream-prefix"] = task.Family,
                },
            },
        },
    });
}
