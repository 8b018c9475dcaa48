using Backup.Core.Catalog;
using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Core.Operations.Increments;
using Backup.Core.Policies;
using Backup.Core.Storage;
using Backup.Core.Tests.Operations;
using Backup.Tests.Support;
using Npgsql;

namespace Backup.Core.Tests.Increments;

/// <summary>A source, a vault, and short words for backups, increments and restores of them.</summary>
internal sealed class IncrementScene : IAsyncDisposable
{
    private readonly TestDatabase _source;
    private readonly List<NpgsqlConnection> _sessions = [];

    private IncrementScene(Lab lab, TestDatabase source, IReadOnlyList<CriticalTable> tables)
    {
        Lab = lab;
        _source = source;
        Tables = tables;
    }

    /// <summary>One test at a time: an open transaction of another test would make increments repeat rows.</summary>
    public const string Collection = "increments";

    public Lab Lab { get; }
    public IReadOnlyList<CriticalTable> Tables { get; set; }
    public string Url => _source.Url;
    public string Name => _source.Name;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <param name="tables"><c>schema.table</c> each, to be copied every hour.</param>
    public static async Task<IncrementScene> CreateAsync(PostgresFixture postgres, string sql, IEnumerable<string> tables, MachineEnvironment? machine = null)
    {
        var source = await postgres.CreateQuietDatabaseAsync("incr");
        await Database.SqlAsync(source.Url, sql);
        return new IncrementScene(new Lab(postgres, machine: machine), source, [.. tables.Select(t => Critical(t))]);
    }

    public static CriticalTable Critical(string table, string? key = null, IncrementMode mode = IncrementMode.Changes) =>
        new(table, key, null, TimeSpan.FromHours(1), mode);

    public Task SqlAsync(string sql) => Database.SqlAsync(Url, sql);

    /// <summary>A session of the application, for transactions that stay open.</summary>
    public async Task<NpgsqlConnection> SessionAsync()
    {
        _sessions.Add(await Database.OpenAsync(Url));
        return _sessions[^1];
    }

    public RunRequest Request() => Lab.Request(Url, d => d with { CriticalTables = Tables, ShardAbove = 1 });

    public Task<RunReport> BackupAsync() => Lab.RunAsync(Request());

    public async Task<IncrementReport> IncrementAsync(DateTimeOffset? scheduled = null, IVault? vault = null, CancellationToken? cancel = null, IReadOnlyList<string>? gpg = null)
    {
        var request = Request() with { Kind = BackupKind.Incremental, ScheduledTime = scheduled, Vault = vault ?? Lab.Vault, GpgRecipients = gpg ?? [] };
        var report = await new RunIncrement(Lab.Machine, Lab.Clock).ExecuteAsync(request, cancel ?? Cancel);
        Lab.Clock.Advance(TimeSpan.FromMinutes(1));
        return report;
    }

    /// <summary>An increment that must be committed.</summary>
    public async Task<Manifest> CommittedAsync()
    {
        var report = await IncrementAsync();
        Assert.Equal(IncrementOutcome.Committed, report.Outcome);
        return report.Manifest!;
    }

    public async Task<IReadOnlyList<CatalogEntry>> EntriesAsync() => await new BackupCatalog(Lab.Vault).ListAsync("test", null, Cancel);

    public async Task<(string Url, RestoreReport Report)> RestoreAsync(string which = "latest", bool useIncrements = true, Func<RestoreRequest, RestoreRequest>? change = null)
    {
        var point = RestorePoint.Choose(await EntriesAsync(), which, "the vault", useIncrements);
        var url = await Lab.NewUrlAsync();
        return (url, await Lab.RestoreAsync(url, change: r =>
        {
            var request = r with { Backup = point.Backup, Increments = point.Increments };
            return change is null ? request : change(request);
        }));
    }

    /// <summary>Restores the latest state: it must be the source, row by row, schema and sequences.</summary>
    public async Task EqualsSourceAsync()
    {
        var (url, report) = await RestoreAsync();
        Assert.DoesNotContain(report.Findings, f => f.Severity != Severity.Info);
        Assert.Equal([], await Lab.DifferencesAsync(Url, url));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var session in _sessions) await session.DisposeAsync();
        await Lab.DisposeAsync();
        await _source.DisposeAsync();
    }
}
