using Backup.Core.Policies;
using Backup.Infra.Compile;
using Pulumi;
using Pulumi.Aws.SecretsManager;

namespace Backup.Infra.Components;

public sealed class SecretsArgs
{
    public required Names Names { get; init; }
    public required IReadOnlyList<DatabasePolicy> Databases { get; init; }

    /// <summary>Name of the secret with the private gpg key for proofs, or null.</summary>
    public string? DrillKey { get; init; }
    public required IReadOnlyList<string> Administrators { get; init; }
}

/// <summary>
/// One secret per database, and one for the drill key, without a value: people set it with `backup secret set`. A value that Pulumi owned would lie in its state and would be
/// put back over a rotated one.
/// </summary>
public sealed class Secrets : ComponentResource
{
    private const int RecoveryDays = 30;

    private readonly Dictionary<string, Secret> _byDatabase = new(StringComparer.Ordinal);

    public Secrets(string name, SecretsArgs args, ComponentResourceOptions? options = null) : base("backup:infra:Secrets", name, options)
    {
        ArgumentNullException.ThrowIfNull(args);
        foreach (var database in args.Databases)
        {
            _byDatabase[database.Name] = One(args, $"{name}-{Names.Database(database.Name)}", database.Secret!, $"Connection of {database.Name}",
                ServicePolicies.Secret(args.Names, database.Name, args.Administrators));
        }

        // No database's part of a name holds a dot.
        DrillKeyArn = args.DrillKey is null ? Output.Create((string?)null)
            : One(args, $"{name}.drill-key", args.DrillKey, "Private gpg key for proofs: it reads every backup", ServicePolicies.DrillKey(args.Names)).Arn.Apply(arn => (string?)arn);
        Arns = Output.All(_byDatabase.Select(s => s.Value.Arn.Apply(arn => (s.Key, Arn: arn))))
            .Apply(pairs => (IReadOnlyDictionary<string, string>)pairs.ToDictionary(p => p.Key, p => p.Arn));
        RegisterOutputs(new Dictionary<string, object?> { ["secrets"] = Arns.Apply(a => a.Count) });
    }

    /// <summary>By the database's name.</summary>
    public Output<IReadOnlyDictionary<string, string>> Arns { get; }

    /// <summary>Null without a drill key.</summary>
    public Output<string?> DrillKeyArn { get; }

    public Secret Of(string database) => _byDatabase[database];

    private Secret One(SecretsArgs args, string name, string physicalName, string description, IEnumerable<Statement> policy) => new(name, new SecretArgs
    {
        Name = physicalName,
        Description = description,
        Policy = PolicyDocument.Write(policy),
        RecoveryWindowInDays = RecoveryDays,
        Tags = { { Grants.StackTag, args.Names.Stem } },
    }, new CustomResourceOptions { Parent = this, RetainOnDelete = true });
}
