using System.Diagnostics;
using Backup.Tests.Support;

namespace Backup.Core.Tests.Support;

/// <summary>The hard database must survive the stock tools, else a failure elsewhere would say nothing about the product.</summary>
public sealed class TortureTests(PostgresFixture postgres)
{
    [Fact]
    public async Task The_hard_database_survives_stock_dump_and_restore_with_pinned_settings()
    {
        await using var source = await postgres.CreateDatabaseAsync("töt 'x' %");
        await Database.LoadTortureAsync(source.Url, bigRows: 5_000);
        await using var target = await postgres.CreateDatabaseAsync("torture_copy", template: "template0");
        var archive = Path.GetTempFileName();
        Run(await ToolAsync("pg_dump"), "-Fc", "-Z0", "-f", archive, "-d", source.Url);
        Run(await ToolAsync("pg_restore"), "--exit-on-error", "-d", target.Url, archive);
        File.Delete(archive);
        Assert.Equal([], await DatabaseComparison.CompareAsync(await ToolAsync("pg_dump"), source.Url, target.Url));
        var below = await DatabaseComparison.CompareAsync(await ToolAsync("pg_dump"), source.Url, target.Url, new ComparisonOptions { DatabaseLevel = true });
        Assert.Equal(["comment", "rights", "settings of everybody", "settings of torture_reader"], below.Select(d => d["database ".Length..d.IndexOf(':', StringComparison.Ordinal)]));
    }

    [Fact]
    public async Task Two_loads_are_equal()
    {
        await using var first = await postgres.CreateDatabaseAsync("torture");
        await using var second = await postgres.CreateDatabaseAsync("torture");
        await Database.LoadTortureAsync(first.Url, bigRows: 500);
        await Database.LoadTortureAsync(second.Url, bigRows: 500);
        Assert.Equal([], await DatabaseComparison.CompareAsync(await ToolAsync("pg_dump"), first.Url, second.Url));
    }

    [Fact]
    public async Task The_big_table_is_larger_than_a_chunk()
    {
        await using var database = await postgres.CreateDatabaseAsync("torture");
        await Database.LoadTortureAsync(database.Url);
        Assert.InRange(await Database.ScalarAsync<long>(database.Url, "SELECT pg_table_size('public.big')"), 36L << 20, 60L << 20);
    }

    [Fact]
    public async Task A_pooler_in_transaction_mode_serves_the_same_database()
    {
        await using var database = await postgres.CreateDatabaseAsync("pooled");
        await using var pooler = await PgBouncer.StartAsync(await postgres.ClusterAsync());
        Assert.Equal(database.Name, await Database.ScalarAsync<string>(pooler.Url(database.Name), "SELECT current_database()::text"));
    }

    private async Task<string> ToolAsync(string name) => (await postgres.ClusterAsync()).Installation.Tool(name);

    private static void Run(string program, params string[] arguments)
    {
        var info = new ProcessStartInfo(program, arguments) { RedirectStandardError = true };
        info.Environment["PGOPTIONS"] = "-c lc_monetary=C -c TimeZone=UTC -c xmloption=content";
        using var process = Process.Start(info)!;
        var error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, error);
    }
}
