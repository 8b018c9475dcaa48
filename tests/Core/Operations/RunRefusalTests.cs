using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Core.Policies;
using Backup.Core.Postgres;
using Backup.Tests.Support;

namespace Backup.Core.Tests.Operations;

public sealed class RunRefusalTests(PostgresFixture postgres) : IAsyncLifetime
{
    private Lab _lab = null!;
    private TestDatabase _source = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _lab = new Lab(postgres);
        _source = await postgres.CreateDatabaseAsync("refusals");
        await Database.SqlAsync(_source.Url, "CREATE TABLE t (a int); INSERT INTO t VALUES (1)");
    }

    public async ValueTask DisposeAsync()
    {
        await _lab.DisposeAsync();
        await _source.DisposeAsync();
    }

    [Theory]
    [InlineData("postgres://u:hunter2@ep-cool-rain-123-pooler.eu-central-1.aws.neon.tech/db", "ep-cool-rain-123.eu-central-1.aws.neon.tech")]
    [InlineData("postgres://u:hunter2@db.abcdef.supabase.co:6543/postgres", "db.abcdef.supabase.co:5432")]
    [InlineData("postgres://u:hunter2@db.example.org/x?pgbouncer=true", "usually port 5432")]
    public async Task A_pooled_url_is_refused_with_the_direct_form_and_without_a_connection(string url, string direct)
    {
        var refused = await Assert.ThrowsAsync<BackupException>(() => _lab.RunAsync(url));
        Assert.Equal((ErrorCode.SourcePooled, 2), (refused.Code, refused.Code.ExitCode));
        Assert.Contains(direct, refused.NextStep, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", refused.ToString() + refused.NextStep, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_pooler_in_transaction_mode_is_found_though_its_url_looks_direct()
    {
        await using var pooler = await PgBouncer.StartAsync(await postgres.ClusterAsync());
        var refused = await Assert.ThrowsAsync<BackupException>(() => _lab.RunAsync(pooler.Url(_source.Name)));
        Assert.Equal(ErrorCode.SourcePooled, refused.Code);
        Assert.Contains("direct", refused.NextStep + refused.Message, StringComparison.OrdinalIgnoreCase);
        Assert.Empty(Files());
    }

    [Fact]
    public async Task Everything_that_the_role_cannot_read_is_listed_and_the_printed_grants_mend_it()
    {
        var server = await postgres.PasswordServerAsync();
        await using var source = await postgres.CreatePasswordDatabaseAsync("rights");
        var admin = server.AdminUrl(source.Name);
        await Database.SqlAsync(admin, """
            CREATE TABLE open_one (a int); GRANT SELECT ON open_one TO app_role;
            CREATE TABLE "Closed 1" (a int); CREATE TABLE closed_2 (a int); CREATE SEQUENCE closed_seq;
            CREATE SCHEMA "Hidden S"; CREATE TABLE "Hidden S".x (id serial PRIMARY KEY, v text); INSERT INTO "Hidden S".x (v) VALUES ('y');
            CREATE TABLE ruled (a int); GRANT SELECT ON ruled TO app_role; ALTER TABLE ruled ENABLE ROW LEVEL SECURITY; CREATE POLICY none ON ruled USING (false);
            INSERT INTO ruled VALUES (1), (2);
            SELECT lo_from_bytea(4711, 'x');
            """);
        var refused = await Assert.ThrowsAsync<BackupException>(() => _lab.RunAsync(source.Url));
        Assert.Equal((ErrorCode.SourceRights, 1), (refused.Code, refused.Code.ExitCode));
        foreach (var name in (string[])["public.\"Closed 1\"", "public.closed_2", "public.closed_seq", "\"Hidden S\".x", "public.ruled", "4711"])
            Assert.Contains(name, refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("open_one", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(PasswordServer.Password, refused.ToString() + refused.NextStep, StringComparison.Ordinal);
        Assert.Empty(Files());

        await Database.SqlAsync(admin, refused.NextStep[(refused.NextStep.IndexOf(": ", StringComparison.Ordinal) + 2)..]);
        var run = await _lab.RunAsync(source.Url, d => d with { ShardAbove = 1 });
        Assert.Equal(RunOutcome.Committed, run.Outcome);
        Assert.Equal(2L, run.Manifest!.Fingerprints.Single(f => f.Table.Name == "ruled").Rows);
        await Database.SqlAsync(admin, $"ALTER ROLE {PasswordServer.Role} NOBYPASSRLS");
    }

    [Fact]
    public async Task A_lock_table_that_is_too_small_is_refused_unless_told_otherwise()
    {
        var big = new ServerFacts
        {
            VersionNumber = 150000, Version = "15", IsStandby = false, IsSuperuser = true, CanCreateDatabase = true, User = "u", Encoding = "UTF8",
            Collation = "C", Ctype = "C", LocaleProvider = "c", DatabaseBytes = 0, BlockSize = 8192, LockSlots = 6400,
        };
        Preflight.CheckLockTable(big, 1919);
        var refused = Assert.Throws<BackupException>(() => Preflight.CheckLockTable(big, 1920));
        Assert.Equal(ErrorCode.SourceLimits, refused.Code);
        Assert.Contains("max_locks_per_transaction", refused.NextStep, StringComparison.Ordinal);

        await using var cluster = await ThrowawayCluster.StartAsync(
            new ClusterRequest { MaxConnections = 20, Settings = new Dictionary<string, string> { ["max_locks_per_transaction"] = "10", ["max_prepared_transactions"] = "0" } },
            await postgres.InstallationAsync(), postgres.Machine, Cancel);
        await Database.SqlAsync(cluster.Url("postgres"), "DO 'BEGIN FOR i IN 1..70 LOOP EXECUTE format(''CREATE TABLE t%s (a int)'', i); END LOOP; END'");
        var full = await Assert.ThrowsAsync<BackupException>(() => _lab.RunAsync(cluster.Url("postgres")));
        Assert.Equal(ErrorCode.SourceLimits, full.Code);
        Assert.Contains("--ignore-lock-limit", full.NextStep, StringComparison.Ordinal);
        Assert.Empty(Files());
        var run = await _lab.RunAsync(_lab.Request(cluster.Url("postgres")) with { IgnoreLockLimit = true });
        Assert.Equal(RunOutcome.Committed, run.Outcome);
    }

    [Fact]
    public async Task A_second_run_of_the_same_database_is_told_who_holds_the_lock()
    {
        await using var holder = await SnapshotSession.OpenAsync(ConnectionText.Parse(_source.Url, "test", "nobody"), "backup db_20260101T000000Z otherhost", Cancel);
        var busy = await Assert.ThrowsAsync<BackupException>(() => _lab.RunAsync(_source.Url));
        Assert.Equal((ErrorCode.SourceBusy, 1), (busy.Code, busy.Code.ExitCode));
        Assert.Contains($"process {holder.ProcessId}", busy.Message, StringComparison.Ordinal);
        Assert.Contains("backup db_20260101T000000Z otherhost", busy.Message, StringComparison.Ordinal);
        Assert.True(busy.IsTransient);
    }

    [Theory]
    [InlineData("db")]
    [InlineData("a-database-name-of-more-than-sixty-three-characters-in-the-policy-xyz")]
    public async Task A_trigger_that_meets_its_own_run_is_skipped_and_no_failure(string name)
    {
        var time = new DateTimeOffset(2026, 1, 1, 2, 0, 0, TimeSpan.Zero);
        var request = _lab.Request(_source.Url, d => d with { Name = name }) with { ScheduledTime = time, Kind = BackupKind.Scheduled };
        var reached = new TaskCompletionSource();
        var release = new TaskCompletionSource();
        var slow = new RunBackup(_lab.Machine, _lab.Clock, postgres.Installations, new Hold("locking tables", reached, release.Task)).ExecuteAsync(request, Cancel);
        await reached.Task.WaitAsync(TimeSpan.FromSeconds(30), Cancel);
        var second = await _lab.RunAsync(request);
        release.SetResult();
        Assert.Equal(RunOutcome.AlreadyRunning, second.Outcome);
        Assert.Equal(RunOutcome.Committed, (await slow).Outcome);
        Assert.Equal(RunOutcome.AlreadyDone, (await _lab.RunAsync(request)).Outcome);
        Assert.Single(Files(), f => f.EndsWith("manifest.json", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Two_runs_by_hand_in_the_same_second_are_two_backups()
    {
        var request = _lab.Request(_source.Url);
        var run = new RunBackup(_lab.Machine, _lab.Clock, postgres.Installations);
        var (first, second) = (await run.ExecuteAsync(request, Cancel), await run.ExecuteAsync(request, Cancel));
        Assert.Equal([RunOutcome.Committed, RunOutcome.Committed], [first.Outcome, second.Outcome]);
        Assert.Equal(first.Id.Time.AddSeconds(1), second.Id.Time);
        Assert.Equal(2, Files().Count(f => f.EndsWith("manifest.json", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Two_databases_at_once_do_not_disturb_each_other()
    {
        await using var other = await postgres.CreateDatabaseAsync("refusals");
        await Database.SqlAsync(other.Url, "CREATE TABLE u (a int); INSERT INTO u SELECT generate_series(1, 1000)");
        var runs = await Task.WhenAll(_lab.RunAsync(_source.Url, d => d with { Name = "one", ShardAbove = 1 }), _lab.RunAsync(other.Url, d => d with { Name = "two", ShardAbove = 1 }));
        Assert.All(runs, r => Assert.Equal(RunOutcome.Committed, r.Outcome));
        Assert.Equal([1L, 1000L], runs.Select(r => r.Manifest!.Totals.Rows));
    }

    [Fact]
    public async Task Scheduled_runs_fill_the_highest_tier_that_is_missing()
    {
        var retention = new RetentionPolicy(new Dictionary<Tier, CalendarSpan>
        {
            [Tier.Daily] = new(30, CalendarUnit.Days), [Tier.Weekly] = new(8, CalendarUnit.Weeks), [Tier.Monthly] = new(12, CalendarUnit.Months), [Tier.Annual] = new(7, CalendarUnit.Years),
        });
        async Task<Tier> At(int month, int day) => (await _lab.RunAsync(_lab.Request(_source.Url) with
        {
            Kind = BackupKind.Scheduled, Retention = retention, ScheduledTime = new DateTimeOffset(2026, month, day, 2, 0, 0, TimeSpan.Zero),
        })).Manifest!.Tier;
        Assert.Equal([Tier.Annual, Tier.Monthly, Tier.Weekly, Tier.Daily, Tier.Weekly, Tier.Monthly, Tier.Daily],
            [await At(1, 13), await At(1, 14), await At(1, 15), await At(1, 16), await At(1, 20), await At(2, 2), await At(1, 21)]);
        // 21 January lies in the week that 20 January filled; the tier's own time makes its expiry.
        var annual = (await new Catalog.BackupCatalog(_lab.Vault).ListAsync("test", "db", Cancel)).Single(e => e.Tier == Tier.Annual);
        Assert.Equal(new DateTimeOffset(2033, 1, 13, 2, 0, 0, TimeSpan.Zero), annual.Manifest!.ExpiresAt);
    }

    private string[] Files() => Directory.Exists(_lab.VaultFolder) ?
        [.. Directory.GetFiles(_lab.VaultFolder, "*", SearchOption.AllDirectories).Where(f => !f.EndsWith(".lock", StringComparison.Ordinal) && !f.EndsWith(".owner", StringComparison.Ordinal))] : [];

    /// <summary>Stops a run at a step until it is released.</summary>
    private sealed class Hold(string step, TaskCompletionSource reached, Task release) : IProgress<Progress>
    {
        public void Report(Progress value)
        {
            if (!value.What.StartsWith(step, StringComparison.Ordinal)) return;
            reached.TrySetResult();
            release.Wait();
        }
    }
}
