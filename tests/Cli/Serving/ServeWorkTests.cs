using System.Text.Json;
using Backup.Cli.Serving;
using Backup.Core.Catalog;
using Backup.Core.Model;
using Backup.Core.Operations.Serving;
using Backup.Core.Policies;
using Backup.Core.Postgres;
using Backup.Core.Signals;
using Backup.Core.Storage;
using Backup.Tests.Support;

namespace Backup.Cli.Tests.Serving;

/// <summary>Every kind of work of a service on real PostgreSQL, with the figures that it leaves; and the same figures from the verbs.</summary>
public sealed class ServeWorkTests(PostgresFixture postgres) : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("backup-works-").FullName;
    private TestDatabase _database = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string Figures => Path.Combine(_folder, "figures.jsonl");

    public async ValueTask InitializeAsync()
    {
        _database = await postgres.CreateDatabaseAsync("works");
        await Database.SqlAsync(_database.Url, "CREATE TABLE ledger (id int PRIMARY KEY); INSERT INTO ledger SELECT generate_series(1, 100)");
        await File.WriteAllTextAsync(Path.Combine(_folder, "policy.yaml"), """
            project: works
            environment: test
            vault: vault
            databases:
              - { name: works, url: "${URL}", criticalTables: [{ table: public.ledger, every: 1h }], checks: [{ name: ledger, sql: select count(*) from ledger, min: 100 }] }
            retention: { daily: 30d }
            drill: { schedule: "0 4 1 1 *" }

            """, Cancel);
    }

    public async ValueTask DisposeAsync()
    {
        await _database.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task A_backup_is_copied_and_looked_at_and_increments_verifies_drills_and_prunes_leave_results_and_figures()
    {
        var policy = PolicyReader.ReadFileOrThrow(Path.Combine(_folder, "policy.yaml"));
        await using var vault = new FolderVault(Directory.CreateDirectory(Path.Combine(_folder, "vault")).FullName, TimeProvider.System);
        await using var copy = new FolderVault(Path.Combine(_folder, "copy"), TimeProvider.System);
        var log = new List<string>();
        await using var host = await ServeHost.StartAsync(new ServiceSettings
        {
            Policy = policy,
            Vault = vault,
            Copy = copy,
            Sources = new Dictionary<string, ConnectionTarget> { ["works"] = ConnectionText.Parse(_database.Url, "URL", "nobody") },
            Metrics = new MetricFile(Figures),
        }, ListenAddress.Parse("127.0.0.1:0", false, []), null, postgres.Machine, TimeProvider.System, line => { lock (log) log.Add(line); }, Cancel);
        await host.Service.IdleAsync();
        foreach (var kind in (WorkKind[])[WorkKind.Increment, WorkKind.Backup, WorkKind.Increment, WorkKind.Verify, WorkKind.Drill, WorkKind.Prune])
        {
            host.Service.Ask(new Work(kind, "works"));
            await host.Service.IdleAsync();
        }

        var ends = host.Service.Status().Records.Where(r => r.Work.Kind != WorkKind.Watch).Reverse().Select(r => $"{Words.Of(r.Work.Kind)} {Words.Of(r.Result.Outcome)}");
        Assert.True(ends.SequenceEqual(["increment nothing", "backup done", "sync done", "increment done", "verify done", "drill done", "prune done"]), string.Join('\n', log));
        var entries = await new BackupCatalog(vault).ListAsync("test", "works", Cancel);
        Assert.Equal(2, entries.Count);
        Assert.Equal([ProofKind.Verify, ProofKind.Drill], entries.Single(e => !e.Id.IsIncrement).Results.Select(r => r.Kind));
        Assert.Equal(entries.Single(e => !e.Id.IsIncrement).Id, Assert.Single(await new BackupCatalog(copy).ListAsync("test", "works", Cancel)).Id);
        Assert.Equal(["BackupSuccess 1", "DrillSuccess 1", "IncrementalSuccess 1", "PruneExpired 0", "S3SyncErrors 0"], await CountedAsync());
        Assert.Contains("DrillAge", await NamesAsync(), StringComparer.Ordinal);
        Assert.Contains("DrillDuration", await NamesAsync(), StringComparer.Ordinal);
        var status = host.Service.Status();
        Assert.True(status.Of("works").State!.Safe);
        Assert.Equal(Verdict.Pass, status.Of("works").State!.LastDrill!.Verdict);
        await host.StopAsync(TimeSpan.FromMinutes(1), Cancel);
    }

    [Fact]
    public async Task The_verbs_count_their_ends_too()
    {
        await RunAsync(2, "incremental"); // there is no backup yet
        await RunAsync(0, "run");
        await RunAsync(0, "incremental");
        await RunAsync(0, "drill");
        await RunAsync(0, "sync", "--from", "vault", "--to", "copy");
        Assert.Equal(["BackupSuccess 1", "DrillSuccess 1", "IncrementalSuccess 0", "IncrementalSuccess 1", "S3SyncErrors 0"], await CountedAsync());
        File.Delete(Directory.EnumerateFiles(Path.Combine(_folder, "vault"), "*base.dump*", SearchOption.AllDirectories).Single());
        await RunAsync(1, "sync", "--from", "vault", "--to", "another");
        Assert.Contains("S3SyncErrors 1", await CountedAsync(), StringComparer.Ordinal);
    }

    private async Task RunAsync(int expected, string verb, params string[] arguments)
    {
        await using var output = new StringWriter();
        await using var error = new StringWriter();
        var machine = postgres.Machine with { WorkingFolder = _folder, Variables = new Dictionary<string, string>(postgres.Machine.Variables) { ["URL"] = _database.Url } };
        string[] policy = verb == "sync" ? [] : ["--policy", "policy.yaml"];
        var exit = await Program.RunAsync([verb, .. policy, .. arguments, "--metrics", Figures], () => machine, TimeProvider.System, output, error);
        Assert.True(expected == exit, error.ToString());
    }

    private async Task<IReadOnlyList<string>> NamesAsync() => [.. (await LinesAsync()).Select(l => l.Name)];

    private async Task<IReadOnlyList<string>> CountedAsync() =>
        [.. (await LinesAsync()).Where(l => l.Name.EndsWith("Success", StringComparison.Ordinal) || l.Name is "S3SyncErrors" or "PruneExpired").Select(l => $"{l.Name} {l.Value}").Order(StringComparer.Ordinal)];

    private async Task<IReadOnlyList<(string Name, double Value)>> LinesAsync() => [.. (await File.ReadAllLinesAsync(Figures, Cancel)).Select(l =>
    {
        using var line = JsonDocument.Parse(l);
        Assert.Equal(("test", "works"), (line.RootElement.GetProperty("environment").GetString(), line.RootElement.GetProperty("database").GetString()));
        return (line.RootElement.GetProperty("metric").GetString()!, line.RootElement.GetProperty("value").GetDouble());
    })];
}
