using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Tests.Support;

namespace Backup.Core.Tests.Operations;

public sealed class RestoreTableTests(PostgresFixture postgres) : IAsyncLifetime
{
    private const string Schema = """"
        CREATE TYPE mood AS ENUM ('a', 'b');
        CREATE SCHEMA "Other ""s""";
        CREATE TABLE customer (id int PRIMARY KEY, name text);
        CREATE TABLE "Order Lines" (id int PRIMARY KEY, customer_id int NOT NULL REFERENCES customer, m mood DEFAULT 'a', CHECK (id > 0));
        CREATE TABLE big (id int PRIMARY KEY, parent int REFERENCES big, customer_id int REFERENCES customer, line int REFERENCES "Order Lines", body text UNIQUE);
        CREATE INDEX big_body ON big (md5(body));
        CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
        CREATE TRIGGER stamped BEFORE INSERT ON big FOR EACH ROW EXECUTE FUNCTION stamp();
        CREATE TABLE "Other ""s"""."Tä""ble.x" (v text PRIMARY KEY);
        CREATE TABLE parted (id int, m mood, PRIMARY KEY (id, m)) PARTITION BY HASH (m);
        CREATE TABLE parted_0 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 0);
        CREATE TABLE parted_1 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 1);
        CREATE TABLE of_parted (id int, m mood, FOREIGN KEY (id, m) REFERENCES parted);
        INSERT INTO customer SELECT i, 'c' || i FROM generate_series(1, 100) i;
        INSERT INTO "Order Lines" SELECT i, i % 100 + 1 FROM generate_series(1, 300) i;
        INSERT INTO big SELECT i, nullif(i / 2, 0), i % 100 + 1, i % 300 + 1, repeat(md5(i::text), 10) FROM generate_series(1, 6000) i;
        INSERT INTO "Other ""s"""."Tä""ble.x" VALUES ('x'), ('y');
        INSERT INTO parted SELECT i, (enum_range(NULL::mood))[1 + i % 2] FROM generate_series(1, 200) i;
        INSERT INTO of_parted SELECT id, m FROM parted;
        CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS n FROM customer;
        """";

    private Lab _lab = null!;
    private TestDatabase _source = null!;

    public async ValueTask InitializeAsync()
    {
        _lab = new Lab(postgres);
        _source = await postgres.CreateDatabaseAsync("tables");
        await Database.SqlAsync(_source.Url, Schema);
        await _lab.RunAsync(_source.Url, d => d with { ShardAbove = 1 << 20 });
    }

    public async ValueTask DisposeAsync()
    {
        await _lab.DisposeAsync();
        await _source.DisposeAsync();
    }

    [Fact]
    public async Task A_large_table_comes_back_with_its_indexes_keys_and_triggers_and_only_its_objects_are_read()
    {
        var url = await _lab.NewUrlAsync();
        var report = await _lab.RestoreAsync(url, change: r => r with { Tables = ["big"] });
        Assert.Equal(6000L, await CountAsync(url, "big"));
        Assert.Equal(0L, await CountAsync(url, "customer"));
        Assert.Equal("big_body,big_body_key,big_pkey", await TextAsync(url, "SELECT string_agg(indexname, ',' ORDER BY indexname) FROM pg_indexes WHERE tablename = 'big'"));
        Assert.Equal("stamped", await TextAsync(url, "SELECT string_agg(tgname, ',') FROM pg_trigger WHERE NOT tgisinternal"));
        Assert.Equal("big_parent_fkey", await TextAsync(url, "SELECT string_agg(conname, ',') FROM pg_constraint WHERE conrelid = 'big'::regclass AND contype = 'f'"));
        Assert.Equal(2, report.LeftOut.Count);
        Assert.Contains(report.LeftOut, l => l.Contains("big_customer_id_fkey", StringComparison.Ordinal));
        Assert.Contains(report.LeftOut, l => l.Contains("big_line_fkey", StringComparison.Ordinal));
        var needed = (await _lab.LatestAsync()).Manifest!.Artifacts.Where(a => a.Role == ArtifactRole.Base || a.Table?.Name == "big").ToList();
        Assert.True(needed.Count > 2, "big has no chunks");
        Assert.Equal(needed.Sum(a => a.StoredBytes), report.BytesRead);
    }

    [Fact]
    public async Task Small_quoted_and_partitioned_tables_come_back_together()
    {
        var url = await _lab.NewUrlAsync();
        var report = await _lab.RestoreAsync(url, change: r => r with { Tables = ["Order Lines", "\"Other \"\"s\"\"\".\"Tä\"\"ble.x\"", "public.parted", "of_parted"] });
        Assert.Equal(300L, await CountAsync(url, "\"Order Lines\""));
        Assert.Equal(2L, await CountAsync(url, "\"Other \"\"s\"\"\".\"Tä\"\"ble.x\""));
        Assert.Equal(200L, await CountAsync(url, "parted"));
        Assert.Equal(200L, await CountAsync(url, "of_parted"));
        Assert.Equal(0L, await CountAsync(url, "big"));
        Assert.Equal(4, report.Tables);
        Assert.Contains("Order Lines_customer_id_fkey", Assert.Single(report.LeftOut), StringComparison.Ordinal);
        Assert.Equal(1L, await Database.ScalarAsync<long>(url, "SELECT count(*) FROM pg_constraint WHERE conrelid = 'of_parted'::regclass AND contype = 'f' AND conparentid = 0"));
        Assert.Equal([], await _lab.DifferencesAsync(_source.Url, url, new ComparisonOptions { ExceptTables = ["public.big", "public.customer"] }) is var d
            ? d.Where(x => x.StartsWith("table ", StringComparison.Ordinal)) : []);
    }

    [Fact]
    public async Task A_table_together_with_what_it_points_to_keeps_its_foreign_keys()
    {
        var url = await _lab.NewUrlAsync();
        var report = await _lab.RestoreAsync(url, change: r => r with { Tables = ["\"Order Lines\"", "customer"] });
        Assert.Empty(report.LeftOut);
        Assert.Equal(1L, await Database.ScalarAsync<long>(url, "SELECT count(*) FROM pg_constraint WHERE conrelid = '\"Order Lines\"'::regclass AND contype = 'f'"));
    }

    [Fact]
    public async Task An_unknown_table_is_answered_with_what_there_is()
    {
        var url = await _lab.NewUrlAsync();
        var refused = await Assert.ThrowsAsync<BackupException>(() => _lab.RestoreAsync(url, change: r => r with { Tables = ["big", "nosuch", "parted_0"] }));
        Assert.Equal(ErrorCode.UsageWrong, refused.Code);
        Assert.Contains("holds no table nosuch, parted_0", refused.Message, StringComparison.Ordinal);
        foreach (var name in (string[])["public.big", "public.\"Order Lines\"", "public.parted", "A partition is restored with its whole tree"])
            Assert.Contains(name, refused.NextStep, StringComparison.Ordinal);
        Assert.DoesNotContain(await _lab.DatabasesAsync(), d => d.StartsWith("restored_", StringComparison.Ordinal) && url.Contains(d, StringComparison.Ordinal));
    }

    private static Task<long> CountAsync(string url, string table) => Database.ScalarAsync<long>(url, $"SELECT count(*) FROM {table}");

    private static Task<string> TextAsync(string url, string sql) => Database.ScalarAsync<string>(url, sql);
}
