using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Core.Operations.Increments;
using Backup.Core.Tests.Faults;
using Backup.Tests.Support;

namespace Backup.Core.Tests.Increments;

/// <summary>When increments are made, twice, beside a backup, or not to their end.</summary>
[Collection(IncrementScene.Collection)]
public sealed class IncrementRunTests(PostgresFixture postgres)
{
    private const string Two = """
        CREATE TABLE a (id int PRIMARY KEY, v text); INSERT INTO a SELECT i, repeat(md5(i::text), 20) FROM generate_series(1, 3000) i;
        CREATE TABLE b (id int PRIMARY KEY, v text); INSERT INTO b SELECT i, 'b' FROM generate_series(1, 100) i;
        """;

    [Fact]
    public async Task Without_a_backup_there_is_nothing_to_complete()
    {
        await using var scene = await IncrementScene.CreateAsync(postgres, Two, ["public.a"]);
        var e = await Assert.ThrowsAsync<BackupException>(() => scene.IncrementAsync());
        Assert.Equal((ErrorCode.BackupNotFound, "Make one first: backup run."), (e.Code, e.NextStep));
    }

    [Fact]
    public async Task A_schedule_copies_what_is_due_and_a_repeated_trigger_nothing_more()
    {
        await using var scene = await IncrementScene.CreateAsync(postgres, Two, []);
        scene.Tables = [IncrementScene.Critical("public.a"), IncrementScene.Critical("public.b") with { Every = TimeSpan.FromHours(3) }];
        await scene.BackupAsync();
        var start = scene.Lab.Clock.GetUtcNow();
        Assert.Equal(IncrementOutcome.NothingDue, (await scene.IncrementAsync(start.AddMinutes(30))).Outcome);
        var first = await scene.IncrementAsync(start.AddHours(1));
        Assert.Equal(["a"], first.Manifest!.Increment!.Tables.Select(t => t.Table.Name));
        var again = await scene.IncrementAsync(start.AddHours(1));
        Assert.Equal((IncrementOutcome.AlreadyDone, first.Id), (again.Outcome, again.Id));
        await scene.SqlAsync("UPDATE b SET v = 'early' WHERE id = 1");
        Assert.Equal(["a"], (await scene.IncrementAsync(start.AddHours(2))).Manifest!.Increment!.Tables.Select(t => t.Table.Name));
        var third = await scene.IncrementAsync(start.AddHours(3));
        Assert.Equal(["a", "b"], third.Manifest!.Increment!.Tables.Select(t => t.Table.Name));
        Assert.Equal((3, 1L), (third.Manifest.Increment.Number, third.Manifest.Totals.Rows)); // b's change since the backup
        await scene.EqualsSourceAsync();
    }

    [Fact]
    public async Task A_backup_is_a_new_base_and_no_list_takes_an_increment_for_a_backup()
    {
        await using var scene = await IncrementScene.CreateAsync(postgres, Two, ["public.a"]);
        await scene.BackupAsync();
        await scene.CommittedAsync();
        var backup = await scene.BackupAsync();
        var increment = await scene.CommittedAsync();
        Assert.Equal((backup.Id.ToString(), 1, backup.Id.ToString()), (increment.Increment!.Base, increment.Increment.Number, increment.Increment.Tables[0].Since));
        Assert.Equal(backup.Id, (await scene.Lab.LatestAsync()).Id);
        Assert.Equal([Tier.Manual, Tier.Incremental, Tier.Manual, Tier.Incremental], (await scene.EntriesAsync()).Select(e => e.Tier));
        Assert.EndsWith("Z-inc", increment.Id, StringComparison.Ordinal);
        Assert.Equal((Tier.Incremental, BackupKind.Incremental, BackupKind.Manual), (increment.Tier, increment.Kind, backup.Manifest!.Kind));
        var verify = await new VerifyBackup(scene.Lab.Machine, scene.Lab.Clock, postgres.Installations)
            .ExecuteAsync(scene.Lab.Vault, (await scene.EntriesAsync())[^1], VerifyLevel.Archive, record: true, TestContext.Current.CancellationToken);
        Assert.True(verify.Passed);
        // The same second as a scheduled backup: two ids.
        var time = scene.Lab.Clock.GetUtcNow().AddHours(5);
        Assert.Equal(IncrementOutcome.Committed, (await scene.IncrementAsync(time)).Outcome);
        Assert.Equal(RunOutcome.Committed, (await scene.Lab.RunAsync(scene.Request() with { ScheduledTime = time })).Outcome);
    }

    [Fact]
    public async Task Increments_go_on_while_a_backup_runs()
    {
        await using var scene = await IncrementScene.CreateAsync(postgres, Two, ["public.a"]);
        var basis = await scene.BackupAsync();
        var gate = new GateVault(scene.Lab.Vault, "base.dump", async () =>
        {
            await scene.SqlAsync("INSERT INTO a VALUES (9000, 'during the backup')");
            var increment = await scene.CommittedAsync();
            Assert.Equal((basis.Id.ToString(), 1L), (increment.Increment!.Base, increment.Totals.Rows));
        });
        Assert.Equal(RunOutcome.Committed, (await scene.Lab.RunAsync(scene.Request() with { Vault = gate })).Outcome);
        Assert.Equal(2, (await scene.EntriesAsync()).Count(e => !e.Id.IsIncrement));
        await scene.CommittedAsync();
        await scene.EqualsSourceAsync();
    }

    [Fact]
    public async Task Two_at_a_time_are_one()
    {
        await using var scene = await IncrementScene.CreateAsync(postgres, Two, ["public.a"]);
        await scene.BackupAsync();
        var second = IncrementOutcome.Committed;
        var gate = new GateVault(scene.Lab.Vault, "public.a.0001", async () => second = (await scene.IncrementAsync()).Outcome);
        Assert.Equal(IncrementOutcome.Committed, (await scene.IncrementAsync(vault: gate)).Outcome);
        Assert.Equal(IncrementOutcome.AlreadyRunning, second);
    }

    [Fact]
    public async Task One_that_is_stopped_leaves_nothing_and_the_next_has_its_rows()
    {
        await using var scene = await IncrementScene.CreateAsync(postgres, Two, ["public.a", "public.b"]);
        await scene.BackupAsync();
        await scene.SqlAsync("UPDATE a SET v = v || '!'; UPDATE b SET v = 'c'");
        var files = Files(scene);
        using var stop = new CancellationTokenSource();
        var gate = new GateVault(scene.Lab.Vault, "public.b.0002", stop.CancelAsync);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => scene.IncrementAsync(vault: gate, cancel: stop.Token));
        Assert.Equal(files, Files(scene));
        Assert.Single(await scene.EntriesAsync());
        Assert.Equal(3100, (await scene.CommittedAsync()).Totals.Rows);
        await scene.EqualsSourceAsync();
    }

    [Fact]
    public async Task One_whose_session_is_lost_leaves_nothing()
    {
        await using var scene = await IncrementScene.CreateAsync(postgres, Two, ["public.a", "public.b"]);
        await scene.BackupAsync();
        await scene.SqlAsync("UPDATE a SET v = v || '!'");
        var files = Files(scene);
        var gate = new GateVault(scene.Lab.Vault, "public.b.0002", () =>
            scene.SqlAsync("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'backup increment%' AND datname = current_database()"));
        var e = await Assert.ThrowsAsync<BackupException>(() => scene.IncrementAsync(vault: gate));
        Assert.Equal(ErrorCode.SourceLost, e.Code);
        Assert.Equal(files, Files(scene));
    }

    private static IReadOnlyList<string> Files(IncrementScene scene) =>
        [.. Directory.EnumerateFiles(scene.Lab.VaultFolder, "*", SearchOption.AllDirectories).Where(f => !f.Contains("/.partial/", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];
}
