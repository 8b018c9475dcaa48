using Backup.Core.Model;
using Backup.Core.Policies;
using Backup.Infra.Compile;
using Pulumi;
using Pulumi.Aws.S3;

namespace Backup.Infra.Components;

public sealed class CopyVaultArgs
{
    public required Names Names { get; init; }
    public required Policy Policy { get; init; }
    public required IReadOnlyList<string> Administrators { get; init; }
    public required Output<string> KeyArn { get; init; }
    public required string SourceAccount { get; init; }

    /// <summary>The copy's region; null: the stack's own.</summary>
    public string? Region { get; init; }
}

/// <summary>
/// The bucket that replication fills. In a second account its lock is compliance for as long as a daily backup is kept: a compromised administrator of
/// the first account cannot reach it, one of the second cannot end it.
/// </summary>
public sealed class CopyVault : ComponentResource
{
    private const int ShortestLockDays = 7;

    public CopyVault(string name, CopyVaultArgs args, ComponentResourceOptions? options = null) : base("backup:infra:CopyVault", name, options)
    {
        ArgumentNullException.ThrowIfNull(args);
        var (names, policy) = (args.Names, args.Policy);
        var foreign = args.SourceAccount != names.Account;
        var mode = foreign ? LockMode.Compliance : policy.Lock;
        var copy = new SafeBucket($"{name}-bucket", names.CopyBucket, args.KeyArn, mode != LockMode.None, args.Region, this);
        if (mode != LockMode.None) copy.Lock(Words.Of(mode).ToUpperInvariant(), foreign ? LockDays(policy) : ShortestLockDays);
        copy.Lifecycle(LifecycleCompiler.CopyRules(policy));
        copy.Policy(args.KeyArn.Apply(key => PolicyDocument.Write(BucketPolicies.Copy(names, args.Administrators, args.SourceAccount, key))));
        Bucket = copy.Bucket;
        Versioning = copy.Versioning;
        RegisterOutputs(new Dictionary<string, object?> { ["bucket"] = Bucket.Id });
    }

    public Bucket Bucket { get; }

    public BucketVersioning Versioning { get; }

    /// <summary>No longer than the shortest-lived tier: a lock that outlives its backup is paid for and protects nothing.</summary>
    public static int LockDays(Policy policy)
    {
        ArgumentNullException.ThrowIfNull(policy);
        return policy.Retention is { Keep.Count: > 0 } retention ? retention.Keep.Values.Min(span => span.ShortestDays) : ShortestLockDays;
    }
}
