using Backup.Infra.Compile;
using Pulumi;
using Pulumi.Aws.Kms;

namespace Backup.Infra.Components;

public sealed class KeysArgs
{
    public required Names Names { get; init; }
    public required IReadOnlyList<string> Administrators { get; init; }

    /// <summary>False in the second account, where there are copies only.</summary>
    public bool Vault { get; init; } = true;

    /// <summary>Where copies lie, when they lie in this account: a plain key, since S3 gains nothing from a multi-Region one.</summary>
    public string? CopyRegion { get; init; }

    /// <summary>The account that copies come from.</summary>
    public required string SourceAccount { get; init; }
}

/// <summary>The keys under which backups lie.</summary>
public sealed class Keys : ComponentResource
{
    private const int DeletionDays = 30;
    private const int RotationDays = 365;

    public Keys(string name, KeysArgs args, ComponentResourceOptions? options = null) : base("backup:infra:Keys", name, options)
    {
        ArgumentNullException.ThrowIfNull(args);
        var (names, administrators) = (args.Names, args.Administrators);
        if (args.Vault) Vault = One(name, "vault", names.Alias, "Backups", KeyPolicies.Vault(names, administrators), null);
        if (args.CopyRegion is { } region)
            Copy = One(name, "copy", names.Alias, "Copies of backups", KeyPolicies.Copy(names, administrators, args.SourceAccount), region);
        RegisterOutputs(new Dictionary<string, object?> { ["vault"] = Vault?.Arn, ["copy"] = Copy?.Arn });
    }

    public Key? Vault { get; }

    public Key? Copy { get; }

    private Key One(string name, string what, string alias, string description, IEnumerable<Statement> policy, string? region)
    {
        var key = new Key($"{name}-{what}", new KeyArgs
        {
            Description = description,
            Policy = PolicyDocument.Write(policy),
            EnableKeyRotation = true,
            RotationPeriodInDays = RotationDays,
            DeletionWindowInDays = DeletionDays,
            Region = region!,
        }, Options.Guarded(this));
        _ = new Pulumi.Aws.Kms.Alias($"{name}-{what}-alias", new AliasArgs { Name = alias, TargetKeyId = key.KeyId, Region = region! }, Options.Guarded(this));
        return key;
    }
}
