using Backup.Infra.Compile;
using Backup.Infra.Settings;
using Pulumi;
using Pulumi.Aws.CloudTrail;
using Pulumi.Aws.CloudTrail.Inputs;

namespace Backup.Infra.Components;

public sealed class AuditArgs
{
    public required Names Names { get; init; }
    public required TrailMode Mode { get; init; }
    public required IReadOnlyList<string> Administrators { get; init; }
}

/// <summary>Who read or wrote which object of the vault, in a locked bucket of its own.</summary>
public sealed class Audit : ComponentResource
{
    private const int LockDays = 90;
    private const int KeptDays = 400;

    public Audit(string name, AuditArgs args, ComponentResourceOptions? options = null) : base("backup:infra:Audit", name, options)
    {
        ArgumentNullException.ThrowIfNull(args);
        var names = args.Names;
        var bucket = new SafeBucket($"{name}-bucket", names.TrailBucket, null, objectLock: true, null, this);
        bucket.Lock("GOVERNANCE", LockDays);
        bucket.Lifecycle(
        [
            new LifecycleRule { Id = "expire", ExpireDays = KeptDays, NoncurrentDays = LifecycleCompiler.UndoDays },
            new LifecycleRule { Id = "markers", RemoveMarkers = true },
            new LifecycleRule { Id = "uploads", AbortUploadDays = LifecycleCompiler.UploadDays },
        ]);
        var policy = bucket.Policy(PolicyDocument.Write(BucketPolicies.Trail(names, args.Administrators)));
        var trail = new Trail($"{name}-trail", new TrailArgs
        {
            Name = names.Trail,
            S3BucketName = bucket.Bucket.Id,
            EnableLogFileValidation = true,
            IsMultiRegionTrail = args.Mode == TrailMode.DataAndManagement,
            IncludeGlobalServiceEvents = args.Mode == TrailMode.DataAndManagement,
            AdvancedEventSelectors = Selectors(names, args.Mode).ToArray(),
        }, Options.Guarded(this, policy));
        RegisterOutputs(new Dictionary<string, object?> { ["trail"] = trail.Arn, ["bucket"] = bucket.Bucket.Id });
    }

    private static IEnumerable<TrailAdvancedEventSelectorArgs> Selectors(Names names, TrailMode mode)
    {
        yield return new TrailAdvancedEventSelectorArgs
        {
            Name = "Objects of the vault",
            FieldSelectors =
            {
                new TrailAdvancedEventSelectorFieldSelectorArgs { Field = "eventCategory", Equals = "Data" },
                new TrailAdvancedEventSelectorFieldSelectorArgs { Field = "resources.type", Equals = "AWS::S3::Object" },
                new TrailAdvancedEventSelectorFieldSelectorArgs { Field = "resources.ARN", StartsWiths = $"{Names.BucketArn(names.VaultBucket)}/" },
            },
        };
        if (mode != TrailMode.DataAndManagement) yield break;
        yield return new TrailAdvancedEventSelectorArgs
        {
            Name = "Management",
            FieldSelectors = { new TrailAdvancedEventSelectorFieldSelectorArgs { Field = "eventCategory", Equals = "Management" } },
        };
    }
}
