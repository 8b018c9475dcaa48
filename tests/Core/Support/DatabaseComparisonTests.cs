using Backup.Tests.Support;

namespace Backup.Core.Tests.Support;

/// <summary>The judge of other tests, judged: each kind of damage must be found, and nothing else.</summary>
public sealed class DatabaseComparisonTests(PostgresFixture postgres)
{
    private const string Schema = """
        CREATE TABLE t (id int PRIMARY KEY, a text, b text, bin bytea);
        INSERT INTO t SELECT i, 'a' || i, 'b' || i, decode(md5(i::text), 'hex') FROM generate_series(1, 1000) i;
        CREATE TABLE twins (v int);
        INSERT INTO twins SELECT i % 3 FROM generate_series(1, 30) i;
        CREATE SEQUENCE s; SELECT setval('s', 10);
        SELECT lo_from_bytea(77, '\x0102');
        CREATE TABLE p (d int, v text) PARTITION BY RANGE (d);
        CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
        INSERT INTO p VALUES (1, 'x');
        CREATE MATERIALIZED VIEW m AS SELECT count(*) FROM twins;
        """;

    [Fact]
    public async Task Equal_databases_have_no_differences_though_rows_and_pages_lie_otherwise()
    {
        await using var left = await CreateAsync();
        await using var right = await CreateAsync();
        await Database.SqlAsync(right.Url, "UPDATE t SET a = a; CREATE TABLE gone (x int); DROP TABLE gone; CREATE TYPE e AS ENUM ('x'); DROP TYPE e");
        Assert.Empty(await CompareAsync(left, right));
    }

    [Theory]
    [InlineData("UPDATE t SET bin = set_byte(bin, 3, get_byte(bin, 3) # 1) WHERE id = 500", "table public.t: ")]
    [InlineData("DELETE FROM t WHERE id = 1000", "table public.t: 1000 rows")]
    [InlineData("UPDATE t SET a = b, b = a WHERE id = 7", "table public.t: ")]
    [InlineData("UPDATE t SET a = NULL WHERE id = 7", "table public.t: ")]
    [InlineData("UPDATE twins SET v = 5 WHERE ctid = (SELECT min(ctid) FROM twins)", "table public.twins: ")]
    [InlineData("DELETE FROM twins WHERE ctid = (SELECT min(ctid) FROM twins)", "table public.twins: 30 rows")]
    [InlineData("SELECT nextval('s')", "sequence public.s: 10, called true <> 11, called true")]
    [InlineData("SELECT setval('s', 10, false)", "sequence public.s: 10, called true <> 10, called false")]
    [InlineData("SELECT lo_put(77, 1, '\\x03')", "large object 77: ")]
    [InlineData("SELECT lo_create(78)", "large object 78: only on the right")]
    [InlineData("UPDATE p SET v = 'y'", "table public.p: ")]
    [InlineData("DROP TABLE twins CASCADE", "table public.twins: only on the left")]
    [InlineData("REFRESH MATERIALIZED VIEW m WITH NO DATA", "materialized view public.m: populated true")]
    [InlineData("CREATE INDEX more ON t (a)", "schema more; Type: INDEX")]
    [InlineData("ALTER TABLE t ALTER COLUMN a SET DEFAULT 'z'", "schema t; Type: TABLE")]
    [InlineData("COMMENT ON COLUMN t.a IS 'new'", "schema COLUMN t.a; Type: COMMENT")]
    [InlineData("GRANT SELECT ON t TO pg_monitor", "schema TABLE t; Type: ACL")]
    public async Task Damage_is_found(string damage, string expected)
    {
        await using var left = await CreateAsync();
        await using var right = await CreateAsync();
        await Database.SqlAsync(right.Url, damage);
        Assert.Contains(await CompareAsync(left, right), d => d.StartsWith(expected, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Settings_of_the_database_count_only_when_asked_for()
    {
        await using var left = await CreateAsync();
        await using var right = await CreateAsync();
        await Database.SqlAsync(right.Url, $"ALTER DATABASE {Database.Quoted(right.Name)} SET work_mem = '7MB'");
        Assert.Empty(await CompareAsync(left, right));
        Assert.Equal("database settings of everybody: only on the right: work_mem=7MB",
            Assert.Single(await CompareAsync(left, right, new ComparisonOptions { DatabaseLevel = true })));
    }

    private async Task<TestDatabase> CreateAsync()
    {
        var database = await postgres.CreateDatabaseAsync("comparison");
        await Database.SqlAsync(database.Url, Schema);
        return database;
    }

    private async Task<IReadOnlyList<string>> CompareAsync(TestDatabase left, TestDatabase right, ComparisonOptions? options = null) =>
        await DatabaseComparison.CompareAsync((await postgres.ClusterAsync()).Installation.Tool("pg_dump"), left.Url, right.Url, options);
}
