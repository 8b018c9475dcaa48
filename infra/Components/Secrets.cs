using Backup.Core.Policies;
using Backup.Infra.Compile;
using Pulumi;
using Pulumi.Aws.SecretsManager;

namespace Backup.Infra.Components;

public sealed class SecretsArgs
{
    public required Names Names { get; init; }
    public required IReadOnlyList<DatabasePolicy> Databases { get; init; }
    public required IReadOnlyList<string> Administrators { get; init; }
}

/// <summary>
/// One secret per database, without a value: people set it with `backup secret set`. A value that Pulumi owned would lie in its state and would be
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
            _byDatabase[database.Name] = new Secret($"{name}-{Names.Database(database.Name)}", new SecretArgs
            {
                Name = database.Secret!,
                Description = $"Connection of {database.Name}",
                Policy = PolicyDocument.Write(ServicePolicies.Secret(args.Names, database.Name, args.Administrators)),
                RecoveryWindowInDays = RecoveryDays,
                Tags = { { Grants.StackTag, args.Names.Stem } },
            }, new CustomResourceOptions { Parent = this, RetainOnDelete = true });
        }

        Arns = Output.All(_byDatabase.Select(s => s.Value.Arn.Apply(arn => (s.Key, Arn: arn))))
            .Apply(pairs => (IReadOnlyDictionary<string, string>)pairs.ToDictionary(p => p.Key, p => p.Arn));
        RegisterOutputs(new Dictionary<string, object?> { ["secrets"] = Arns.Apply(a => a.Count) });
    }

    /// <summary>By the database's name.</summary>
    public Output<IReadOnlyDictionary<string, string>> Arns { get; }

    public Secret Of(string database) => _byDatabase[database];
}
