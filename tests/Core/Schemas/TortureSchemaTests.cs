using Backup.Core.Machine;
using Backup.Core.Operations;
using Backup.Core.Tests.Operations;
using Backup.Tests.Support;

namespace Backup.Core.Tests.Schemas;

/// <summary>The hard database, schema by schema, into one that holds something else.</summary>
public sealed class TortureSchemaTests(PostgresFixture postgres, TortureSource torture) : IClassFixture<TortureSource>
{
    [Fact]
    public async Task Everything_that_makes_a_copy_hard_comes_back_schema_by_schema_but_for_what_is_named()
    {
        await using var target = await postgres.CreateDatabaseAsync("beside", template: "template0");
        await Database.SqlAsync(target.Url, """
            CREATE SCHEMA others; CREATE TABLE others.kept AS SELECT 1 AS a; CREATE EXTENSION postgres_fdw SCHEMA others;
            CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw; CREATE PUBLICATION some_tables;
            """);
        var manifest = (await torture.Lab.LatestAsync()).Manifest!;
        string[] schemas = [.. manifest.Snapshot.Schemas!.Select(s => s.Name)];
        var report = await torture.Lab.RestoreAsync(target.Url, RestoreMode.Empty, r => r with { Schemas = schemas, Jobs = 3 });
        Assert.Equal(manifest.Totals.Rows, report.Rows);
        // What lies in no schema, each with its reason: named by the finding, or the target's own.
        string[] leftOut = ["schema CAST (public.pair AS text); ", "schema DEFAULT PRIVILEGES FOR FUNCTIONS; ", "schema USER MAPPING torture_owner SERVER elsewhere; ", "large object "];
        string[] targets = ["schema elsewhere; ", "schema kept; ", "schema others; ", "schema postgres_fdw; ", "schema some_tables; ", "table others.kept"];
        var differences = await torture.Lab.DifferencesAsync(torture.Url, target.Url);
        Assert.Equal([], differences.Where(d => !leftOut.Concat(targets).Any(l => d.StartsWith(l, StringComparison.Ordinal))));
        Assert.All(leftOut.Concat(targets), l => Assert.Contains(differences, d => d.StartsWith(l, StringComparison.Ordinal)));
        var finding = Assert.Single(report.Findings);
        Assert.Equal("left out, since it belongs to no chosen schema or is not this role's to make: CAST (public.pair AS text), USER MAPPING torture_owner SERVER elsewhere, DEFAULT PRIVILEGES FOR FUNCTIONS of torture_owner, 4 large objects", finding.Sentence);
    }

    [Fact]
    public async Task Rows_of_every_table_fill_a_schema_that_was_made_without_them()
    {
        await using var target = await postgres.CreateDatabaseAsync("filled", template: "template0");
        var pgDump = (await postgres.InstallationAsync()).Tool("pg_dump");
        var script = await ToolProcess.CheckAsync(new ToolCommand { Path = pgDump, Arguments = ["--schema-only", torture.Url], Environment = postgres.Machine.ForTool() }, null, TestContext.Current.CancellationToken);
        var psql = (await postgres.InstallationAsync()).Tool("psql");
        await ToolProcess.CheckAsync(new ToolCommand { Path = psql, Arguments = ["-Xq", "-d", target.Url], Environment = postgres.Machine.ForTool() }, script, TestContext.Current.CancellationToken);
        var manifest = (await torture.Lab.LatestAsync()).Manifest!;
        // Rows that break a check which was made NOT VALID after them go nowhere but under a table that has it not yet.
        var tables = manifest.Fingerprints.Where(f => f.Table.Name != "half_checked").ToList();
        var report = await torture.Lab.RestoreAsync(target.Url, RestoreMode.Empty, r => r with { RowsOf = [.. tables.Select(f => f.Table.Sql)] });
        Assert.Equal(tables.Sum(f => f.Rows), report.Rows);
        var differences = await torture.Lab.DifferencesAsync(torture.Url, target.Url, new ComparisonOptions { ExceptTables = ["public.half_checked"] });
        Assert.Equal([], differences.Where(d => d.StartsWith("table ", StringComparison.Ordinal)));
    }
}
