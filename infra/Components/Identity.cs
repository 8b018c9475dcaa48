using Backup.Infra.Compile;
using Backup.Infra.Settings;
using Pulumi;
using Pulumi.Aws.Iam;

namespace Backup.Infra.Components;

public sealed class IdentityArgs
{
    public required Names Names { get; init; }
    public required InfraSettings Settings { get; init; }

    /// <summary>The vault's key and the secrets, which policies name.</summary>
    public required Output<Made> Made { get; init; }

    /// <summary>Where copies go, or null.</summary>
    public string? CopyBucket { get; init; }

    /// <summary>ARN of the copy's key, or of the keys in the copy's account.</summary>
    public Output<string>? CopyKeyArn { get; init; }
}

/// <summary>Every role, each with its own policy inside a boundary. What each may do is in Compile/*Policies.cs; the outcome is in docs/security.md.</summary>
public sealed class Identity : ComponentResource
{
    private const int RestoreSeconds = 12 * 3600;
    private const int ShortSeconds = 3600;

    private readonly string _name;
    private readonly IdentityArgs _args;
    private readonly Policy _boundary;
    private readonly Dictionary<string, (Role Role, RolePolicy Policy)> _roles = new(StringComparer.Ordinal);

    public Identity(string name, IdentityArgs args, ComponentResourceOptions? options = null) : base("backup:infra:Identity", name, options)
    {
        ArgumentNullException.ThrowIfNull(args);
        (_name, _args) = (name, args);
        var (names, settings) = (args.Names, args.Settings);
        _boundary = Boundary("boundary", names.Boundary, Boundaries.Workload(names));
        var policy = settings.Policy;
        var fargate = Sizing.NeedsFargate(policy);
        foreach (var database in policy.Databases)
        {
            var trust = fargate ? ServicePolicies.WorkerTrust(names) : ServicePolicies.LambdaTrust();
            var part = Names.Database(database.Name);
            Add($"writer-{part}", trust, args.Made.Apply(made => WorkerPolicies.Writer(names, database, made)));
            Add($"drill-{part}", trust, args.Made.Apply(made => WorkerPolicies.Drill(names, database, made, fargate)));
        }

        Add("watch", ServicePolicies.LambdaTrust(), args.Made.Apply(made => WorkerPolicies.Watch(names, made, args.CopyBucket)));
        Add("pruner", ServicePolicies.LambdaTrust(), args.Made.Apply(made => WorkerPolicies.Pruner(names, made)));
        if (settings.RotationMonths is not null) Add("rotation", ServicePolicies.LambdaTrust(), Output.Create(WorkerPolicies.Rotation(names)));
        Add("scheduler", ServicePolicies.SchedulerTrust(names), Output.Create(WorkerPolicies.Scheduler(names)));
        if (fargate) Add("execution", ServicePolicies.TaskTrust(names), Output.Create(WorkerPolicies.Execution(names)));
        if (args.CopyBucket is { } copy && args.CopyKeyArn is { } copyKey)
        {
            Add("replication", ServicePolicies.ReplicationTrust(names), Output.Tuple(args.Made, copyKey)
                .Apply(t => WorkerPolicies.Replication(names, t.Item1, copy, t.Item2, settings.Copy!.Region)));
        }

        People(names, settings);
        if (settings.Github is { } repository) Ci(names, settings, repository);
        RegisterOutputs(new Dictionary<string, object?> { ["roles"] = _roles.Keys.Order(StringComparer.Ordinal).ToArray() });
    }

    /// <summary>Of a role below the stack's name. Whoever uses it should wait for <see cref="Ready"/>.</summary>
    public Output<string> Arn(string role) => _roles[role].Role.Arn;

    /// <summary>The role with its rights: AWS looks at them when a function is made.</summary>
    public Resource Ready(string role) => _roles[role].Policy;

    private void People(Names names, InfraSettings settings)
    {
        var operators = PolicyDocument.Trust(PeoplePolicies.Operators(names, settings.Operators!));
        Add("restore-operator", operators, _args.Made.Apply(made => PeoplePolicies.RestoreOperator(names, made)), RestoreSeconds);
        Add("auditor", operators, _args.Made.Apply(made => PeoplePolicies.Auditor(names, made)));
        // No boundary: it is what may change the boundary.
        Add("vault-admin", PolicyDocument.Trust(PeoplePolicies.Administrators(names, settings.VaultAdmins)),
            _args.Made.Apply(made => PeoplePolicies.VaultAdmin(names, made)), boundary: null, guarded: true);
    }

    private void Ci(Names names, InfraSettings settings, string repository)
    {
        var boundary = Boundary("ci-boundary", names.CiBoundary, Boundaries.Ci(names));
        var provider = settings.OidcProvider == OidcProvider.Existing
            ? Output.Create(CiPolicies.ProviderArn(names))
            : new OpenIdConnectProvider($"{_name}-github", new OpenIdConnectProviderArgs
            {
                Url = $"https://{CiPolicies.Provider}",
                ClientIdLists = "sts.amazonaws.com",
            }, Options.Of(this)).Arn;
        var environment = settings.Policy.Environment;
        Add("ci-preview", provider.Apply(arn => PolicyDocument.Trust(CiPolicies.Trust(arn, repository, $"{environment}-preview"))),
            Output.Create(CiPolicies.Preview(names, settings.State!)), ShortSeconds, boundary);
        Add("ci-deploy", provider.Apply(arn => PolicyDocument.Trust(CiPolicies.Trust(arn, repository, environment))),
            Output.Create(CiPolicies.Deploy(names, settings.State!)), ShortSeconds, boundary);
    }

    private Policy Boundary(string what, string physicalName, IEnumerable<Statement> statements) => new($"{_name}-{what}", new PolicyArgs
    {
        Name = physicalName,
        PolicyDocument = PolicyDocument.Write(statements),
    }, Options.Guarded(this));

    private void Add(string role, Input<string> trust, Output<IEnumerable<Statement>> policy, int seconds = ShortSeconds) =>
        Add(role, trust, policy, seconds, _boundary);

    private void Add(string role, Input<string> trust, Output<IEnumerable<Statement>> policy, Policy? boundary, bool guarded) =>
        Add(role, trust, policy, ShortSeconds, boundary, guarded);

    private void Add(string role, Input<string> trust, Output<IEnumerable<Statement>> policy, int seconds, Policy? boundary, bool guarded = false)
    {
        var args = new RoleArgs { Name = _args.Names.Role(role), AssumeRolePolicy = trust.ToOutput(), MaxSessionDuration = seconds };
        if (boundary is not null) args.PermissionsBoundary = boundary.Arn;
        var made = new Role($"{_name}-{role}", args, guarded ? Options.Guarded(this) : Options.Of(this));
        var rights = new RolePolicy($"{_name}-{role}-policy", new RolePolicyArgs
        {
            Name = "own",
            Role = made.Name,
            Policy = policy.Apply(PolicyDocument.Write),
        }, guarded ? Options.Guarded(this) : Options.Of(this));
        _roles[role] = (made, rights);
    }
}
