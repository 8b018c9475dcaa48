using Backup.Core.Operations;
using Backup.Tests.Support;

namespace Backup.Core.Tests.Operations;

/// <summary>The hard database, loaded once, and one backup of it with many chunks. Nobody writes to either.</summary>
public sealed class TortureSource(PostgresFixture postgres) : IAsyncLifetime
{
    private TestDatabase? _database;
    private Lab? _lab;

    public string Url => _database!.Url;
    public Lab Lab => _lab!;
    public RunReport Run { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        _database = await postgres.CreateDatabaseAsync("törture 'x' = \"y\"", template: "template0");
        await Database.LoadTortureAsync(_database.Url, bigRows: 30_000);
        _lab = new Lab(postgres);
        Run = await _lab.RunAsync(Url, d => d with { ShardAbove = 1 << 20 });
    }

    public async ValueTask DisposeAsync()
    {
        if (_lab is not null) await _lab.DisposeAsync();
        if (_database is not null) await _database.DisposeAsync();
    }
}
