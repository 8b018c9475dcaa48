using Backup.Core.Model;
using Backup.Tests.Support;

namespace Backup.Core.Tests.Increments;

[Collection(IncrementScene.Collection)]
public sealed class IncrementPartitionTests(PostgresFixture postgres)
{
    private const string Months = """
        CREATE TABLE ledger (id int, at date, v text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at); CREATE INDEX ON ledger (v);
        CREATE TABLE ledger_01 PARTITION OF ledger FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
        CREATE TABLE ledger_02 PARTITION OF ledger FOR VALUES FROM ('2026-02-01') TO ('2026-03-01') PARTITION BY HASH (id);
        CREATE TABLE ledger_02_0 PARTITION OF ledger_02 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
        CREATE TABLE ledger_02_1 PARTITION OF ledger_02 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
        INSERT INTO ledger SELECT i, date '2026-01-01' + i % 59, 'v' || i FROM generate_series(1, 400) i;
        """;

    [Fact]
    public async Task Every_leaf_is_read_and_a_new_partition_is_made()
    {
        await using var scene = await IncrementScene.CreateAsync(postgres, Months, ["public.ledger"]);
        await scene.BackupAsync();
        await scene.SqlAsync("""
            UPDATE ledger SET v = 'changed' WHERE id % 20 = 0;
            CREATE TABLE "ledger 03" PARTITION OF ledger FOR VALUES FROM ('2026-03-01') TO ('2026-04-01');
            INSERT INTO ledger SELECT i, '2026-03-07', 'march' FROM generate_series(1000, 1050) i;
            """);
        var manifest = await scene.CommittedAsync();
        Assert.Equal((IncrementMode.Changes, 71L), (manifest.Increment!.Tables[0].Mode, manifest.Totals.Rows));
        await scene.SqlAsync("INSERT INTO ledger VALUES (2000, '2026-03-08', 'later')");
        Assert.Equal(1, (await scene.CommittedAsync()).Totals.Rows);
        await scene.EqualsSourceAsync();
    }

    [Fact]
    public async Task A_new_level_of_partitions_is_made_whole_and_rows_that_left_the_default_partition_find_their_new_place()
    {
        await using var scene = await IncrementScene.CreateAsync(postgres, Months + """
            CREATE TABLE ledger_rest PARTITION OF ledger DEFAULT;
            INSERT INTO ledger SELECT i, '2026-04-01'::date + i % 70, 'rest ' || i FROM generate_series(600, 700) i;
            """, ["public.ledger"]);
        await scene.BackupAsync();
        await scene.SqlAsync("""
            ALTER TABLE ledger DETACH PARTITION ledger_rest;
            CREATE TABLE ledger_04 PARTITION OF ledger FOR VALUES FROM ('2026-04-01') TO ('2026-05-01') PARTITION BY HASH (id);
            CREATE TABLE "ledger 04 even" PARTITION OF ledger_04 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
            CREATE TABLE "ledger 04 odd" PARTITION OF ledger_04 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
            CREATE TABLE ledger_05 PARTITION OF ledger FOR VALUES FROM ('2026-05-01') TO ('2026-06-01');
            CREATE TABLE ledger_06 PARTITION OF ledger FOR VALUES FROM ('2026-06-01') TO ('2026-07-01') PARTITION BY RANGE (id);
            CREATE TABLE ledger_06_a PARTITION OF ledger_06 DEFAULT;
            CREATE TABLE ledger_06_b PARTITION OF ledger_06 FOR VALUES FROM (0) TO (650);
            WITH moved AS (DELETE FROM ledger_rest WHERE at < '2026-07-01' RETURNING *) INSERT INTO ledger SELECT * FROM moved;
            ALTER TABLE ledger ATTACH PARTITION ledger_rest DEFAULT;
            UPDATE ledger SET v = 'changed' WHERE id % 20 = 0;
            """);
        await scene.CommittedAsync();
        await scene.SqlAsync("INSERT INTO ledger VALUES (3000, '2026-04-09', 'new'), (3001, '2026-05-09', 'new'), (3002, '2026-09-09', 'new')");
        var manifest = await scene.CommittedAsync();
        Assert.Equal(["ledger_04", "ledger_05", "ledger_06", "ledger 04 even", "ledger 04 odd", "ledger_06_a", "ledger_06_b"], manifest.Increment!.Tables[0].Partitions!.Select(p => p.Table.Name));
        await scene.EqualsSourceAsync();
    }

    [Fact]
    public async Task Where_partitions_were_arranged_anew_every_row_finds_a_place_and_the_partition_is_named()
    {
        await using var scene = await IncrementScene.CreateAsync(postgres, Months, ["public.ledger"]);
        await scene.BackupAsync();
        await scene.SqlAsync("""
            ALTER TABLE ledger DETACH PARTITION ledger_01;
            CREATE TABLE ledger_01a PARTITION OF ledger FOR VALUES FROM ('2026-01-01') TO ('2026-01-16');
            CREATE TABLE ledger_01b PARTITION OF ledger FOR VALUES FROM ('2026-01-16') TO ('2026-02-01');
            INSERT INTO ledger SELECT * FROM ledger_01;
            DROP TABLE ledger_01;
            INSERT INTO ledger VALUES (4000, '2026-01-20', 'new');
            """);
        await scene.CommittedAsync();
        var (url, report) = await scene.RestoreAsync();
        Assert.Equal(["public.ledger_01a", "public.ledger_01b"], report.Findings.Where(f => f.Code == "increment.partition").Select(f => f.Subject));
        const string Rows = "SELECT md5(string_agg(l::text, '|' ORDER BY id)) FROM ledger l";
        Assert.Equal(await Database.ScalarAsync<string>(scene.Url, Rows), await Database.ScalarAsync<string>(url, Rows));
    }

    [Fact]
    public async Task Rows_that_were_attached_are_copied_however_old_they_are()
    {
        await using var scene = await IncrementScene.CreateAsync(postgres,
            Months + "CREATE TABLE aside (id int, at date NOT NULL, v text, PRIMARY KEY (id, at)); INSERT INTO aside SELECT i, '2025-12-24', 'old' FROM generate_series(1, 10) i", ["public.ledger"]);
        await scene.BackupAsync();
        await scene.CommittedAsync();
        await scene.SqlAsync("ALTER TABLE ledger ATTACH PARTITION aside FOR VALUES FROM ('2025-12-01') TO ('2026-01-01')");
        Assert.Equal(10, (await scene.CommittedAsync()).Totals.Rows);
        Assert.Equal(0, (await scene.CommittedAsync()).Totals.Rows);
    }

    [Fact]
    public async Task An_emptied_partition_makes_the_tree_be_copied_whole()
    {
        await using var scene = await IncrementScene.CreateAsync(postgres, Months, ["public.ledger"]);
        await scene.BackupAsync();
        await scene.SqlAsync("TRUNCATE ledger_02_1");
        var manifest = await scene.CommittedAsync();
        Assert.Contains(manifest.Findings, f => f.Sentence == "public.ledger was copied whole: its partition public.ledger_02_1 was rewritten or emptied");
        await scene.EqualsSourceAsync();
    }

    [Fact]
    public async Task A_foreign_key_of_a_tree_that_cannot_hold_is_left_out_by_name()
    {
        await using var scene = await IncrementScene.CreateAsync(postgres, "CREATE TABLE person (id int PRIMARY KEY); INSERT INTO person VALUES (1);" + Months
            + "ALTER TABLE ledger ADD COLUMN person int CONSTRAINT of_person REFERENCES person", ["public.ledger"]);
        await scene.BackupAsync();
        await scene.SqlAsync("INSERT INTO person VALUES (2); INSERT INTO ledger VALUES (5000, '2026-01-05', 'x', 2)");
        await scene.CommittedAsync();
        var (url, report) = await scene.RestoreAsync();
        var finding = Assert.Single(report.Findings, f => f.Code == "increment.foreignKey");
        Assert.EndsWith("are missing; it was left out", finding.Sentence, StringComparison.Ordinal);
        Assert.Equal(0L, await Database.ScalarAsync<long>(url, "SELECT count(*) FROM pg_constraint WHERE conname = 'of_person'"));
        await Database.SqlAsync(url, $"INSERT INTO person VALUES (2); {finding.NextStep[finding.NextStep.IndexOf("ALTER", StringComparison.Ordinal)..]}");
    }
}
