using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Core.Postgres;
using Backup.Core.Tests.Operations;
using Backup.Tests.Support;

namespace Backup.Core.Tests.Drills;

/// <summary>What the comparison of a restored database must catch, and what it must not mind. One backup, one restore; each test changes a copy of it.</summary>
public sealed class RestoredCopy(PostgresFixture postgres) : IAsyncLifetime
{
    private TestDatabase _source = null!;

    public Lab Lab { get; } = new(postgres);
    public Manifest Manifest { get; private set; } = null!;
    public string Restored { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        _source = await postgres.CreateDatabaseAsync("compared", "template0");
        await Database.SqlAsync(_source.Url, """
            CREATE TABLE big (id int PRIMARY KEY, a text, b text, at timestamptz, f float8, raw bytea, span interval, cost money);
            INSERT INTO big SELECT i, md5(i::text), md5((-i)::text), timestamptz '2024-03-31 00:30:00+00' + i * interval '1 minute', i / 7.0, decode(md5(i::text), 'hex'), i * interval '1 hour', i::text::money
                FROM generate_series(1, 6000) i;
            CREATE TABLE small (id int, name text); INSERT INTO small VALUES (1, 'one'), (2, 'two'), (3, NULL), (3, NULL);
            CREATE TABLE empty_one (a int);
            CREATE TABLE tree (k int, v text) PARTITION BY LIST (k); CREATE TABLE tree_1 PARTITION OF tree FOR VALUES IN (1); CREATE TABLE tree_rest PARTITION OF tree DEFAULT;
            INSERT INTO tree SELECT i % 3, 'v' || i FROM generate_series(1, 300) i;
            CREATE SEQUENCE used; SELECT setval('used', 41);
            CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM big;
            SELECT lo_from_bytea(7001, '\x0102');
            SELECT lo_put(lo_create(7002), 3000000, '\xff');
            SELECT lo_create(7003);
            """);
        Manifest = (await Lab.RunAsync(_source.Url, d => d with { ShardAbove = 200_000 })).Manifest!;
        Restored = await Lab.NewUrlAsync("compared");
        await Lab.RestoreAsync(Restored);
    }

    public async ValueTask DisposeAsync()
    {
        await Lab.DisposeAsync();
        await _source.DisposeAsync();
    }
}

public sealed class FingerprintTests(PostgresFixture postgres, RestoredCopy restored) : IClassFixture<RestoredCopy>
{
    [Theory]
    [InlineData("one changed byte", "UPDATE big SET a = overlay(a placing 'x' from 5 for 1) WHERE id = 4711", "public.big has other content")]
    [InlineData("one changed bit of bytea", "UPDATE big SET raw = set_bit(raw, 3, 1 - get_bit(raw, 3)) WHERE id = 1", "public.big has other content")]
    [InlineData("the last digit of a float", "UPDATE big SET f = f + 1e-15 WHERE id = 3", "public.big has other content")]
    [InlineData("an hour", "UPDATE big SET at = at + interval '1 hour' WHERE id = 30", "public.big has other content")]
    [InlineData("one lost row", "DELETE FROM big WHERE id = 17", "public.big has 5999 rows, the manifest says 6000")]
    [InlineData("one duplicated row", "INSERT INTO small VALUES (1, 'one')", "public.small has 5 rows, the manifest says 4")]
    [InlineData("a row lost and another one doubled", "DELETE FROM small WHERE id = 2; INSERT INTO small VALUES (1, 'one')", "public.small has other content")]
    [InlineData("two swapped columns", "UPDATE big SET a = b, b = a", "public.big has other content")]
    [InlineData("two swapped values", "UPDATE big SET a = CASE id WHEN 1 THEN md5('2') ELSE md5('1') END WHERE id IN (1, 2)", "public.big has other content")]
    [InlineData("NULL for the empty string", "UPDATE small SET name = '' WHERE name IS NULL", "public.small has other content")]
    [InlineData("a table without its rows", "TRUNCATE big", "public.big has 0 rows, the manifest says 6000")]
    [InlineData("a skipped table", "DROP TABLE small", "public.small is missing")]
    [InlineData("rows where there were none", "INSERT INTO empty_one VALUES (1)", "public.empty_one has 1 rows, the manifest says 0")]
    [InlineData("a lost partition", "DROP TABLE tree_1", "public.tree has 200 rows, the manifest says 300")]
    [InlineData("a stale sequence", "SELECT setval('used', 40)", "the sequence public.used is at 40, the manifest says 41")]
    [InlineData("a sequence never used", "SELECT setval('used', 41, false)", "the sequence public.used is at 41 (not used yet), the manifest says 41")]
    [InlineData("a lost sequence", "DROP SEQUENCE used", "the sequence public.used is missing")]
    [InlineData("a lost large object", "SELECT lo_unlink(7003)", "there are 2 large objects, the manifest says 3")]
    [InlineData("one changed byte of a large object", "SELECT lo_put(7002, 2999999, '\\x01')", "the large objects have other content")]
    [InlineData("an empty materialised view", "REFRESH MATERIALIZED VIEW counted WITH NO DATA", "the materialised view public.counted is not populated")]
    public async Task Catches(string what, string sql, string difference)
    {
        var found = Assert.Single(await AfterAsync(sql));
        Assert.True(found.StartsWith(difference, StringComparison.Ordinal), $"{what}: {found}");
    }

    [Theory]
    [InlineData("another order of rows", "CREATE TABLE t AS SELECT * FROM big; TRUNCATE big; INSERT INTO big SELECT * FROM t ORDER BY md5(id::text)")]
    [InlineData("another physical layout", "CLUSTER big USING big_pkey; DELETE FROM big WHERE id % 2 = 0; INSERT INTO big SELECT i, md5(i::text), md5((-i)::text), timestamptz '2024-03-31 00:30:00+00' + i * interval '1 minute', i / 7.0, decode(md5(i::text), 'hex'), i * interval '1 hour', i::text::money FROM generate_series(2, 6000, 2) i")]
    [InlineData("dropped columns and another fill factor", "ALTER TABLE big ADD x int; ALTER TABLE big DROP x; ALTER TABLE big SET (fillfactor = 40)")]
    [InlineData("other values of columns that were not there", "ALTER TABLE small ADD later int DEFAULT 5")]
    [InlineData("defaults of the database", "ALTER DATABASE {db} SET TimeZone = 'Asia/Kathmandu'; ALTER DATABASE {db} SET DateStyle = 'SQL, DMY'; ALTER DATABASE {db} SET IntervalStyle = 'iso_8601'; ALTER DATABASE {db} SET bytea_output = 'escape'; ALTER DATABASE {db} SET extra_float_digits = 0; ALTER DATABASE {db} SET search_path = pg_catalog; ALTER DATABASE {db} SET row_security = off")]
    [InlineData("defaults of the role", "ALTER ROLE {role} IN DATABASE {db} SET TimeZone = 'America/St_Johns'; ALTER ROLE {role} IN DATABASE {db} SET DateStyle = 'German'; ALTER ROLE {role} IN DATABASE {db} SET extra_float_digits = -5")]
    [InlineData("a materialised view with other rows", "DROP MATERIALIZED VIEW counted; CREATE MATERIALIZED VIEW counted AS SELECT generate_series(1, 9)")]
    [InlineData("large objects written in another way", "SELECT lo_unlink(7002); SELECT lo_from_bytea(7002, decode(repeat('00', 3000000) || 'ff', 'hex'))")]
    public async Task Survives(string what, string sql) => Assert.Equal((what, ""), (what, string.Join("; ", await AfterAsync(sql))));

    [Fact]
    public async Task Survives_defaults_of_the_server_and_a_restore_by_stock_tools_alone()
    {
        await using var cluster = await ThrowawayCluster.StartAsync(new ClusterRequest
        {
            Settings = new Dictionary<string, string>
            {
                ["timezone"] = "Pacific/Chatham", ["datestyle"] = "Postgres, DMY", ["intervalstyle"] = "sql_standard", ["bytea_output"] = "escape", ["extra_float_digits"] = "0",
            },
        }, await postgres.InstallationAsync(), postgres.Machine, TestContext.Current.CancellationToken);
        await Database.SqlAsync(cluster.Url("postgres"), "CREATE DATABASE copy TEMPLATE template0");
        var tool = cluster.Installation.Tool;
        var archive = Path.GetTempFileName();
        Run(tool("pg_dump"), "-Fc", "-f", archive, "-d", restored.Restored);
        Run(tool("pg_restore"), "--exit-on-error", "--no-owner", "--no-privileges", "-d", cluster.Url("copy"), archive);
        File.Delete(archive);
        Assert.Equal([], await DifferencesAsync(cluster.Url("copy")));
    }

    [Fact]
    public void All_of_it_was_taken_in_the_run()
    {
        Assert.All(restored.Manifest.Fingerprints, f => Assert.NotNull(f.Hash));
        Assert.Contains(restored.Manifest.Artifacts, a => a.Table?.Name == "big");
        Assert.Equal((3L, 32), (restored.Manifest.Snapshot.LargeObjects!.Count, restored.Manifest.Snapshot.LargeObjects.Hash!.Length));
        Assert.Equal([new MaterializedViewFact(new TableName("public", "counted"), true, 1)], restored.Manifest.Snapshot.MaterializedViews!);
    }

    private async Task<IReadOnlyList<string>> AfterAsync(string sql)
    {
        var cluster = await postgres.ClusterAsync();
        var template = ConnectionText.Parse(restored.Restored, "the test", "nobody").Database;
        await using var copy = await postgres.CreateDatabaseAsync("changed", template);
        var text = sql.Replace("{db}", Database.Quoted(copy.Name), StringComparison.Ordinal).Replace("{role}", cluster.SuperUser, StringComparison.Ordinal);
        await Database.SqlAsync(copy.Url, text);
        return await DifferencesAsync(copy.Url);
    }

    private async Task<IReadOnlyList<string>> DifferencesAsync(string url)
    {
        var target = ConnectionText.Parse(url, "the test", "nobody");
        var compared = await new DatabaseComparer(target, restored.Manifest, Comparison.Full, 2).CompareAsync(TableChoice.Choose(restored.Manifest, []), TestContext.Current.CancellationToken);
        return [.. compared.Differences()];
    }

    private static void Run(string program, params string[] arguments)
    {
        var info = new System.Diagnostics.ProcessStartInfo(program, arguments) { RedirectStandardError = true };
        info.Environment["PGOPTIONS"] = "-c lc_monetary=C";
        using var process = System.Diagnostics.Process.Start(info)!;
        var error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, error);
    }
}
