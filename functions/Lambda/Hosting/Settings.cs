using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Policies;

namespace Backup.Lambda.Hosting;

/// <summary>What a function is deployed with. The infrastructure sets these variables (infra/FunctionContract.cs has the same names).</summary>
public sealed record Settings
{
    public const string PolicyBucketVariable = "BACKUP_POLICY_BUCKET";
    public const string PolicyKeyVariable = "BACKUP_POLICY_KEY";
    public const string PolicySha256Variable = "BACKUP_POLICY_SHA256";
    public const string EnvironmentVariable = "BACKUP_ENVIRONMENT";
    public const string DatabaseVariable = "BACKUP_DATABASE";
    public const string KmsKeyVariable = "BACKUP_KMS_KEY";
    public const string ClusterVariable = "BACKUP_CLUSTER";
    public const string TaskDefinitionVariable = "BACKUP_TASK_DEFINITION";
    public const string SubnetsVariable = "BACKUP_SUBNETS";
    public const string SecurityGroupVariable = "BACKUP_SECURITY_GROUP";
    public const string AssignPublicIpVariable = "BACKUP_ASSIGN_PUBLIC_IP";

    /// <summary>Which function this process is; also set for a task.</summary>
    public const string HandlerVariable = "ANNOTATIONS_HANDLER";

    /// <summary>The event of a task.</summary>
    public const string EventVariable = "BACKUP_EVENT";

    /// <summary>The container's name in the task definition.</summary>
    public const string TaskContainer = "backup";

    public required string PolicyBucket { get; init; }
    public required string PolicyKey { get; init; }
    public required string PolicySha256 { get; init; }

    /// <summary>The policy's: figures carry it, also when the policy cannot be read.</summary>
    public required string Environment { get; init; }

    /// <summary>The only database that this function may serve, or null.</summary>
    public string? Database { get; init; }

    /// <summary>ARN of the key under which this function's backups lie; null: the bucket's own.</summary>
    public string? KmsKey { get; init; }

    /// <summary>Where a run can be handed over to, or null.</summary>
    public FargatePlace? Fargate { get; init; }

    public static Settings Read(MachineEnvironment machine)
    {
        ArgumentNullException.ThrowIfNull(machine);
        return new Settings
        {
            PolicyBucket = Required(machine, PolicyBucketVariable),
            PolicyKey = Required(machine, PolicyKeyVariable),
            PolicySha256 = Required(machine, PolicySha256Variable),
            Environment = Required(machine, EnvironmentVariable),
            Database = machine[DatabaseVariable],
            KmsKey = machine[KmsKeyVariable],
            Fargate = machine[ClusterVariable] is not { } cluster ? null : new FargatePlace
            {
                Cluster = cluster,
                TaskDefinition = Required(machine, TaskDefinitionVariable),
                Subnets = Required(machine, SubnetsVariable).Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries),
                SecurityGroup = Required(machine, SecurityGroupVariable),
                AssignPublicIp = machine[AssignPublicIpVariable] == "true",
            },
        };
    }

    /// <summary>The database of an event whose failure is counted even when the policy cannot be read; null: only the policy can say whether it exists.</summary>
    public string? Serves(string? database) => Database is not null && Database == database ? database : null;

    /// <summary>The policy's vault, for whoever makes backups.</summary>
    public string VaultOf(Policy policy)
    {
        ArgumentNullException.ThrowIfNull(policy);
        return KmsKey is null ? policy.Vault! : $"{policy.Vault}?kmsKey={Uri.EscapeDataString(KmsKey)}";
    }

    private static string Required(MachineEnvironment machine, string name) => machine[name]
        ?? throw new BackupException(ErrorCode.UsageWrong, $"the environment variable {name} is not set", "Deploy the function with `pulumi up`, which sets it.");
}

public sealed record FargatePlace
{
    public required string Cluster { get; init; }
    public required string TaskDefinition { get; init; }
    public required IReadOnlyList<string> Subnets { get; init; }
    public required string SecurityGroup { get; init; }
    public bool AssignPublicIp { get; init; }
}
