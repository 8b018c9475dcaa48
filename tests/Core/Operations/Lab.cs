using Backup.Core.Catalog;
using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Core.Operations.Drills;
using Backup.Core.Policies;
using Backup.Core.Postgres;
using Backup.Core.Storage;
using Backup.Tests.Support;
using Npgsql;

namespace Backup.Core.Tests.Operations;

/// <summary>One vault and the operations over it, with short words for what most tests do. The vault is a folder unless another is given.</summary>
public sealed class Lab(PostgresFixture postgres, IVault? vault = null, MachineEnvironment? machine = null) : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("backup-lab-").FullName;
    private readonly List<string> _made = [];
    private IVault? _vault = vault;

    public MachineEnvironment Machine { get; } = machine ?? postgres.Machine;
    public ManualClock Clock { get; } = new(new DateTimeOffset(2026, 3, 4, 5, 6, 7, TimeSpan.Zero));
    public IVault Vault => _vault ??= new FolderVault(Path.Combine(_folder, "vault"), Clock);
    public string VaultFolder => Path.Combine(_folder, "vault");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public RunRequest Request(string url, Func<DatabasePolicy, DatabasePolicy>? change = null)
    {
        var database = new DatabasePolicy { Name = "db" };
        return new RunRequest
        {
            Project = "lab",
            Environment = "test",
            Database = change is null ? database : change(database),
            Source = ConnectionText.Parse(url, "the test's database", "nobody"),
            Vault = Vault,
            Kind = BackupKind.Manual,
        };
    }

    public Task<RunReport> RunAsync(string url, Func<DatabasePolicy, DatabasePolicy>? change = null) => RunAsync(Request(url, change));

    public async Task<RunReport> RunAsync(RunRequest request)
    {
        var report = await new RunBackup(Machine, Clock, postgres.Installations).ExecuteAsync(request, Cancel);
        Clock.Advance(TimeSpan.FromMinutes(1)); // ids are made of whole seconds
        return report;
    }

    public async Task<CatalogEntry> LatestAsync() =>
        BackupSelector.Choose(await new BackupCatalog(Vault).ListAsync("test", null, Cancel), "latest", Vault.Name);

    public async Task<VerifyResult> VerifyAsync(VerifyLevel level = VerifyLevel.Archive) =>
        await new VerifyBackup(Machine, Clock, postgres.Installations).ExecuteAsync(Vault, await LatestAsync(), level, record: false, Cancel);

    public async Task<RestoreReport> RestoreAsync(string url, RestoreMode mode = RestoreMode.Create, Func<RestoreRequest, RestoreRequest>? change = null)
    {
        var request = new RestoreRequest
        {
            Vault = Vault,
            Backup = await LatestAsync(),
            Target = ConnectionText.Parse(url, "the test's target", "nobody"),
            Mode = mode,
            AfterRestore = AfterRestore.None,
            Comparison = Comparison.Full,
        };
        return await new RestoreBackup(Machine, Clock, postgres.Installations).ExecuteAsync(change is null ? request : change(request), Cancel);
    }

    public async Task<DrillReport> DrillAsync(Func<DrillRequest, DrillRequest>? change = null)
    {
        var request = new DrillRequest { Vault = Vault, Backup = await LatestAsync(), Record = false };
        return await new RunDrill(Machine, Clock, postgres.Installations).ExecuteAsync(change is null ? request : change(request), Cancel);
    }

    /// <summary>URL of a database that does not exist yet; it is dropped with the lab if it does then.</summary>
    public async Task<string> NewUrlAsync(string name = "restored")
    {
        var unique = $"{name}_{Guid.NewGuid():n}"[..Math.Min(60, name.Length + 9)];
        _made.Add(unique);
        return (await postgres.ClusterAsync()).Url(unique);
    }

    /// <summary>The independent judge, on the shared server.</summary>
    public async Task<IReadOnlyList<string>> DifferencesAsync(string left, string right, ComparisonOptions? options = null) =>
        await DatabaseComparison.CompareAsync((await postgres.ClusterAsync()).Installation.Tool("pg_dump"), left, right, options);

    public async Task<IReadOnlyList<string>> DatabasesAsync() => (await Database.ScalarAsync<string>(
        (await postgres.ClusterAsync()).Url("postgres"), "SELECT string_agg(datname, '|' ORDER BY datname) FROM pg_database")).Split('|');

    public async ValueTask DisposeAsync()
    {
        if (_vault is not null) await _vault.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
        if (_made.Count == 0) return;
        var cluster = await postgres.ClusterAsync();
        NpgsqlConnection.ClearAllPools();
        foreach (var name in (await DatabasesAsync()).Where(d => _made.Any(m => d == m || d.StartsWith(m + "_", StringComparison.Ordinal))))
            await Database.SqlAsync(cluster.Url("postgres"), $"DROP DATABASE {Database.Quoted(name)} WITH (FORCE)");
    }
}
