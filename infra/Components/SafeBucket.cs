using Backup.Infra.Compile;
using Pulumi;
using Pulumi.Aws.S3;
using In = Pulumi.Aws.S3.Inputs;

namespace Backup.Infra.Components;

/// <summary>What every bucket of the stack is: versioned, private, owned, encrypted. Its policy comes last, so that it cannot lock out its own making.</summary>
internal sealed class SafeBucket
{
    private readonly string _name;
    private readonly string? _region;
    private readonly Resource _parent;
    private readonly List<Resource> _children = [];

    /// <param name="keyArn">Null: keys of S3 itself.</param>
    public SafeBucket(string name, string bucketName, Input<string>? keyArn, bool objectLock, string? region, Resource parent)
    {
        (_name, _region, _parent) = (name, region, parent);
        Bucket = new Bucket(name, new BucketArgs { BucketName = bucketName, ObjectLockEnabled = objectLock, Region = region! }, Options.Guarded(parent));
        Versioning = Add(new BucketVersioning($"{name}-versioning", new BucketVersioningArgs
        {
            Bucket = Bucket.Id,
            Region = region!,
            VersioningConfiguration = new In.BucketVersioningVersioningConfigurationArgs { Status = "Enabled" },
        }, Options.Guarded(parent)));
        Add(new BucketOwnershipControls($"{name}-ownership", new BucketOwnershipControlsArgs
        {
            Bucket = Bucket.Id,
            Region = region!,
            Rule = new In.BucketOwnershipControlsRuleArgs { ObjectOwnership = "BucketOwnerEnforced" },
        }, Options.Guarded(parent)));
        Add(new BucketPublicAccessBlock($"{name}-public-access", new BucketPublicAccessBlockArgs
        {
            Bucket = Bucket.Id,
            Region = region!,
            BlockPublicAcls = true,
            BlockPublicPolicy = true,
            IgnorePublicAcls = true,
            RestrictPublicBuckets = true,
        }, Options.Guarded(parent)));
        Add(new BucketServerSideEncryptionConfiguration($"{name}-encryption", new BucketServerSideEncryptionConfigurationArgs
        {
            Bucket = Bucket.Id,
            Region = region!,
            Rules = new In.BucketServerSideEncryptionConfigurationRuleArgs
            {
                ApplyServerSideEncryptionByDefault = new In.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs
                {
                    SseAlgorithm = keyArn is null ? "AES256" : "aws:kms",
                    KmsMasterKeyId = keyArn,
                },
                BucketKeyEnabled = keyArn is not null,
                BlockedEncryptionTypes = "SSE-C",
            },
        }, Options.Guarded(parent)));
    }

    public Bucket Bucket { get; }

    public BucketVersioning Versioning { get; }

    public T Add<T>(T child) where T : Resource
    {
        _children.Add(child);
        return child;
    }

    public void Lock(string mode, int days) => Add(new BucketObjectLockConfiguration($"{_name}-lock", new BucketObjectLockConfigurationArgs
    {
        Bucket = Bucket.Id,
        Region = _region!,
        ObjectLockEnabled = "Enabled",
        Rule = new In.BucketObjectLockConfigurationRuleArgs
        {
            DefaultRetention = new In.BucketObjectLockConfigurationRuleDefaultRetentionArgs { Mode = mode, Days = days },
        },
    }, Options.Guarded(_parent, Versioning)));

    public void Lifecycle(IEnumerable<LifecycleRule> rules) => Add(new BucketLifecycleConfiguration($"{_name}-lifecycle", new BucketLifecycleConfigurationArgs
    {
        Bucket = Bucket.Id,
        Region = _region!,
        // Manifests and small chunks stay where they are read at once.
        TransitionDefaultMinimumObjectSize = "all_storage_classes_128K",
        Rules = rules.Select(Rule).ToArray(),
    }, Options.Guarded(_parent, Versioning)));

    public BucketPolicy Policy(Input<string> document) =>
        new($"{_name}-policy", new BucketPolicyArgs { Bucket = Bucket.Id, Region = _region!, Policy = document.ToOutput() }, Options.Guarded(_parent, _children));

    private static In.BucketLifecycleConfigurationRuleArgs Rule(LifecycleRule rule)
    {
        var args = new In.BucketLifecycleConfigurationRuleArgs { Id = rule.Id, Status = "Enabled", Filter = Filter(rule) };
        if (rule.ExpireDays is { } days) args.Expiration = new In.BucketLifecycleConfigurationRuleExpirationArgs { Days = days };
        if (rule.RemoveMarkers) args.Expiration = new In.BucketLifecycleConfigurationRuleExpirationArgs { ExpiredObjectDeleteMarker = true };
        if (rule.NoncurrentDays is { } undo) args.NoncurrentVersionExpiration = new In.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs { NoncurrentDays = undo };
        if (rule.AbortUploadDays is { } abort) args.AbortIncompleteMultipartUpload = new In.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs { DaysAfterInitiation = abort };
        foreach (var (age, storageClass) in rule.Transitions)
            args.Transitions.Add(new In.BucketLifecycleConfigurationRuleTransitionArgs { Days = age, StorageClass = storageClass });
        return args;
    }

    private static In.BucketLifecycleConfigurationRuleFilterArgs Filter(LifecycleRule rule)
    {
        if (rule.State is null) return new In.BucketLifecycleConfigurationRuleFilterArgs { Prefix = rule.Prefix };
        if (rule.Prefix.Length == 0)
        {
            return new In.BucketLifecycleConfigurationRuleFilterArgs
            {
                Tag = new In.BucketLifecycleConfigurationRuleFilterTagArgs { Key = LifecycleCompiler.StateTag, Value = rule.State },
            };
        }

        return new In.BucketLifecycleConfigurationRuleFilterArgs
        {
            And = new In.BucketLifecycleConfigurationRuleFilterAndArgs { Prefix = rule.Prefix, Tags = { { LifecycleCompiler.StateTag, rule.State } } },
        };
    }
}
