using Backup.Core.Policies;

namespace Backup.Infra.Settings;

/// <summary>Which half of the product this stack is: everything, or only the bucket in a second account.</summary>
public enum StackRole
{
    Main,
    Copy,
}

public enum OperatorKind
{
    IamUsers,
    IdentityCenter,
}

public enum OidcProvider
{
    Create,
    Existing,
}

/// <summary>What the stack itself records: nothing, every access to the vault's objects, or those and the account's management events.</summary>
public enum TrailMode
{
    None,
    Data,
    DataAndManagement,
}

/// <summary>The stack's whole configuration, valid. Holds no secret: those are read by <c>Program</c> as secret outputs.</summary>
public sealed record InfraSettings
{
    public required Policy Policy { get; init; }

    /// <summary>The policy as JSON, as Pulumi gave it.</summary>
    public required string PolicyJson { get; init; }
    public StackRole Role { get; init; }

    /// <summary>Twelve digits. The provider refuses every other account.</summary>
    public required string Account { get; init; }
    public required string Region { get; init; }

    /// <summary>ARNs of roles, of this account, which may change vault, keys, trail and boundary.</summary>
    public required IReadOnlyList<string> VaultAdmins { get; init; }
    public OperatorSettings? Operators { get; init; }

    /// <summary>owner/name, or null: no roles for continuous integration.</summary>
    public string? Github { get; init; }
    public OidcProvider OidcProvider { get; init; }

    /// <summary>Where Pulumi keeps its state, for the roles of continuous integration.</summary>
    public StateSettings? State { get; init; }

    /// <summary>repository@sha256:…, or null: Pulumi builds it.</summary>
    public string? Image { get; init; }

    /// <summary>Each database's backups lie under a key of their own, so that ending the key erases them all.</summary>
    public bool KeyPerDatabase { get; init; }

    /// <summary>Null: a minimal network is made.</summary>
    public NetworkSettings? Network { get; init; }
    public TrailMode Trail { get; init; }

    /// <summary>US dollars a month; null: no budget.</summary>
    public int? Budget { get; init; }
    public ChatSettings? Chat { get; init; }

    /// <summary>Where the copy is; null when the policy wants none.</summary>
    public CopySettings? Copy { get; init; }

    /// <summary>Role copy only: the account whose backups arrive here.</summary>
    public string? Source { get; init; }

    /// <summary>Months between two rotations of the database passwords; null: none.</summary>
    public int? RotationMonths { get; init; }

    /// <summary>Which of pagerduty, slack, heartbeat are set as secrets.</summary>
    public required IReadOnlySet<string> Secrets { get; init; }

    /// <summary>What works and is rarely meant; printed by `pulumi preview` and `up`.</summary>
    public IReadOnlyList<string> Warnings => Network is { PublicIp: false }
        ? ["backup:network.publicIp is false: tasks leave through what these subnets route to. A NAT gateway costs 33 USD a month and 0.045 USD per GB, which is 168 USD for 100 GB a day; "
            + "public subnets with publicIp: true cost nothing, and nothing can come in"]
        : [];

    public Names Names => new(Policy.Project, Policy.Environment, Account, Region);
}

/// <param name="Principals">ARNs of users, or names of permission sets.</param>
public sealed record OperatorSettings(OperatorKind Kind, IReadOnlyList<string> Principals);

public sealed record StateSettings(string Bucket, string KeyArn);

public sealed record NetworkSettings(IReadOnlyList<string> Subnets, string SecurityGroup, bool PublicIp);

public sealed record ChatSettings(string Workspace, string Channel);

/// <param name="Account">Equal to the stack's own for <c>copy: region</c>.</param>
public sealed record CopySettings(string Account, string Region);

/// <summary>One key of the stack's configuration: plain text, or JSON for what is structured; null when it is not set.</summary>
public delegate string? ConfigValue(string key);
