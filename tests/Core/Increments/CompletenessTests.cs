using Backup.Core.Model;
using Backup.Tests.Support;
using Npgsql;

namespace Backup.Core.Tests.Increments;

/// <summary>No row that was committed is missed, however late its transaction ended.</summary>
[Collection(IncrementScene.Collection)]
public sealed class CompletenessTests(PostgresFixture postgres)
{
    private const string Ledger = "CREATE TABLE ledger (id bigint PRIMARY KEY, v text, ts timestamptz DEFAULT now()); INSERT INTO ledger SELECT i, 'base' FROM generate_series(1, 500) i;";

    [Fact]
    public async Task Transactions_that_are_open_at_a_snapshot_come_with_the_next_increment()
    {
        await using var scene = await IncrementScene.CreateAsync(postgres, Ledger, ["public.ledger"]);
        var beforeBase = await scene.SessionAsync();
        await SqlAsync(beforeBase, "BEGIN; INSERT INTO ledger VALUES (1001, 'open at the backup')");
        await scene.BackupAsync();
        await SqlAsync(beforeBase, "COMMIT");

        var late = await scene.SessionAsync();
        await SqlAsync(late, "BEGIN; INSERT INTO ledger VALUES (1002, 'late'); SAVEPOINT a; INSERT INTO ledger VALUES (1003, 'late, below'); SAVEPOINT b; UPDATE ledger SET v = 'late update' WHERE id = 7; RELEASE b; RELEASE a");
        var prepared = await scene.SessionAsync();
        await SqlAsync(prepared, $"BEGIN; INSERT INTO ledger VALUES (1004, 'prepared'); UPDATE ledger SET v = 'prepared update' WHERE id = 8; PREPARE TRANSACTION '{scene.Url.GetHashCode()}'");
        // Begun later and committed earlier than the ones above.
        await scene.SqlAsync("INSERT INTO ledger VALUES (1005, 'overtakes')");
        var first = await scene.CommittedAsync();
        Assert.Equal(2, first.Totals.Rows); // 1001 and 1005

        await SqlAsync(late, "COMMIT");
        await SqlAsync(prepared, $"COMMIT PREPARED '{scene.Url.GetHashCode()}'");
        await scene.CommittedAsync();
        await scene.EqualsSourceAsync();
    }

    [Fact]
    public async Task A_row_that_no_increment_repeats_is_copied_once()
    {
        await using var scene = await IncrementScene.CreateAsync(postgres, Ledger, ["public.ledger"]);
        await scene.BackupAsync();
        await scene.SqlAsync("INSERT INTO ledger VALUES (2000, 'x'); UPDATE ledger SET v = 'y' WHERE id <= 10");
        var first = await scene.CommittedAsync();
        Assert.Equal(11, first.Totals.Rows);
        Assert.Equal(("public", "ledger", IncrementMode.Changes), (first.Increment!.Tables[0].Table.Schema, first.Increment.Tables[0].Table.Name, first.Increment.Tables[0].Mode));
        var second = await scene.CommittedAsync();
        Assert.Equal(0, second.Totals.Rows);
        Assert.Equal(first.Id, second.Increment!.Tables[0].Since);
        Assert.Equal(first.Snapshot.Xmin, second.Increment.Tables[0].FromXmin);
        Assert.Equal((1, 2), (first.Increment.Number, second.Increment.Number));
        await scene.EqualsSourceAsync();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Whatever_transactions_do_across_increments_the_restored_table_is_the_source(int seed)
    {
        await using var scene = await IncrementScene.CreateAsync(postgres, Ledger, ["public.ledger"]);
        var random = new Random(seed);
        var sessions = new List<(NpgsqlConnection Session, bool Open)>();
        for (var i = 0; i < 4; i++) sessions.Add((await scene.SessionAsync(), false));
        var next = 10_000;
        async Task ActAsync()
        {
            var n = random.Next(sessions.Count);
            var (session, open) = sessions[n];
            // Each session changes rows of its own, so that none waits for another.
            var mine = $"id % 4 = {n} AND id < 500";
            var sql = (open ? random.Next(9) : 0) switch
            {
                0 when open => "COMMIT",
                0 => "BEGIN",
                1 => "ROLLBACK",
                2 => "SAVEPOINT s",
                3 => $"SAVEPOINT r; UPDATE ledger SET v = '{random.Next()}' WHERE {mine} AND id % 7 = {random.Next(7)}; ROLLBACK TO r",
                4 or 5 => $"UPDATE ledger SET v = '{random.Next()}' WHERE {mine} AND id % 7 = {random.Next(7)}",
                6 => $"SAVEPOINT t; INSERT INTO ledger VALUES ({next++}, 'below'); RELEASE t",
                _ => $"INSERT INTO ledger VALUES ({next++}, '{random.Next()}')",
            };
            await SqlAsync(session, sql);
            sessions[n] = (session, sql is not ("COMMIT" or "ROLLBACK"));
        }

        for (var i = 0; i < 20; i++) await ActAsync();
        await scene.BackupAsync();
        for (var increment = 0; increment < 4; increment++)
        {
            for (var i = 0; i < 25; i++) await ActAsync();
            await scene.CommittedAsync();
        }

        foreach (var (session, open) in sessions)
            if (open) await SqlAsync(session, "COMMIT");
        await scene.CommittedAsync();
        await scene.EqualsSourceAsync();
    }

    [Fact]
    public async Task Rows_so_old_that_their_transaction_id_is_frozen_are_not_copied_again()
    {
        await using var scene = await IncrementScene.CreateAsync(postgres, Ledger, ["public.ledger"]);
        await scene.SqlAsync("INSERT INTO ledger VALUES (3000, 'x')");
        await Database.SqlAsync(scene.Url, "VACUUM FREEZE ledger");
        await scene.BackupAsync();
        await scene.SqlAsync("INSERT INTO ledger VALUES (3001, 'new')");
        await Database.SqlAsync(scene.Url, "VACUUM FREEZE ledger");
        // VACUUM hides the inserting transaction from visibility checks; the id itself stays.
        Assert.Equal(1, (await scene.CommittedAsync()).Totals.Rows);
        await scene.EqualsSourceAsync();
    }

    private static async Task SqlAsync(NpgsqlConnection session, string sql)
    {
        await using var command = new NpgsqlCommand(sql, session);
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }
}
