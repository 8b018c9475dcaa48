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

    /// <summary>Names of the databases whose backups get a key of their own.</summary>
    public IReadOnlyList<string> Databases { get; init; } = [];

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

    private readonly string _name;
    private readonly string _stem;

    public Keys(string name, KeysArgs args, ComponentResourceOptions? options = null) : base("backup:infra:Keys", name, options)
    {
        ArgumentNullException.ThrowIfNull(args);
        var (names, administrators) = (args.Names, args.Administrators);
        (_name, _stem) = (name, names.Stem);
        if (args.Vault) Vault = One("vault", names.Alias, "Backups", KeyPolicies.Vault(names, administrators), null);
        if (args.CopyRegion is { } region)
            Copy = One("copy", names.Alias, "Copies of backups", KeyPolicies.Copy(names, administrators, args.SourceAccount), region);
        var own = args.Databases.Select(d => One($"database-{Names.Database(d)}", $"{names.Alias}-{Names.Database(d)}", $"Backups of {d}", KeyPolicies.Database(names, d, administrators), null)
            .Arn.Apply(arn => (Database: d, Arn: arn)));
        DatabaseArns = Output.All(own).Apply(keys => (IReadOnlyDictionary<string, string>)keys.ToDictionary(k => k.Database, k => k.Arn));
        RegisterOutputs(new Dictionary<string, object?> { ["vault"] = Vault?.Arn, ["copy"] = Copy?.Arn, ["databases"] = DatabaseArns.Apply(k => k.Count) });
    }

    /// <summary>By the database's name.</summary>
    public Output<IReadOnlyDictionary<string, string>> DatabaseArns { get; }

    public Key? Vault { get; }

    public Key? Copy { get; }

    private Key One(string what, string alias, string description, IEnumerable<Statement> policy, string? region)
    {
        var key = new Key($"{_name}-{what}", new KeyArgs
        {
            Description = description,
            Policy = PolicyDocument.Write(policy),
            EnableKeyRotation = true,
            RotationPeriodInDays = RotationDays,
            DeletionWindowInDays = DeletionDays,
            Region = region!,
            // The provider's default tags say it too; policies go by it, so it must not depend on them.
            Tags = { { Grants.StackTag, _stem } },
        }, Options.Guarded(this));
        _ = new Pulumi.Aws.Kms.Alias($"{_name}-{what}-alias", new AliasArgs { Name = alias, TargetKeyId = key.KeyId, Region = region! }, Options.Guarded(this));
        return key;
    }
}
