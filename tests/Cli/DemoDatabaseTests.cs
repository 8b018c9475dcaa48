using Backup.Tests.Support;

namespace Backup.Cli.Tests;

public sealed class DemoDatabaseTests(PostgresFixture postgres)
{
    [Fact]
    public async Task The_demo_ends_with_a_drill_that_passes_and_a_tampered_backup_whose_table_is_named()
    {
        await postgres.InstallationAsync();
        using var output = new StringWriter();
        using var error = new StringWriter();
        var exit = await Program.RunAsync(["demo", "--output", "json"], () => postgres.Machine, TimeProvider.System, output, error);
        Assert.True(exit == 0, error.ToString());
        using var document = System.Text.Json.JsonDocument.Parse(output.ToString());
        var report = document.RootElement;
        Assert.Equal(("pass", "fail", true), (report.GetProperty("drill").GetString(), report.GetProperty("tamperedDrill").GetString(), report.GetProperty("equal").GetBoolean()));
        Assert.StartsWith("public.events has other content", Assert.Single(report.GetProperty("tamperedFindings").EnumerateArray()).GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_shop_loads_in_one_go_and_has_one_table_that_becomes_chunks()
    {
        using var reader = new StreamReader(typeof(Program).Assembly.GetManifestResourceStream("shop.sql")!);
        var sql = await reader.ReadToEndAsync(TestContext.Current.CancellationToken);
        await using var database = await postgres.CreateDatabaseAsync("shop");
        await Database.SqlAsync(database.Url, sql);
        Assert.Equal("events", await Database.ScalarAsync<string>(database.Url,
            "SELECT string_agg(relname, ',') FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND pg_table_size(oid) > 32 * 1024 * 1024"));
        Assert.InRange(await Database.ScalarAsync<long>(database.Url, "SELECT pg_database_size(current_database())"), 60L << 20, 95L << 20);
        Assert.Equal(40000L, await Database.ScalarAsync<long>(database.Url, "SELECT count(*) FROM bookings"));
        Assert.Equal("Mírian Åkesson", await Database.ScalarAsync<string>(database.Url, "SELECT name FROM customers WHERE id = 1"));
    }
}
