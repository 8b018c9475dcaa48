using System.CommandLine;
using Backup.Core.Catalog;
using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Operations.Increments;
using Backup.Core.Policies;
using Backup.Core.Postgres;
using Backup.Core.Storage;

namespace Backup.Cli.Verbs;

/// <summary>
/// What the options mean together: the policy, the vault and the databases that a verb works on. With a policy, or ad hoc from
/// <c>--source</c> and <c>--vault</c>.
/// </summary>
public sealed class Place
{
    /// <summary>The environment of ad hoc backups, and their first key segment.</summary>
    public const string AdHocEnvironment = "local";

    private readonly VerbContext _context;
    private readonly string? _vault;
    private readonly string? _vaultRelativeTo;
    private readonly string? _source;

    private Place(VerbContext context, Policy? policy, string? vault, string? vaultRelativeTo, string? source, string? database, string? environment)
    {
        _context = context;
        Policy = policy;
        _vault = vault;
        _vaultRelativeTo = vaultRelativeTo;
        _source = source;
        Database = database;
        Environment = policy?.Environment ?? environment;
    }

    public Policy? Policy { get; }

    /// <summary>Null = every environment in the vault.</summary>
    public string? Environment { get; }

    public static Place Of(VerbContext context, ParseResult parsed)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(parsed);
        var options = context.Options;
        var path = options.PolicyPath(parsed, context.Machine);
        var policy = path is null ? null : PolicyReader.ReadFileOrThrow(path);
        var vault = parsed.GetValue(options.Vault);
        return new Place(context, policy, vault ?? policy?.Vault, vault is null && path is not null ? Path.GetDirectoryName(path) : context.Machine.WorkingFolder,
            parsed.GetValue(options.Source), parsed.GetValue(options.Database), parsed.GetValue(options.Environment));
    }

    /// <summary>The one that --database names; null = all.</summary>
    public string? Database { get; }

    public bool HasVault => _vault is not null;

    public bool HasSource => _source is not null || Policy is not null;

    public IVault OpenVault() => VaultFactory.Open(
        _vault ?? throw new BackupException(ErrorCode.UsageWrong, "no vault is given", "Add --vault with a folder or s3://bucket/prefix, or --stack NAME."),
        _vaultRelativeTo, _context.Clock);

    /// <summary>The databases to work on, each with its connection.</summary>
    public IReadOnlyList<(DatabasePolicy Database, ConnectionTarget Source)> Databases()
    {
        if (Policy is null)
        {
            var text = _source ?? throw new BackupException(ErrorCode.UsageWrong, "no database is given", "Add --source with its URL, or --stack NAME.");
            var target = Connect(text, "--source");
            return [(new DatabasePolicy { Name = Database ?? target.Database }, target)];
        }

        var chosen = Policy.Databases.Where(d => Database is null || d.Name == Database).ToList();
        if (chosen.Count == 0)
            throw new BackupException(ErrorCode.UsageWrong, $"the policy has no database {Database}", $"It has {string.Join(", ", Policy.Databases.Select(d => d.Name))}.");
        if (_source is not null && chosen.Count > 1)
            throw new BackupException(ErrorCode.UsageWrong, $"--source is one database, the policy has {chosen.Count}", "Name it with --database.");
        return [.. chosen.Select(d => (d, Connect(d)))];
    }

    /// <summary>What the policy says of a database of the vault; null: no policy is given, or it does not name it.</summary>
    public DatabasePolicy? PolicyOf(string database) => Policy?.Databases.FirstOrDefault(d => d.Name == database);

    /// <summary>What the policy protects from being restored over. A reference that cannot be resolved here protects nothing here.</summary>
    public IReadOnlyList<ConnectionTarget> Protected() =>
        [.. (Policy?.Databases ?? []).Where(d => d is { Protected: true, UrlVariable: not null } && _context.Machine[d.UrlVariable] is not null).Select(Connect)];

    public ConnectionTarget Connect(string text, string origin)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.StartsWith("${", StringComparison.Ordinal) && text.EndsWith('}')) return ConnectVariable(text[2..^1], origin);
        return ConnectionText.Parse(text, origin, _context.Machine.UserName);
    }

    /// <summary>The backup that a person means.</summary>
    public async Task<CatalogEntry> FindAsync(IVault vault, string which, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(vault);
        var database = Database ?? (BackupId.TryParse(which, out var id) ? id.Database : null);
        return BackupSelector.Choose(await new BackupCatalog(vault).ListAsync(Environment, database, cancel), which, vault.Name);
    }

    /// <summary>The newest backups of the database that `latest` means, newest first; damaged ones too, increments not.</summary>
    public async Task<IReadOnlyList<CatalogEntry>> FindLastAsync(IVault vault, int count, CancellationToken cancel)
    {
        var entries = await ListAsync(vault, cancel);
        var latest = BackupSelector.Choose(entries, "latest", vault.Name);
        return [.. entries.Where(e => !e.Id.IsIncrement && e.Environment == latest.Environment && e.Id.Database == latest.Id.Database).OrderByDescending(e => e.Id.Time).Take(count)];
    }

    /// <summary>The state that a person means: a backup, and the increments that complete it.</summary>
    public async Task<RestorePoint> FindPointAsync(IVault vault, string which, bool useIncrements, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(vault);
        var database = Database ?? (BackupId.TryParse(which, out var id) ? id.Database : null);
        return RestorePoint.Choose(await new BackupCatalog(vault).ListAsync(Environment, database, cancel), which, vault.Name, useIncrements);
    }

    public async Task<IReadOnlyList<CatalogEntry>> ListAsync(IVault vault, CancellationToken cancel) =>
        await new BackupCatalog(vault).ListAsync(Environment, Database, cancel);

    private ConnectionTarget Connect(DatabasePolicy database)
    {
        if (_source is not null) return Connect(_source, "--source");
        if (database.UrlVariable is { } variable) return ConnectVariable(variable, $"databases.{database.Name}.url");
        throw new BackupException(ErrorCode.UsageWrong, $"the connection of {database.Name} is in the secret {database.Secret}, which only the functions on AWS read",
            $"Add --source '${{NAME}}' with an environment variable that holds the URL, for example: DATABASE_URL=$(aws secretsmanager get-secret-value --secret-id {database.Secret} --query SecretString --output text).");
    }

    private ConnectionTarget ConnectVariable(string variable, string origin) => ConnectionText.Parse(
        _context.Machine[variable] ?? throw new BackupException(ErrorCode.UsageWrong, $"{origin} names the environment variable {variable}, which is not set",
            $"Set it to the database's URL: export {variable}='postgres://…'."),
        $"${{{variable}}}", _context.Machine.UserName);
}
