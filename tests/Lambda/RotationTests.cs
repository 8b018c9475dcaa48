using Backup.Core.Model;
using Backup.Lambda.Events;
using Backup.Tests.Support;

namespace Backup.Lambda.Tests;

/// <summary>Passwords change while backups run: the login in use is never the one that changes.</summary>
public sealed class RotationTests(PostgresFixture postgres, CloudFixture cloud)
{
    private static readonly string[] _steps = ["createSecret", "setSecret", "testSecret", "finishSecret"];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Two_rotations_change_both_roles_step_by_step_while_a_dump_is_running()
    {
        await using var scene = await RotationScene.MakeAsync(postgres, cloud);
        await scene.SeedAsync();
        await using var holder = await Database.OpenAsync(scene.AdminUrl);
        await using (var hold = new Npgsql.NpgsqlCommand("BEGIN; LOCK TABLE held IN ACCESS EXCLUSIVE MODE", holder)) await hold.ExecuteNonQueryAsync(Cancel);
        var dump = scene.Deployed.DumpAsync(Deployment.Scheduled());
        await DumpTests.WaitForAsync(scene.AdminUrl, $"SELECT count(*) FROM pg_stat_activity WHERE usename = '{scene.Role}' AND wait_event_type = 'Lock'");

        var (current, previous) = (await scene.ValueAsync("AWSCURRENT"), await scene.ValueAsync("AWSPREVIOUS"));
        Assert.Equal((scene.Role, $"{scene.Role}_clone"), (RotationScene.User(current), RotationScene.User(previous)));
        var token = await scene.BeginAsync();

        Assert.Equal($"{scene.Role}_clone", (await scene.StepAsync("createSecret", token)).Role);
        var pending = await scene.ValueAsync("AWSPENDING");
        await scene.StepAsync("createSecret", token);
        Assert.Equal(pending, await scene.ValueAsync("AWSPENDING")); // a repeat makes no second password
        Assert.Equal((true, true, false), (await Log(current), await Log(previous), await Log(pending)));

        await scene.StepAsync("setSecret", token);
        Assert.Equal("its password was changed already", (await scene.StepAsync("setSecret", token)).Sentence);
        Assert.Equal((true, false, true), (await Log(current), await Log(previous), await Log(pending)));
        Assert.StartsWith("SCRAM-SHA-256$4096:", await Database.ScalarAsync<string>(scene.AdminUrl, $"SELECT rolpassword FROM pg_authid WHERE rolname = '{scene.Role}_clone'"), StringComparison.Ordinal);

        await using (var release = new Npgsql.NpgsqlCommand("ROLLBACK", holder)) await release.ExecuteNonQueryAsync(Cancel);
        await scene.StepAsync("testSecret", token);
        await scene.StepAsync("finishSecret", token);
        Assert.Equal(pending, await scene.ValueAsync("AWSCURRENT"));
        Assert.Equal(current, await scene.ValueAsync("AWSPREVIOUS"));
        Assert.Equal((true, true), (await Log(current), await Log(pending)));
        foreach (var step in _steps) Assert.Equal("this rotation is done already", (await scene.StepAsync(step, token)).Sentence); // in any order, again

        Assert.Equal(DumpResult.Committed, (await dump).Outcome); // with the login that it began with
        Assert.Equal(DumpResult.Committed, (await scene.Deployed.DumpAsync(Deployment.Scheduled("2026-03-02T02:00:00Z"))).Outcome);

        var second = await scene.BeginAsync();
        foreach (var step in _steps) await scene.StepAsync(step, second);
        Assert.Equal((scene.Role, $"{scene.Role}_clone"), (RotationScene.User(await scene.ValueAsync("AWSCURRENT")), RotationScene.User(await scene.ValueAsync("AWSPREVIOUS"))));
        Assert.Equal((false, true, true), (await Log(current), await Log(await scene.ValueAsync("AWSCURRENT")), await Log(pending)));
        Assert.Equal(2, (await scene.Deployed.MetricAsync("RotationSuccess")).Sum());
        var secrets = new[] { current, pending, await scene.ValueAsync("AWSCURRENT") }.Select(u => Core.Postgres.ConnectionText.Parse(u!, "", "").Password!).Where(p => p != "first");
        Assert.All(secrets, secret => Assert.DoesNotContain(secret, scene.Deployed.Log, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_lost_previous_login_is_an_error_with_the_sql_that_mends_it_and_storing_it_again_does()
    {
        await using var scene = await RotationScene.MakeAsync(postgres, cloud);
        await scene.StoreAsync(false, scene.Url(scene.Role, "first"));
        var token = await scene.BeginAsync();

        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => scene.StepAsync("createSecret", token));

        Assert.Contains($"createSecret of role {scene.Role}_clone", error.Message, StringComparison.Ordinal);
        Assert.Contains("the current login still works", error.Message, StringComparison.Ordinal);
        Assert.Contains($"ALTER ROLE \"{scene.Role}_clone\" PASSWORD", error.Message, StringComparison.Ordinal);
        Assert.Contains($"backup secret set {scene.Deployed.Secret} --previous", error.Message, StringComparison.Ordinal);
        Assert.Equal(0, (await scene.Deployed.MetricAsync("RotationSuccess")).Sum());

        await scene.StoreAsync(true, scene.Url($"{scene.Role}_clone", "second"));
        foreach (var step in _steps) await scene.StepAsync(step, token);
        Assert.Equal($"{scene.Role}_clone", RotationScene.User(await scene.ValueAsync("AWSCURRENT")));
    }

    [Fact]
    public async Task A_password_that_somebody_else_changed_stops_setSecret_and_the_current_login_works()
    {
        await using var scene = await RotationScene.MakeAsync(postgres, cloud);
        await scene.SeedAsync();
        await Database.SqlAsync(scene.AdminUrl, $"ALTER ROLE \"{scene.Role}_clone\" PASSWORD 'another'");
        var token = await scene.BeginAsync();
        await scene.StepAsync("createSecret", token);

        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => scene.StepAsync("setSecret", token));

        Assert.Contains("its stored password is refused", error.Message, StringComparison.Ordinal);
        Assert.True(await Log(await scene.ValueAsync("AWSCURRENT")));
    }

    /// <summary>After which step a rotation stops, and what comes next: its own repeat, as Secrets Manager does it, or a new rotation, as after a cancelled one.</summary>
    private static readonly (string Last, string Next)[] _stops =
    [
        ("createSecret", "its repeat"), ("createSecret", "a new rotation"), ("createSecret", "two new rotations"),
        ("setSecret", "its repeat"), ("setSecret", "a new rotation"), ("setSecret", "two new rotations"),
        ("testSecret that fails", "its repeat"), ("testSecret that fails", "a new rotation"), ("testSecret that fails", "two new rotations"),
        ("testSecret", "its repeat"), ("testSecret", "a new rotation"),
        ("finishSecret, half", "its repeat"),
    ];

    [Fact]
    public async Task A_rotation_that_stops_anywhere_is_ended_by_its_repeat_or_by_the_next_one_without_sql_by_hand()
    {
        await using var scene = await RotationScene.MakeAsync(postgres, cloud);
        await scene.SeedAsync();
        foreach (var (last, next) in _stops)
        {
            var before = await scene.ValueAsync("AWSCURRENT");
            var token = await scene.BeginAsync();
            await RunUntilAsync(scene, token, last);
            for (var more = next switch { "its repeat" => 0, "a new rotation" => 1, _ => 2 }; more > 0; more--)
            {
                token = await scene.BeginAsync();
                if (more > 1) await RunUntilAsync(scene, token, "setSecret");
            }

            foreach (var step in _steps) await scene.StepAsync(step, token);

            var (current, previous) = (await scene.ValueAsync("AWSCURRENT"), await scene.ValueAsync("AWSPREVIOUS"));
            Assert.True(current != before && previous == before, $"{last}, then {next}: the roles did not take turns");
            Assert.True(await Log(current) && await Log(previous), $"{last}, then {next}: a login does not work");
        }
    }

    [Fact]
    public async Task A_password_that_somebody_replaced_by_hand_never_comes_back()
    {
        await using var scene = await RotationScene.MakeAsync(postgres, cloud);
        await scene.SeedAsync();
        var token = await scene.BeginAsync();
        await RunUntilAsync(scene, token, "setSecret");
        var leaked = await scene.ValueAsync("AWSPENDING");
        await Database.SqlAsync(scene.AdminUrl, $"ALTER ROLE \"{scene.Role}_clone\" PASSWORD 'second'");

        var next = await scene.BeginAsync();
        foreach (var step in _steps) await scene.StepAsync(step, next);

        Assert.NotEqual(leaked, await scene.ValueAsync("AWSCURRENT"));
        Assert.False(await Log(leaked));
    }

    [Fact]
    public async Task Trying_the_function_out_tests_the_current_login_and_changes_nothing()
    {
        await using var scene = await RotationScene.MakeAsync(postgres, cloud);
        await scene.SeedAsync();
        var before = await scene.ValueAsync("AWSCURRENT");
        var token = await scene.BeginAsync();

        var result = await scene.StepAsync("testSecret", token);

        Assert.Equal((scene.Role, before), (result.Role, await scene.ValueAsync("AWSCURRENT")));
    }

    [Fact]
    public async Task A_login_that_cannot_read_everything_fails_its_test_with_the_grant_that_mends_it()
    {
        await using var scene = await RotationScene.MakeAsync(postgres, cloud);
        await scene.SeedAsync();
        var token = await scene.BeginAsync();
        await scene.StepAsync("createSecret", token);
        await scene.StepAsync("setSecret", token);
        await Database.SqlAsync(scene.AdminUrl, $"REVOKE pg_read_all_data FROM \"{scene.Role}_clone\"");

        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => scene.StepAsync("testSecret", token));

        Assert.Contains("testSecret of role", error.Message, StringComparison.Ordinal);
        Assert.Contains("GRANT SELECT ON", error.Message, StringComparison.Ordinal);
        Assert.Equal(scene.Role, RotationScene.User(await scene.ValueAsync("AWSCURRENT")));
    }

    [Fact]
    public async Task Nobody_changes_a_password_with_an_invented_event()
    {
        await using var scene = await RotationScene.MakeAsync(postgres, cloud);
        await scene.SeedAsync();
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => scene.StepAsync("setSecret", Guid.NewGuid().ToString()));
        Assert.Contains("has no version", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Logins_are_tried_before_they_are_stored_and_must_take_turns()
    {
        await using var scene = await RotationScene.MakeAsync(postgres, cloud);
        var wrong = await Assert.ThrowsAsync<BackupException>(() => scene.StoreAsync(false, scene.Url(scene.Role, "wrong"), scene.Url($"{scene.Role}_clone", "second")));
        Assert.Equal(ErrorCode.SourceUnreachable, wrong.Code);
        var other = await Assert.ThrowsAsync<BackupException>(() => scene.StoreAsync(false, scene.Url(scene.Role, "first"), scene.Url("somebody", "second")));
        Assert.Contains($"must be {scene.Role}_clone", other.NextStep, StringComparison.Ordinal);
        Assert.Null(await scene.ValueAsync("AWSCURRENT"));
    }

    private static async Task RunUntilAsync(RotationScene scene, string token, string last)
    {
        foreach (var step in _steps.Take(Array.IndexOf(_steps, last.Split([' ', ','])[0]))) await scene.StepAsync(step, token);
        if (last == "testSecret that fails")
        {
            var role = RotationScene.User(await scene.ValueAsync("AWSPENDING"));
            await Database.SqlAsync(scene.AdminUrl, $"REVOKE pg_read_all_data FROM \"{role}\"");
            await Assert.ThrowsAsync<InvalidOperationException>(() => scene.StepAsync("testSecret", token));
            await Database.SqlAsync(scene.AdminUrl, $"GRANT pg_read_all_data TO \"{role}\"");
        }
        else if (last == "finishSecret, half")
        {
            await scene.MoveCurrentAsync(token);
        }
        else
        {
            await scene.StepAsync(last, token);
        }
    }

    private static Task<bool> Log(string? url) => RotationScene.WorksAsync(url);
}
