using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Tests.Support;
using Npgsql;

namespace Backup.Core.Tests.Faults;

/// <summary>Other sessions that truncate, rewrite, drop, add and write at every stage of a run: the backup is right or refused, never short.</summary>
public sealed class SchemaFaultTests(PostgresFixture postgres)
{
    private const string Victims = """
        CREATE TABLE big_truncate AS SELECT * FROM a; CREATE TABLE big_rewrite AS SELECT * FROM a; CREATE TABLE big_drop AS SELECT * FROM a;
        CREATE TABLE big_vacuum AS SELECT * FROM a; DELETE FROM big_vacuum WHERE id % 3 = 0;
        CREATE TABLE small_truncate AS SELECT * FROM small; CREATE TABLE small_rewrite AS SELECT * FROM small; CREATE TABLE small_drop AS SELECT * FROM small;
        """;

    /// <summary>Each in a session of its own; those marked take an exclusive lock on a table that was there at the snapshot.</summary>
    private static readonly (string Sql, bool Exclusive)[] s_changes =
    [
        ("TRUNCATE big_truncate", true), ("ALTER TABLE big_rewrite ALTER id TYPE int", true), ("DROP TABLE big_drop", true), ("VACUUM FULL big_vacuum", true),
        ("TRUNCATE small_truncate", true), ("ALTER TABLE small_rewrite ALTER id TYPE bigint", true), ("DROP TABLE small_drop", true),
        ("ALTER TABLE moves ADD COLUMN extra int DEFAULT 5", true), ("CREATE TABLE added AS SELECT * FROM a", false), ("DELETE FROM b WHERE id % 2 = 0", false),
    ];

    [Fact]
    public async Task Changes_before_the_lock_are_in_the_backup()
    {
        await using var scene = await FaultScene.CreateAsync(postgres, Rows.Sql + Victims);
        var run = await scene.RunAsync(progress: new StepHook("locking tables", () => ChangeAllAsync(scene.Url)));
        await RestoredIsAsync(scene, run, await StateAsync(scene.Url));
    }

    [Fact]
    public async Task Changes_between_snapshot_and_dump_make_the_run_start_over()
    {
        await using var scene = await FaultScene.CreateAsync(postgres, Rows.Sql + Victims);
        var changes = Task.CompletedTask;
        var restarts = new StepHook("the schema changed", () => changes);
        var run = await scene.RunAsync(progress: new Both(restarts, new StepHook("copying", () =>
        {
            changes = ChangeAllAsync(scene.Url);
            return WaitingAsync(scene.Url);
        })));
        await changes;
        await RestoredIsAsync(scene, run, await StateAsync(scene.Url));
    }

    [Theory]
    [InlineData("base.dump")]
    [InlineData("/data/")]
    public async Task A_truncate_during_the_run_waits_and_loses_nothing(string stage)
    {
        await using var scene = await FaultScene.CreateAsync(postgres, Rows.Sql + Victims);
        var before = await StateAsync(scene.Url);
        var changes = Task.CompletedTask;
        var told = new TaskCompletionSource();
        await using var vault = new GateVault(scene.Vault, stage, async () =>
        {
            await AllLockedAsync(scene.Url);
            changes = ChangeAllAsync(scene.Url);
            await WaitingAsync(scene.Url);
            if (stage == "/data/") await told.Task.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
        }, holdsAll: true);
        var run = await scene.RunAsync(scene.Request(vault), new StepHook("warning: process ", () =>
        {
            told.TrySetResult(); // said again with every heartbeat
            return Task.CompletedTask;
        }));
        await changes;
        await RestoredIsAsync(scene, run, before);
        Assert.NotEqual(before, await StateAsync(scene.Url)); // the changes were made after all
    }

    /// <summary>A waiting migration that cannot be waited for: pg_dump would queue behind it, and it behind the backup.</summary>
    [Fact]
    public async Task A_migration_that_queues_before_pg_dump_has_locked_is_let_through()
    {
        await using var scene = await FaultScene.CreateAsync(postgres, Rows.Sql);
        var change = Task.CompletedTask;
        var run = await scene.RunAsync(scene.Request() with { LockTimeout = TimeSpan.FromSeconds(3) }, new StepHook("copying", () =>
        {
            change = Database.SqlAsync(scene.Url, "ALTER TABLE small ADD COLUMN extra int DEFAULT 7");
            return WaitingAsync(scene.Url, 1);
        }));
        await change;
        await RestoredIsAsync(scene, run, await StateAsync(scene.Url));
    }

    [Fact]
    public async Task A_lock_that_is_never_granted_is_named()
    {
        await using var scene = await FaultScene.CreateAsync(postgres, Rows.Sql);
        await scene.RunAsync();
        await using (var other = await Database.OpenAsync(scene.Url))
        {
            await using var transaction = await other.BeginTransactionAsync(TestContext.Current.CancellationToken);
            await using var command = new NpgsqlCommand("LOCK TABLE small IN ACCESS EXCLUSIVE MODE", other);
            await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
            var e = await scene.FailsAsync(ErrorCode.SourceBlocked, scene.Request() with { LockTimeout = TimeSpan.FromSeconds(1) });
            Assert.Contains("was not granted in time", e.Message, StringComparison.Ordinal);
        }

        await scene.RunAsync();
    }

    [Fact]
    public async Task Heavy_traffic_is_cut_at_one_transaction()
    {
        await using var scene = await FaultScene.CreateAsync(postgres, Rows.Sql);
        using var stop = new CancellationTokenSource();
        var moved = 0L;
        var traffic = Enumerable.Range(0, 3).Select(async _ =>
        {
            await using var session = await Database.OpenAsync(scene.Url);
            while (!stop.IsCancellationRequested)
            {
                var n = Interlocked.Increment(ref moved);
                // a and b always sum to zero, and there is one move per row that was added to a.
                await using var command = new NpgsqlCommand($"""
                    INSERT INTO moves VALUES ({n}, 'm'); INSERT INTO a (amount) VALUES ({n}); INSERT INTO b (amount) VALUES (-{n});
                    UPDATE a SET amount = amount + 1 WHERE id = {(n % 9000) + 1}; UPDATE b SET amount = amount - 1 WHERE id = {(n % 9000) + 1};
                    WITH d AS (DELETE FROM a WHERE id = {10000 + n} RETURNING amount) INSERT INTO b (amount) SELECT amount FROM d;
                    """, session);
                await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
            }
        }).ToList();
        await Until.TrueAsync(() => Interlocked.Read(ref moved) > 100);
        var run = await scene.RunAsync();
        var after = Interlocked.Read(ref moved);
        await stop.CancelAsync();
        await Task.WhenAll(traffic);
        await scene.RestoredAsync(run.Id.ToString(), async url =>
        {
            Assert.Equal(0L, await Database.ScalarAsync<long>(url, "SELECT (SELECT sum(amount) FROM a) + (SELECT sum(amount) FROM b)"));
            var moves = await Database.ScalarAsync<long>(url, "SELECT count(*) FROM moves");
            Assert.InRange(moves, 50, after);
            Assert.Equal(20_000 + moves + (20_000 + moves), await Database.ScalarAsync<long>(url, "SELECT (SELECT count(*) FROM a) + (SELECT count(*) FROM b)"));
        });
    }

    private static Task ChangeAllAsync(string url) => Task.WhenAll(s_changes.Select(c => Task.Run(() => Database.SqlAsync(url, c.Sql))));

    /// <summary>Every change that can wait does, and the others are done.</summary>
    private static Task WaitingAsync(string url, int? count = null) => Until.TrueAsync(async () =>
        await Database.ScalarAsync<long>(url, "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())")
            == (count ?? s_changes.Count(c => c.Exclusive))
        && (count is not null || await Database.ScalarAsync<bool>(url, "SELECT to_regclass('added') IS NOT NULL AND (SELECT count(*) FROM b) = 10000")));

    /// <summary>Snapshot session and pg_dump have their locks on every table, both workers on those that become chunks. Before that a change would stop pg_dump.</summary>
    private static Task AllLockedAsync(string url) => Until.TrueAsync(() => Database.ScalarAsync<bool>(url, """
        WITH locked AS (SELECT l.pid, t.relname FROM pg_locks l JOIN pg_class t ON t.oid = l.relation
                        WHERE l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND l.mode = 'AccessShareLock' AND l.granted
                          AND t.relkind = 'r' AND t.relnamespace = 'public'::regnamespace)
        SELECT (SELECT count(*) FROM locked WHERE relname = 'big_drop') >= 4
           AND (SELECT count(*) FROM (SELECT FROM locked GROUP BY pid
                                      HAVING count(DISTINCT relname) = (SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace)) everything) >= 2
        """));

    private static async Task RestoredIsAsync(FaultScene scene, RunReport run, string expected)
    {
        await scene.VerifiesAsync(await scene.EntryAsync(run.Id.ToString()), VerifyLevel.Archive);
        await scene.RestoredAsync(run.Id.ToString(), async url => Assert.Equal(expected, await StateAsync(url)));
    }

    /// <summary>Every table with its columns, its number of rows and a sum over their content.</summary>
    private static Task<string> StateAsync(string url) => Database.ScalarAsync<string>(url, """
        SELECT string_agg(t.relname || ' ' || columns || ' ' || (xpath('/row/s/text()', query_to_xml(format(
                   'SELECT count(*) || '' '' || coalesce(sum(hashtextextended(x::text, 0)::numeric), 0) AS s FROM %I x', t.relname), true, true, '')))[1]::text, E'\n' ORDER BY t.relname)
        FROM pg_class t, LATERAL (SELECT string_agg(attname || ':' || atttypid::regtype, ',' ORDER BY attnum) AS columns
                                  FROM pg_attribute WHERE attrelid = t.oid AND attnum > 0 AND NOT attisdropped) c
        WHERE t.relkind = 'r' AND t.relnamespace = 'public'::regnamespace
        """);

    private sealed class Both(IProgress<Progress> first, IProgress<Progress> second) : IProgress<Progress>
    {
        public void Report(Progress value)
        {
            first.Report(value);
            second.Report(value);
        }
    }
}
