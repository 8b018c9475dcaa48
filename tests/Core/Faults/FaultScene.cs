using System.Globalization;
using Backup.Core.Catalog;
using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Core.Policies;
using Backup.Core.Postgres;
using Backup.Core.Storage;
using Backup.Tests.Support;

namespace Backup.Core.Tests.Faults;

/// <summary>
/// A database with two tables that become chunks and some that do not, a vault with one good backup, and a temporary folder that no other test
/// shares: whatever a failed run leaves behind shows here. TMPDIR is this scene's, which also marks its processes.
/// </summary>
internal sealed class FaultScene : IAsyncDisposable
{
    private readonly TestDatabase? _database;
    private readonly List<string> _good = [];
    private int _runs;

    private FaultScene(string root, TestDatabase? database, string url, MachineEnvironment machine, IVault vault)
    {
        Root = root;
        _database = database;
        Url = url;
        Machine = machine;
        Vault = vault;
    }

    public string Root { get; }
    public string Url { get; }

    /// <summary>PATH begins with <see cref="Tools"/>.</summary>
    public MachineEnvironment Machine { get; }
    public IVault Vault { get; }
    public FaultyTools Tools => new(Path.Combine(Root, "tools"), Path.Combine(Root, "postgres"));
    public string VaultFolder => Path.Combine(Root, "vault");
    public string TempFolder => Machine.TempFolder;
    public ConnectionTarget Source => ConnectionText.Parse(Url, "the test", "postgres");

    /// <summary>Ids of the backups that must survive everything.</summary>
    public IReadOnlyList<string> Good => _good;

    public static async Task<FaultScene> CreateAsync(PostgresFixture postgres, string sql, Func<string, IVault>? vault = null, string? url = null)
    {
        var root = Directory.CreateTempSubdirectory("fault-").FullName;
        var temp = Directory.CreateDirectory(Path.Combine(root, "tmp")).FullName;
        Directory.CreateDirectory(Path.Combine(root, "tools"));
        var database = url is null ? await postgres.CreateDatabaseAsync("fault") : null;
        await Database.SqlAsync(url ?? database!.Url, sql);
        var variables = new Dictionary<string, string>(postgres.Machine.Variables, StringComparer.Ordinal)
        {
            ["TMPDIR"] = temp,
            ["GNUPGHOME"] = Path.Combine(root, GpgKey.HomeName),
            ["PATH"] = $"{Path.Combine(root, "tools")}:{postgres.Machine["PATH"]}",
        };
        var folder = Path.Combine(root, "vault");
        return new FaultScene(root, database, url ?? database!.Url, postgres.Machine with { Variables = variables, TempFolder = temp },
            vault is null ? new FolderVault(folder, TimeProvider.System) : vault(folder));
    }

    public RunRequest Request(IVault? vault = null) => new()
    {
        Project = "fault",
        Environment = "test",
        Database = new DatabasePolicy { Name = "shop", ShardAbove = 1 << 20, Jobs = 2 },
        Source = Source,
        Vault = vault ?? Vault,
        Kind = BackupKind.Manual,
        // Two runs within one second would have one id.
        ScheduledTime = new DateTimeOffset(2026, 3, 1, 0, 0, 0, TimeSpan.Zero).AddMinutes(Interlocked.Increment(ref _runs)),
        LockTimeout = TimeSpan.FromSeconds(20),
    };

    public async Task<RunReport> RunAsync(RunRequest? request = null, IProgress<Progress>? progress = null, CancellationTokenSource? stop = null)
    {
        var report = await new RunBackup(Machine, TimeProvider.System, Installations(), progress).ExecuteAsync(request ?? Request(), stop?.Token ?? CancellationToken.None);
        Assert.Equal(RunOutcome.Committed, report.Outcome);
        _good.Add(report.Id.ToString());
        return report;
    }

    /// <summary>Runs, expects this failure, and that nothing of the run is left anywhere.</summary>
    public async Task<BackupException> FailsAsync(ErrorCode code, RunRequest? request = null, IProgress<Progress>? progress = null)
    {
        var before = await ListAsync();
        var e = await Assert.ThrowsAsync<BackupException>(() => RunAsync(request, progress));
        Assert.True(e.Code == code, $"{e.Code.Name} instead of {code.Name}: {e}");
        Assert.DoesNotContain('\n', e.Message);
        Assert.NotEmpty(e.NextStep);
        await NothingIsLeftAsync(before);
        return e;
    }

    public async Task<IReadOnlyList<CatalogEntry>> ListAsync(IVault? vault = null) =>
        await new BackupCatalog(vault ?? Vault).ListAsync("test", "shop", CancellationToken.None);

    public async Task<CatalogEntry> EntryAsync(string id) => (await ListAsync()).Single(e => e.Id.ToString() == id);

    public async Task NothingIsLeftAsync(IReadOnlyList<CatalogEntry> before)
    {
        var after = await ListAsync();
        Assert.Equal(before.Select(b => b.Prefix), after.Select(a => a.Prefix));
        Assert.Equal(_good.Order(StringComparer.Ordinal), after.Select(a => a.Id.ToString()).Order(StringComparer.Ordinal));
        Assert.Empty(Directory.EnumerateDirectories(TempFolder, "backup-work-*"));
        Assert.Empty(Processes());
        if (Vault is FolderVault)
        {
            var named = after.SelectMany(a => a.Manifest!.Artifacts.Select(x => x.Key).Append(a.Prefix + VaultKeys.ManifestName)).Order(StringComparer.Ordinal);
            Assert.Equal(named, Files().Where(f => !f.StartsWith(".partial/", StringComparison.Ordinal) && !f.StartsWith("test/audit/", StringComparison.Ordinal)));
            Assert.All(Files().Where(f => f.StartsWith(".partial/", StringComparison.Ordinal)), f => Assert.Matches(@"\.(lock|owner)$", f));
            Assert.All(IdFolders(), f => Assert.Contains(Path.GetFileName(f), _good));
        }

        foreach (var entry in after) await VerifiesAsync(entry);
    }

    public async Task<VerifyResult> VerifyAsync(CatalogEntry entry, VerifyLevel level = VerifyLevel.Checksum) =>
        await new VerifyBackup(Machine, TimeProvider.System, Installations()).ExecuteAsync(Vault, entry, level, record: false, CancellationToken.None);

    public async Task VerifiesAsync(CatalogEntry entry, VerifyLevel level = VerifyLevel.Checksum)
    {
        var result = await VerifyAsync(entry, level);
        Assert.True(result.Passed, string.Join("; ", result.Findings.Select(f => f.Sentence)));
    }

    public RestoreRequest RestoreRequest(CatalogEntry entry, string database, RestoreMode mode = RestoreMode.Create) => new()
    {
        Vault = Vault,
        Backup = entry,
        Target = Source.WithDatabase(database),
        Mode = mode,
        AfterRestore = AfterRestore.None,
        Comparison = Comparison.Full,
    };

    public Task<RestoreReport> RestoreAsync(RestoreRequest request, IProgress<Progress>? progress = null, CancellationTokenSource? stop = null) =>
        new RestoreBackup(Machine, TimeProvider.System, Installations(), progress).ExecuteAsync(request, stop?.Token ?? CancellationToken.None);

    /// <summary>Restores into a new database, looks at it, removes it.</summary>
    public async Task RestoredAsync(string id, Func<string, Task> look)
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"{Source.Database}_r{Interlocked.Increment(ref _runs)}");
        await RestoreAsync(RestoreRequest(await EntryAsync(id), name));
        var url = UrlOf(name);
        await look(url);
        await Database.SqlAsync(Url, $"DROP DATABASE {Database.Quoted(name)} WITH (FORCE)");
    }

    public string UrlOf(string database) => Url.Replace($"/{Source.Database}", $"/{database}", StringComparison.Ordinal);

    /// <summary>The pids of programs that this scene's runs have started and that still run.</summary>
    public IReadOnlyList<int> Processes(string? name = null)
    {
        var found = new List<int>();
        foreach (var folder in Directory.EnumerateDirectories("/proc").Where(f => char.IsAsciiDigit(Path.GetFileName(f)[0])))
        {
            try
            {
                if (!File.ReadAllText(Path.Combine(folder, "environ")).Split('\0').Contains($"TMPDIR={TempFolder}")) continue;
                if (name is null || File.ReadAllText(Path.Combine(folder, "comm")).Trim() == name)
                    found.Add(int.Parse(Path.GetFileName(folder), CultureInfo.InvariantCulture));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // It has ended while it was looked at.
            }
        }

        return found;
    }

    public IReadOnlyList<string> Files() =>
    [
        .. Directory.EnumerateFiles(VaultFolder, "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = 0 })
            .Select(f => Path.GetRelativePath(VaultFolder, f)).Order(StringComparer.Ordinal),
    ];

    public async ValueTask DisposeAsync()
    {
        await Vault.DisposeAsync();
        if (_database is not null) await _database.DisposeAsync();
        Directory.Delete(Root, recursive: true);
    }

    // Tools that this scene has replaced come first; without any, the machine's.
    private PostgresInstallations Installations() => new(Machine, [Path.Combine(Root, "postgres"), .. PostgresInstallations.WellKnown]);

    private IEnumerable<string> IdFolders() => Directory.EnumerateDirectories(VaultFolder, "shop_*", SearchOption.AllDirectories);
}
