using Backup.Core.Catalog;
using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Core.Postgres;
using Backup.Tests.Support;

namespace Backup.Core.Tests.Operations;

public sealed class RestoreModeTests(PostgresFixture postgres) : IAsyncLifetime
{
    private const string Schema = """
        CREATE TABLE account (id int PRIMARY KEY, name text NOT NULL, opened timestamptz, paid money, born date);
        INSERT INTO account SELECT i, 'name ' || i, timestamptz '2024-01-02 03:04:05+00' + i * interval '1 hour', i * 1.25, date '2001-02-03' + i FROM generate_series(1, 3000) i;
        CREATE VIEW rich AS SELECT * FROM account WHERE id > 2990;
        """;

    private Lab _lab = null!;
    private TestDatabase _source = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _lab = new Lab(postgres);
        _source = await postgres.CreateDatabaseAsync("modes");
        await Database.SqlAsync(_source.Url, Schema);
        await _lab.RunAsync(_source.Url, d => d with { ShardAbove = 1 });
    }

    public async ValueTask DisposeAsync()
    {
        await _lab.DisposeAsync();
        await _source.DisposeAsync();
    }

    [Fact]
    public async Task An_empty_database_is_filled_whatever_its_own_settings_are()
    {
        await using var target = await postgres.CreateDatabaseAsync("empty ü");
        var name = Database.Quoted(target.Name);
        await Database.SqlAsync(target.Url, string.Join(';', ((string[])["default_transaction_read_only = on", "DateStyle = 'SQL, DMY'", "TimeZone = 'Asia/Kathmandu'",
            "lc_monetary = 'C'", "search_path = nowhere", "statement_timeout = '50ms'", "lock_timeout = '50ms'", "xmloption = document", "bytea_output = escape",
            "row_security = off", "IntervalStyle = iso_8601"]).Select(s => $"ALTER DATABASE {name} SET {s}")));
        await _lab.RestoreAsync(target.Url, RestoreMode.Empty);
        Assert.Equal([], await _lab.DifferencesAsync(_source.Url, target.Url));
    }

    [Theory]
    [InlineData("CREATE TABLE there (a int)")]
    [InlineData("CREATE VIEW there AS SELECT 1 AS a")]
    [InlineData("CREATE FUNCTION there() RETURNS int LANGUAGE sql AS 'SELECT 1'")]
    [InlineData("CREATE TYPE there AS ENUM ('a')")]
    [InlineData("CREATE DOMAIN there AS int")]
    [InlineData("CREATE SEQUENCE there")]
    [InlineData("SELECT lo_create(1)")]
    public async Task A_database_that_holds_anything_is_refused_and_left_alone(string what)
    {
        await using var target = await postgres.CreateDatabaseAsync("full");
        await Database.SqlAsync(target.Url, what);
        var refused = await Assert.ThrowsAsync<BackupException>(() => _lab.RestoreAsync(target.Url, RestoreMode.Empty));
        Assert.Equal(ErrorCode.TargetRefused, refused.Code);
        Assert.Contains("is not empty", refused.Message, StringComparison.Ordinal);
        Assert.Contains("--clean", refused.NextStep, StringComparison.Ordinal);
        Assert.Equal(0L, await Database.ScalarAsync<long>(target.Url, "SELECT count(*) FROM pg_class WHERE relname = 'account'"));
    }

    [Fact]
    public async Task Event_triggers_of_an_empty_target_are_named_before_they_can_surprise()
    {
        await using var target = await postgres.CreateDatabaseAsync("watched");
        // Its function lies where a provider's would: in a schema that is no user's.
        await Database.SqlAsync(target.Url, """
            SET allow_system_table_mods = on; CREATE FUNCTION pg_catalog.provided() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
            CREATE EVENT TRIGGER "on ddl" ON ddl_command_end EXECUTE FUNCTION pg_catalog.provided();
            """);
        var finding = Assert.Single((await _lab.RestoreAsync(target.Url, RestoreMode.Empty)).Findings);
        Assert.Equal("target.eventTriggers", finding.Code);
        Assert.Contains("ALTER EVENT TRIGGER \"on ddl\" DISABLE;", finding.NextStep, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Create_refuses_a_name_that_is_taken()
    {
        await using var target = await postgres.CreateDatabaseAsync("taken");
        var refused = await Assert.ThrowsAsync<BackupException>(() => _lab.RestoreAsync(target.Url));
        Assert.Equal(ErrorCode.TargetRefused, refused.Code);
        Assert.Contains("exists already", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Clean_swaps_under_connected_clients_and_keeps_the_old_database_usable()
    {
        await using var target = await postgres.CreateDatabaseAsync("live");
        await Database.SqlAsync(target.Url, "CREATE TABLE old (a int); INSERT INTO old VALUES (42)");
        await using var client = await Database.OpenAsync(target.Url);
        await using var holding = await client.BeginTransactionAsync(Cancel);
        await new Npgsql.NpgsqlCommand("LOCK TABLE old", client).ExecuteNonQueryAsync(Cancel);

        var report = await _lab.RestoreAsync(target.Url, RestoreMode.Replace);

        Assert.Equal([], await _lab.DifferencesAsync(_source.Url, target.Url));
        var kept = (await postgres.ClusterAsync()).Url(report.KeptAs!);
        Assert.Equal(42, await Database.ScalarAsync<int>(kept, "SELECT a FROM old"));
        Assert.Equal([report.KeptAs!, target.Name], (await _lab.DatabasesAsync()).Where(d => d.StartsWith(target.Name, StringComparison.Ordinal)).OrderByDescending(d => d.Length));
        await Database.SqlAsync((await postgres.ClusterAsync()).Url("postgres"), $"DROP DATABASE {Database.Quoted(report.KeptAs!)}");
    }

    [Fact]
    public async Task Clean_over_a_name_that_does_not_exist_makes_it()
    {
        var url = await _lab.NewUrlAsync("fresh");
        var report = await _lab.RestoreAsync(url, RestoreMode.Replace);
        Assert.Null(report.KeptAs);
        Assert.Equal([], await _lab.DifferencesAsync(_source.Url, url));
    }

    [Fact]
    public async Task Clean_works_for_names_at_the_limit_of_63_bytes()
    {
        await using var target = await postgres.CreateDatabaseAsync(new string('ü', 28));
        var report = await _lab.RestoreAsync(target.Url, RestoreMode.Replace);
        Assert.Equal([], await _lab.DifferencesAsync(_source.Url, target.Url));
        Assert.Contains(report.KeptAs!, await _lab.DatabasesAsync());
        await Database.SqlAsync((await postgres.ClusterAsync()).Url("postgres"), $"DROP DATABASE {Database.Quoted(report.KeptAs!)}");
    }

    [Fact]
    public async Task The_source_itself_is_refused_and_only_an_explicit_word_overwrites_it()
    {
        foreach (var mode in (RestoreMode[])[RestoreMode.Empty, RestoreMode.Replace])
        {
            var refused = await Assert.ThrowsAsync<BackupException>(() => _lab.RestoreAsync(_source.Url, mode));
            Assert.Equal(ErrorCode.TargetRefused, refused.Code);
            Assert.Contains("is the database that this backup was made from", refused.Message, StringComparison.Ordinal);
        }

        await Database.SqlAsync(_source.Url, "DROP VIEW rich; DELETE FROM account");
        var report = await _lab.RestoreAsync(_source.Url, RestoreMode.Replace, r => r with { AllowProtected = true });
        Assert.Equal(3000L, await Database.ScalarAsync<long>(_source.Url, "SELECT count(*) FROM account"));
        await Database.SqlAsync((await postgres.ClusterAsync()).Url("postgres"), $"DROP DATABASE {Database.Quoted(report.KeptAs!)}");
    }

    [Fact]
    public async Task A_protected_target_is_refused_without_the_explicit_word()
    {
        await using var target = await postgres.CreateDatabaseAsync("protected");
        var parsed = ConnectionText.Parse(target.Url, "test", "nobody");
        RestoreRequest Protect(RestoreRequest r) => r with { Protected = [parsed with { User = "somebody else" }] };
        var refused = await Assert.ThrowsAsync<BackupException>(() => _lab.RestoreAsync(target.Url, RestoreMode.Empty, Protect));
        Assert.Equal(ErrorCode.TargetRefused, refused.Code);
        Assert.Contains("the policy protects", refused.Message, StringComparison.Ordinal);
        await _lab.RestoreAsync(target.Url, RestoreMode.Empty, r => Protect(r) with { AllowProtected = true });
        Assert.Equal([], await _lab.DifferencesAsync(_source.Url, target.Url));
    }

    [Fact]
    public async Task Missing_roles_and_extensions_are_all_named_before_anything_is_made()
    {
        var backup = await _lab.LatestAsync();
        var url = await _lab.NewUrlAsync();
        var facts = backup.Manifest!.Snapshot;
        RestoreRequest With(RestoreRequest r, SnapshotFacts s) => r with { Backup = r.Backup with { Manifest = r.Backup.Manifest! with { Snapshot = s } } };

        var roles = await Assert.ThrowsAsync<BackupException>(() => _lab.RestoreAsync(url, change: r => With(r, facts with { Roles = [.. facts.Roles, "app \"x\"", "reporting", "pg_monitor"] })));
        Assert.Equal(ErrorCode.TargetUnfit, roles.Code);
        Assert.Contains("lacks the roles app \"x\", reporting that", roles.Message, StringComparison.Ordinal);
        Assert.Contains("CREATE ROLE \"app \"\"x\"\"\"; CREATE ROLE \"reporting\";", roles.NextStep, StringComparison.Ordinal);
        Assert.Contains("--no-owner", roles.NextStep, StringComparison.Ordinal);

        var extensions = await Assert.ThrowsAsync<BackupException>(() => _lab.RestoreAsync(url, change: r =>
            With(r, facts with { Extensions = [.. facts.Extensions, new("postgis_x", "3", "public"), new("pg_cron_x", "1", "public")] })));
        Assert.Equal(ErrorCode.TargetUnfit, extensions.Code);
        Assert.Contains("postgis_x, pg_cron_x", extensions.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(await _lab.DatabasesAsync(), d => d.StartsWith("restored_", StringComparison.Ordinal) && url.Contains(d, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_statement_that_fails_names_itself_and_nothing_half_restored_stays()
    {
        // A check that holds for the rows when they were written and not when they are loaded: what a real restore meets.
        await using var source = await postgres.CreateDatabaseAsync("failing");
        await Database.SqlAsync(source.Url, """
            CREATE TABLE gate (open boolean); INSERT INTO gate VALUES (true);
            CREATE FUNCTION may() RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN coalesce((SELECT open FROM public.gate), false); END';
            CREATE TABLE aa_checked (id int CHECK (may())); INSERT INTO aa_checked VALUES (1), (2);
            """);
        await using var lab = new Lab(postgres);
        await lab.RunAsync(source.Url);
        var url = await lab.NewUrlAsync("half");
        var failed = await Assert.ThrowsAsync<BackupException>(() => lab.RestoreAsync(url));
        Assert.Equal((ErrorCode.RestoreFailed, 1), (failed.Code, failed.Code.ExitCode));
        Assert.Contains("aa_checked", failed.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(await lab.DatabasesAsync(), d => d.StartsWith("half_", StringComparison.Ordinal));

        await using var live = await postgres.CreateDatabaseAsync("halflive");
        await Database.SqlAsync(live.Url, "CREATE TABLE old (a int)");
        await Assert.ThrowsAsync<BackupException>(() => lab.RestoreAsync(live.Url, RestoreMode.Replace));
        Assert.Equal([live.Name], (await lab.DatabasesAsync()).Where(d => d.StartsWith("halflive", StringComparison.Ordinal)));
        Assert.Equal(0L, await Database.ScalarAsync<long>(live.Url, "SELECT count(*) FROM old"));
    }

    [Fact]
    public async Task A_chunk_that_fails_names_its_table()
    {
        await using var source = await postgres.CreateDatabaseAsync("failing");
        await Database.SqlAsync(source.Url, """
            CREATE FUNCTION may() RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN current_database() LIKE ''failing%''; END';
            CREATE TABLE checked (id int CHECK (may())); INSERT INTO checked VALUES (1), (2);
            """);
        await using var lab = new Lab(postgres);
        await lab.RunAsync(source.Url, d => d with { ShardAbove = 1 });
        var url = await lab.NewUrlAsync("half");
        var failed = await Assert.ThrowsAsync<BackupException>(() => lab.RestoreAsync(url));
        Assert.Equal(ErrorCode.RestoreFailed, failed.Code);
        Assert.Contains("loading rows into public.checked failed", failed.Message, StringComparison.Ordinal);
        Assert.Contains("violates check constraint", failed.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(await lab.DatabasesAsync(), d => d.StartsWith("half_", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_event_trigger_of_the_target_is_named_before_it_can_fail_the_restore()
    {
        await using var target = await postgres.CreateDatabaseAsync("triggered");
        await Database.SqlAsync(target.Url, """
            CREATE SCHEMA guard;
            CREATE FUNCTION guard.no() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''no changes here''; END';
            CREATE EVENT TRIGGER no_changes ON ddl_command_start EXECUTE FUNCTION guard.no();
            """);
        var refused = await Assert.ThrowsAsync<BackupException>(() => _lab.RestoreAsync(target.Url, RestoreMode.Empty));
        Assert.Equal(ErrorCode.TargetRefused, refused.Code);
        await Database.SqlAsync(target.Url, "ALTER EVENT TRIGGER no_changes DISABLE");
    }

    [Fact]
    public async Task The_database_postgres_itself_can_be_a_target()
    {
        await using var cluster = await ThrowawayCluster.StartAsync(new ClusterRequest(), await postgres.InstallationAsync(), postgres.Machine, Cancel);
        await _lab.RestoreAsync(cluster.Url("postgres"), RestoreMode.Empty);
        Assert.Equal([], await _lab.DifferencesAsync(_source.Url, cluster.Url("postgres"), new ComparisonOptions { Comments = false }));
        var report = await _lab.RestoreAsync(cluster.Url("postgres"), RestoreMode.Replace);
        Assert.NotNull(report.KeptAs);
        Assert.Equal([], await _lab.DifferencesAsync(_source.Url, cluster.Url("postgres"), new ComparisonOptions { Comments = false }));
    }

    [Fact]
    public async Task A_backup_is_found_by_latest_by_id_and_by_time()
    {
        var first = (await _lab.LatestAsync()).Id;
        await Database.SqlAsync(_source.Url, "INSERT INTO account SELECT 9000 + i, 'later', NULL, NULL, NULL FROM generate_series(1, 5) i");
        await _lab.RunAsync(_source.Url);
        var all = await new BackupCatalog(_lab.Vault).ListAsync("test", null, Cancel);
        Assert.Equal(2, all.Count);
        var (one, two) = (all[0].Manifest!.Snapshot, all[1].Manifest!.Snapshot);
        string Choose(string which) => BackupSelector.Choose(all, which, "vault").Id.ToString();
        Assert.Equal(all[1].Id.ToString(), Choose("latest"));
        Assert.Equal(first.ToString(), Choose(first.ToString()));
        Assert.Equal(first.ToString(), Choose(one.Time.ToString("O")));
        Assert.Equal(first.ToString(), Choose(two.Time.AddMilliseconds(-1).ToString("O")));
        Assert.Equal(all[1].Id.ToString(), Choose(two.Time.AddYears(1).ToString("O")));
        Assert.Equal(ErrorCode.BackupNotFound, Assert.Throws<BackupException>(() => Choose(one.Time.AddMilliseconds(-1).ToString("O"))).Code);
        Assert.Equal(ErrorCode.UsageWrong, Assert.Throws<BackupException>(() => Choose("yesterday-ish")).Code);
    }
}
