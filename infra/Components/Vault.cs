using Backup.Core.Model;
using Backup.Core.Policies;
using Backup.Infra.Compile;
using Pulumi;
using Pulumi.Aws.S3;
using In = Pulumi.Aws.S3.Inputs;

namespace Backup.Infra.Components;

public sealed class VaultArgs
{
    public required Names Names { get; init; }
    public required Policy Policy { get; init; }
    public required PolicyBundle Bundle { get; init; }
    public required IReadOnlyList<string> Administrators { get; init; }
    public required Output<string> KeyArn { get; init; }

    /// <summary>By the database's name; empty without a key per database.</summary>
    public required Output<IReadOnlyDictionary<string, string>> DatabaseKeyArns { get; init; }
    public VaultReplication? Replication { get; init; }
}

/// <summary>Where copies go: the bucket's ARN, its account when it is another one, and the copy's key.</summary>
public sealed record VaultReplication(Output<string> RoleArn, Input<string> BucketArn, string? Account, Input<string> KeyArn, IReadOnlyList<Resource> After);

/// <summary>The bucket that holds backups, and the small one that holds the policy under its hash.</summary>
public sealed class Vault : ComponentResource
{
    public Vault(string name, VaultArgs args, ComponentResourceOptions? options = null) : base("backup:infra:Vault", name, options)
    {
        ArgumentNullException.ThrowIfNull(args);
        var (names, policy) = (args.Names, args.Policy);
        var vault = new SafeBucket($"{name}-bucket", names.VaultBucket, args.KeyArn, policy.Lock != LockMode.None, null, this);
        if (policy.Lock != LockMode.None) vault.Lock(Words.Of(policy.Lock).ToUpperInvariant(), RetentionPolicy.FirstLockDays);
        vault.Lifecycle(LifecycleCompiler.Rules(policy));
        // S3 then tells EventBridge of every expiry; nobody else does.
        vault.Add(new BucketNotification($"{name}-bucket-notification", new BucketNotificationArgs { Bucket = vault.Bucket.Id, Eventbridge = true }, Options.Guarded(this)));
        if (args.Replication is { } replication) vault.Add(Replicate(name, vault, replication));
        vault.Policy(Output.Tuple(args.KeyArn, args.DatabaseKeyArns)
            .Apply(t => PolicyDocument.Write(BucketPolicies.Vault(names, policy, args.Administrators, [t.Item1, .. t.Item2.Values.Order(StringComparer.Ordinal)]))));
        Bucket = vault.Bucket;

        var config = new SafeBucket($"{name}-config", names.ConfigBucket, null, objectLock: false, null, this);
        config.Policy(PolicyDocument.Write(BucketPolicies.Config(names, args.Administrators)));
        Config = config.Bucket;
        // A new policy is a new object under a new key. Protect would forbid the replacement; the old object is only forgotten, never deleted.
        PolicyObject = new BucketObjectv2($"{name}-policy-document", new BucketObjectv2Args
        {
            Bucket = config.Bucket.Id,
            Key = args.Bundle.Key,
            Content = args.Bundle.Content,
            ContentType = "application/json",
        }, new CustomResourceOptions { Parent = this, RetainOnDelete = true, DependsOn = { config.Versioning } });
        RegisterOutputs(new Dictionary<string, object?> { ["bucket"] = Bucket.Id, ["config"] = Config.Id, ["policy"] = args.Bundle.Key });
    }

    public Bucket Bucket { get; }

    public Bucket Config { get; }

    public BucketObjectv2 PolicyObject { get; }

    private BucketReplicationConfig Replicate(string name, SafeBucket vault, VaultReplication to)
    {
        var destination = new In.BucketReplicationConfigRuleDestinationArgs
        {
            Bucket = to.BucketArn,
            Metrics = new In.BucketReplicationConfigRuleDestinationMetricsArgs { Status = "Enabled" },
            // S3 demands a key of the copy wherever it copies what lies under a key.
            EncryptionConfiguration = new In.BucketReplicationConfigRuleDestinationEncryptionConfigurationArgs { ReplicaKmsKeyId = to.KeyArn },
        };
        if (to.Account is { } account)
        {
            destination.Account = account;
            destination.AccessControlTranslation = new In.BucketReplicationConfigRuleDestinationAccessControlTranslationArgs { Owner = "Destination" };
        }

        return new BucketReplicationConfig($"{name}-bucket-replication", new BucketReplicationConfigArgs
        {
            Bucket = vault.Bucket.Id,
            Role = to.RoleArn,
            Rules = new In.BucketReplicationConfigRuleArgs
            {
                Id = AlarmCompiler.ReplicationRule,
                Priority = 1,
                Status = "Enabled",
                Filter = new In.BucketReplicationConfigRuleFilterArgs { Prefix = "" },
                DeleteMarkerReplication = new In.BucketReplicationConfigRuleDeleteMarkerReplicationArgs { Status = "Disabled" },
                Destination = destination,
                SourceSelectionCriteria = new In.BucketReplicationConfigRuleSourceSelectionCriteriaArgs
                {
                    SseKmsEncryptedObjects = new In.BucketReplicationConfigRuleSourceSelectionCriteriaSseKmsEncryptedObjectsArgs { Status = "Enabled" },
                },
            },
        }, Options.Guarded(this, [vault.Versioning, .. to.After]));
    }
}
