using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Core.Postgres;
using Backup.Core.Storage;
using Backup.Core.Tests.Faults;
using Backup.Core.Tests.Support;
using Backup.Tests.Support;

namespace Backup.Core.Tests.Operations;

public sealed class LoadRowsTests(PostgresFixture postgres)
{
    [Fact]
    public void A_table_is_loaded_by_one_session_unless_it_is_much_larger_than_the_others()
    {
        Artifact[] chunks = [Chunk("a", 1, 60), Chunk("a", 2, 10), Chunk("b", 1, 20), Chunk("c", 1, 5), Chunk("c", 2, 5)];
        Assert.Equal([("a", 2, true), ("b", 1, true), ("c", 2, true)], Plan(chunks, 2));
        Assert.Equal([("b", 1, true), ("c", 2, true), ("a", 1, false), ("a", 1, false)], Plan(chunks, 4));
        Assert.Equal([("a", 2, true), ("b", 1, true), ("c", 2, true)], Plan(chunks, 1));
        Assert.Equal([("a", 1, true)], Plan([Chunk("a", 1, 60)], 8)); // nothing to share
        Assert.Equal([("a", 1, false), ("a", 1, false)], Plan([Chunk("a", 1, 60), Chunk("a", 2, 60)], 2));
    }

    [Fact]
    public void Partitions_that_their_root_spreads_are_loaded_chunk_by_chunk()
    {
        Artifact[] chunks = [Chunk("p_1", 1, 5, "p"), Chunk("p_2", 1, 5, "p"), Chunk("x", 1, 90)];
        Assert.Equal([("x", 1, true), ("p", 1, false), ("p", 1, false)], Plan(chunks, 1));
    }

    [Fact]
    public void Every_chunk_is_in_exactly_one_load()
    {
        var random = new Random(7);
        for (var round = 0; round < 500; round++)
        {
            var chunks = Enumerable.Range(0, random.Next(0, 40)).Select(i => Chunk($"t{random.Next(6)}", i, random.Next(0, 1000), random.Next(5) == 0 ? "root" : null)).ToList();
            var plan = RowLoad.Plan(chunks, random.Next(1, 9));
            Assert.Equal(chunks.OrderBy(c => c.Key), plan.SelectMany(l => l.Chunks).OrderBy(c => c.Key));
            // What is emptied first must not have been filled by anybody else.
            Assert.All(plan.Where(l => l.Freeze), l => Assert.Equal(1, plan.Count(o => o.Chunks.Any(c => c.LoadInto == l.Chunks[0].LoadInto))));
        }
    }

    [Fact]
    public void A_table_is_full_when_its_last_load_is_in_and_of_use_while_others_are_not()
    {
        var queue = new RowLoads(RowLoad.Plan([Chunk("a", 1, 60), Chunk("a", 2, 60), Chunk("b", 1, 20), Chunk("c", 1, 5)], 4));
        var loads = Enumerable.Range(0, queue.Count).Select(_ => queue.Next()!).ToLookup(l => l.Chunks[0].LoadInto!.Name);
        Assert.Null(queue.Next());
        queue.Loaded(loads["a"].First());
        Assert.Null(queue.NextFull());
        queue.Loaded(loads["a"].Last());
        queue.Loaded(loads["b"].Single());
        Assert.Equal("a", queue.NextFull()!.Name);
        queue.Loaded(loads["c"].Single());
        Assert.Null(queue.NextFull());
    }

    [Fact]
    public async Task The_key_of_a_full_table_is_made_while_another_one_is_loaded()
    {
        await using var lab = new Lab(postgres);
        await using var source = await postgres.CreateDatabaseAsync("keys");
        await Database.SqlAsync(source.Url, """
            CREATE TABLE one (id int PRIMARY KEY, t text UNIQUE); CREATE TABLE two (id int PRIMARY KEY, t text); CREATE INDEX ON two (id, t); COMMENT ON CONSTRAINT one_pkey ON one IS 'the key';
            INSERT INTO one SELECT i, repeat(md5(i::text), 5) FROM generate_series(1, 8000) i; ALTER TABLE two ADD FOREIGN KEY (id) REFERENCES one;
            INSERT INTO two SELECT i, (SELECT string_agg(md5(i::text || j), '') FROM generate_series(1, 50) j) FROM generate_series(1, 4000) i;
            """);
        await lab.RunAsync(source.Url, d => d with { ShardAbove = 1_000_000 });
        var url = await lab.NewUrlAsync();
        var keys = 0L;
        var vault = new GateVault(lab.Vault, ".two.", async () =>
        {
            for (var tries = 0; keys < 2 && tries < 600; tries++)
            {
                await Task.Delay(100, TestContext.Current.CancellationToken);
                keys = await Database.ScalarAsync<long>(url, "SELECT count(*) FROM pg_constraint WHERE conrelid = to_regclass('one') AND contype IN ('p', 'u')");
            }
        }, reading: true);
        await lab.RestoreAsync(url, change: r => r with { Jobs = 2, Vault = vault });
        Assert.Equal(2, keys);
        Assert.Empty(await lab.DifferencesAsync(source.Url, url));
    }

    [Fact]
    public async Task Keys_made_early_are_the_full_tables_own_and_take_their_comments_with_them()
    {
        await using var lab = new Lab(postgres);
        await using var source = await postgres.CreateDatabaseAsync("twins");
        await Database.SqlAsync(source.Url, """
            CREATE TABLE a (id int CONSTRAINT pk PRIMARY KEY, t text); CREATE TABLE "a b" (id int CONSTRAINT "pk 2" PRIMARY KEY, t text CONSTRAINT z UNIQUE);
            CREATE TABLE big (id int PRIMARY KEY, t text); CREATE TABLE small (id int CONSTRAINT s PRIMARY KEY);
            COMMENT ON INDEX pk IS 'a'; COMMENT ON INDEX "pk 2" IS 'a b'; COMMENT ON INDEX s IS 'small'; COMMENT ON CONSTRAINT z ON "a b" IS 'z'; COMMENT ON CONSTRAINT pk ON a IS 'pk';
            INSERT INTO a SELECT i, repeat(md5(i::text), 5) FROM generate_series(1, 8000) i; INSERT INTO "a b" SELECT * FROM a;
            INSERT INTO big SELECT i, (SELECT string_agg(md5(i::text || j), '') FROM generate_series(1, 50) j) FROM generate_series(1, 4000) i;
            """);
        await lab.RunAsync(source.Url, d => d with { ShardAbove = 1_000_000 });
        var url = await lab.NewUrlAsync();
        var keys = 0L;
        var vault = new GateVault(lab.Vault, ".big.", async () =>
        {
            for (var tries = 0; keys < 3 && tries < 100; tries++)
            {
                await Task.Delay(100, TestContext.Current.CancellationToken);
                keys = await Database.ScalarAsync<long>(url, "SELECT count(*) FROM pg_constraint WHERE conrelid IN (to_regclass('a'), to_regclass('\"a b\"')) AND contype IN ('p', 'u')");
            }
        }, reading: true);
        await lab.RestoreAsync(url, change: r => r with { Jobs = 4, Vault = vault });
        Assert.Equal(3, keys);
        Assert.Empty(await lab.DifferencesAsync(source.Url, url));
    }

    [Fact]
    public async Task What_was_opened_ahead_is_closed_when_a_load_fails()
    {
        await using var lab = new Lab(postgres);
        await using var source = await postgres.CreateDatabaseAsync("ahead");
        await Database.SqlAsync(source.Url, "CREATE TABLE one (id int PRIMARY KEY, t text); INSERT INTO one SELECT i, repeat(md5(i::text), 5) FROM generate_series(1, 3000) i");
        await lab.RunAsync(source.Url, d => d with { ShardAbove = 100_000 });
        var chunks = (await lab.LatestAsync()).Manifest!.Artifacts.Where(a => a.Role == ArtifactRole.Chunk).ToList();
        Assert.True(chunks.Count > 2);
        var vault = new CountingVault(lab.Vault);
        await using (var ahead = new ReadAhead(chunks, chunk => ArtifactReader.OpenAsync(vault, new Toolbox(lab.Machine), chunk, raw: true, null, TestContext.Current.CancellationToken)))
        {
            await using var first = await ahead.NextAsync();
            await first.CopyToAsync(Stream.Null, TestContext.Current.CancellationToken);
            Assert.Null(first.Difference());
        }

        Assert.Equal((2, 2), (vault.Opened, vault.Closed));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public async Task Restored_rows_need_no_vacuum(int jobs)
    {
        await using var lab = new Lab(postgres);
        await using var source = await postgres.CreateDatabaseAsync("frozen");
        await Database.SqlAsync(source.Url, """
            CREATE TABLE one (id int PRIMARY KEY, t text); CREATE TABLE two (id int PRIMARY KEY, t text); CREATE TABLE three (id int PRIMARY KEY, t text) WITH (fillfactor = 50);
            INSERT INTO one SELECT i, repeat(md5(i::text), 5) FROM generate_series(1, 5000) i; INSERT INTO two SELECT * FROM one; INSERT INTO three SELECT * FROM one;
            """);
        var run = await lab.RunAsync(source.Url, d => d with { ShardAbove = 100_000, Jobs = 2 });
        Assert.True(run.Manifest!.Artifacts.Count(a => a.Table?.Name == "one") > 1);
        var url = await lab.NewUrlAsync();
        await lab.RestoreAsync(url, change: r => r with { Jobs = jobs });
        Assert.Empty(await lab.DifferencesAsync(source.Url, url));
        Assert.Equal(3L, await Database.ScalarAsync<long>(url, "SELECT count(*) FROM pg_class WHERE relname IN ('one', 'two', 'three') AND relpages > 0 AND relallvisible = relpages"));
    }

    [Fact]
    public async Task Tables_whose_owner_has_taken_rights_from_himself_come_back_and_are_proven()
    {
        await using var lab = new Lab(postgres);
        await using var source = await postgres.CreatePasswordDatabaseAsync("append");
        await Database.SqlAsync(source.Url, $"""
            CREATE TABLE audit (id int PRIMARY KEY); INSERT INTO audit SELECT generate_series(1, 900); REVOKE UPDATE, DELETE, TRUNCATE ON audit FROM {PasswordServer.Role};
            CREATE TABLE closed (id int PRIMARY KEY); INSERT INTO closed SELECT generate_series(1, 9); REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON closed FROM {PasswordServer.Role};
            CREATE TABLE empty (id int); REVOKE INSERT ON empty FROM {PasswordServer.Role};
            """);
        await lab.RunAsync(source.Url, d => d with { ShardAbove = 1 });
        await using var target = await postgres.CreatePasswordDatabaseAsync("appended");
        await lab.RestoreAsync(target.Url, RestoreMode.Empty);
        Assert.Empty(await lab.DifferencesAsync(source.Url, target.Url));
        var drill = await lab.DrillAsync();
        Assert.Equal((Verdict.Pass, 0), (drill.Verdict, drill.Findings.Count));
    }

    [Fact]
    public async Task Rows_that_somebody_adds_while_the_restore_runs_are_not_removed_and_make_it_fail()
    {
        await using var lab = new Lab(postgres);
        await using var source = await postgres.CreateDatabaseAsync("busy");
        await Database.SqlAsync(source.Url, "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 900)");
        await lab.RunAsync(source.Url, d => d with { ShardAbove = 1 });
        await using var target = await postgres.CreateDatabaseAsync("early", "template0");
        var app = new AtStep("data", () => Database.SqlAsync(target.Url, "INSERT INTO t VALUES (1000)"));
        var restore = new RestoreBackup(lab.Machine, lab.Clock, postgres.Installations, app);
        var request = new RestoreRequest
        {
            Vault = lab.Vault,
            Backup = await lab.LatestAsync(),
            Target = ConnectionText.Parse(target.Url, "the test's target", "nobody"),
            Mode = RestoreMode.Empty,
            AfterRestore = AfterRestore.None,
            Jobs = 1,
            Comparison = Comparison.Counts,
        };
        var e = await Assert.ThrowsAsync<BackupException>(() => restore.ExecuteAsync(request, TestContext.Current.CancellationToken));
        Assert.Equal(ErrorCode.RestoreDifferent, e.Code);
        Assert.Contains("public.t has 901 rows, the manifest says 900", e.Message, StringComparison.Ordinal);
        Assert.Equal(1000, await Database.ScalarAsync<int>(target.Url, "SELECT max(id) FROM t"));
    }

    [Fact]
    public async Task Checks_that_read_the_table_of_another_session_do_not_stop_both()
    {
        await using var lab = new Lab(postgres);
        await using var source = await postgres.CreateDatabaseAsync("crossed");
        await Database.SqlAsync(source.Url, """
            CREATE FUNCTION sees(other text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS
                $f$ BEGIN EXECUTE 'SELECT FROM public.' || other || ' LIMIT 1'; RETURN true; END $f$;
            CREATE TABLE one (id int CHECK (sees('two')), t text); CREATE TABLE two (id int CHECK (sees('one')), t text);
            INSERT INTO one SELECT i, repeat(md5(i::text), 5) FROM generate_series(1, 3000) i; INSERT INTO two SELECT * FROM one;
            """);
        await lab.RunAsync(source.Url, d => d with { ShardAbove = 100_000 });
        var url = await lab.NewUrlAsync();
        await lab.RestoreAsync(url, change: r => r with { Jobs = 2 });
        Assert.Empty(await lab.DifferencesAsync(source.Url, url));
    }

    private sealed class CountingVault(IVault inner) : PassingVault(inner)
    {
        public int Opened { get; private set; }
        public int Closed { get; private set; }

        public override async Task<Stream> OpenAsync(string key, long offset, CancellationToken cancel)
        {
            Opened++;
            return new ClosingStream(await base.OpenAsync(key, offset, cancel), () => Closed++);
        }
    }

    private sealed class ClosingStream(Stream inner, Action closed) : ReadOnlyStream
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => inner.ReadAsync(buffer, cancellationToken);

        public override async ValueTask DisposeAsync()
        {
            closed();
            await inner.DisposeAsync();
            await base.DisposeAsync();
        }
    }

    /// <summary>Does something when the restore has come to a step, and before it goes on.</summary>
    private sealed class AtStep(string step, Func<Task> act) : IProgress<Progress>
    {
        public void Report(Progress value)
        {
            if (value.IsStep && value.What == step) act().GetAwaiter().GetResult();
        }
    }

    private static List<(string Table, int Chunks, bool Freeze)> Plan(IReadOnlyList<Artifact> chunks, int jobs) =>
        [.. RowLoad.Plan(chunks, jobs).Select(l => (l.Chunks[0].LoadInto!.Name, l.Chunks.Count, l.Freeze))];

    private static Artifact Chunk(string table, int number, long bytes, string? root = null) => new()
    {
        Key = $"{table}.{number}",
        Role = ArtifactRole.Chunk,
        Table = new TableName("public", table),
        LoadInto = new TableName("public", root ?? table),
        RawBytes = bytes,
        StoredBytes = bytes,
        Sha256 = "",
        Filters = [],
    };
}
