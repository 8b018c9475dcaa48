using Backup.Core.Catalog;
using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Core.Operations.Increments;
using Backup.Core.Policies;
using Backup.Core.Postgres;
using Backup.Core.Tests.Watching;
using Backup.Tests.Support;

namespace Backup.Core.Tests.Operations;

/// <summary>A person who was erased after the backup, and every way in which a restore could bring her back.</summary>
public sealed class ErasureTests(PostgresFixture postgres) : IAsyncLifetime
{
    private const string Person = "maria.o'hara@example.org";

    private const string Schema = """
        CREATE TABLE people (id int PRIMARY KEY, email text NOT NULL UNIQUE);
        CREATE TABLE visits (id int PRIMARY KEY, person int NOT NULL REFERENCES people, at date);
        CREATE TABLE notes (id int PRIMARY KEY, person int NOT NULL CONSTRAINT note_of_person REFERENCES people DEFERRABLE INITIALLY DEFERRED);
        INSERT INTO people SELECT i, CASE i WHEN 42 THEN 'maria.o''hara@example.org' ELSE 'p' || i || '@example.org' END FROM generate_series(1, 90) i;
        INSERT INTO visits SELECT i, 1 + i % 90, '2026-01-01' FROM generate_series(1, 900) i;
        INSERT INTO notes VALUES (1, 43);
        CREATE MATERIALIZED VIEW frequent AS SELECT email, count(*) FROM people JOIN visits ON person = people.id GROUP BY email;
        """;

    private const string Erasures = """
        -- Asked for on 3 March; ids only.
        DELETE FROM visits WHERE person = 42;
        /* what's left: */ DELETE FROM public.people WHERE email = E'maria.o\'hara@example.org';
        DO $do$ BEGIN
            IF EXISTS (SELECT FROM people WHERE id = 42) THEN RAISE EXCEPTION 'still there'; END IF;
        END $do$;
        REFRESH MATERIALIZED VIEW frequent;
        """;

    private readonly string _file = Path.Combine(Directory.CreateTempSubdirectory("backup-erasures-").FullName, "erasures.sql");
    private Lab _lab = null!;
    private TestDatabase _source = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _lab = new Lab(postgres);
        _source = await postgres.CreateDatabaseAsync("erased", "template0");
        await Database.SqlAsync(_source.Url, Schema);
        await _lab.RunAsync(_source.Url, d => d with { AfterRestore = _file });
    }

    public async ValueTask DisposeAsync()
    {
        await _lab.DisposeAsync();
        await _source.DisposeAsync();
        Directory.Delete(Path.GetDirectoryName(_file)!, recursive: true);
    }

    [Theory]
    [InlineData(RestoreMode.Create)]
    [InlineData(RestoreMode.Empty)]
    [InlineData(RestoreMode.Replace)]
    public async Task An_erased_person_does_not_come_back(RestoreMode mode)
    {
        await using var target = mode == RestoreMode.Create ? null : await postgres.CreateDatabaseAsync("target", "template0");
        var url = target?.Url ?? await _lab.NewUrlAsync();
        var report = await RestoreAsync(url, Erasures, mode);
        Assert.Equal((0L, 89L, 890L), (await CountAsync(url, $"people WHERE email = '{Person.Replace("'", "''", StringComparison.Ordinal)}'"), await CountAsync(url, "people"), await CountAsync(url, "visits")));
        Assert.Equal(0L, await CountAsync(url, "frequent WHERE email LIKE 'maria%'"));
        Assert.Equal(0L, await CountAsync(url, "pg_stats WHERE histogram_bounds::text || coalesce(most_common_vals::text, '') LIKE '%maria%'"));
        Assert.Equal((900L, 90L), (await CountAsync(_source.Url, "visits"), await CountAsync(_source.Url, "people")));
        // What was restored is compared before, and what the report counts is what came out of the backup.
        Assert.Equal((Comparison.Full, 991L), (report.Compared, report.Rows));
        var sha = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(await File.ReadAllBytesAsync(_file, Cancel)));
        Assert.Equal(new AfterRestoreResult("erasures.sql", true, sha, 4, 11), report.AfterRestore);
        Assert.Equal("erasures", report.Steps[^1].Step);
        if (report.KeptAs is { } kept) await Database.SqlAsync((await postgres.ClusterAsync()).Url("postgres"), $"DROP DATABASE {Database.Quoted(kept)}");
        var evidence = (await new EvidenceTrail(_lab.Vault, "test", "db").ReadAsync(Cancel)).Items[^1].Entry!;
        Assert.EndsWith($"; erasures.sql was applied: 4 statements, 11 rows changed (SHA-256 {sha})", evidence.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_failing_erasure_swaps_nothing()
    {
        await using var live = await postgres.CreateDatabaseAsync("live", "template0");
        await Database.SqlAsync(live.Url, "CREATE TABLE broken (v int)");
        var e = await Assert.ThrowsAsync<BackupException>(() => RestoreAsync(live.Url, "DELETE FROM visits WHERE person = 42;\n\nDELETE\nFROM persons WHERE id = 42;", RestoreMode.Replace));
        Assert.Equal(ErrorCode.RestoreFailed, e.Code);
        Assert.Equal("erasures.sql failed at line 4 (DELETE): relation \"persons\" does not exist (SQLSTATE 42P01); nothing of it was applied", e.Message);
        Assert.Contains("--without-erasures", e.NextStep, StringComparison.Ordinal);
        Assert.Equal([live.Name], await OfAsync(live.Name));
        Assert.Equal(0L, await CountAsync(live.Url, "broken"));
        Assert.DoesNotContain((await new EvidenceTrail(_lab.Vault, "test", "db").ReadAsync(Cancel)).Items, x => x.Entry!.Verb == "restore");
    }

    [Fact]
    public async Task The_file_is_one_transaction()
    {
        await using var target = await postgres.CreateDatabaseAsync("target", "template0");
        await Assert.ThrowsAsync<BackupException>(() => RestoreAsync(target.Url, "DELETE FROM visits; DELETE FROM nowhere", RestoreMode.Empty));
        Assert.Equal(900L, await CountAsync(target.Url, "visits"));
    }

    [Theory]
    [InlineData("DELETE FROM visits WHERE person = 42;\nDELETE FROM people WHERE email LIKE 'maria%' OR id = 1", "line 2 (DELETE): it violates the constraint visits_person_fkey of public.visits (SQLSTATE 23503)")]
    [InlineData("UPDATE people SET email = 'maria.o''hara@example.org' WHERE id = 1", "line 1 (UPDATE): it violates the constraint people_email_key of public.people (SQLSTATE 23505)")]
    [InlineData("DELETE FROM visits WHERE person = 43; DELETE FROM people WHERE id = 43 -- maria", "the end, where deferred constraints are checked,: it violates the constraint note_of_person of public.notes (SQLSTATE 23503)")]
    [InlineData("DELETE FROM people WHERE id = 'maria'", "line 1 (DELETE): the server refused it (its text is not shown: it may quote rows) (SQLSTATE 22P02)")]
    [InlineData("DO $$\nBEGIN RAISE EXCEPTION 'there is %', (SELECT email FROM people WHERE id = 42); END $$", "line 1 (DO): the script, or a function or trigger, raised an error (its text is not shown: it may quote rows) (SQLSTATE P0001)")]
    [InlineData("SELECT 1;\nDELETE FROM people\n  WHERE \"maria.o'hara\" = email", "line 3 (DELETE): there is no such column (SQLSTATE 42703)")]
    [InlineData("SELECT 1; /* ü😀 */\nDELETE FROM people\n\nWHERE 'maria' 'o', 'x'", "line 4 (DELETE): the syntax is wrong (SQLSTATE 42601)")]
    [InlineData("DELETE FROM visits;\nVACUUM people", "line 2 (VACUUM): VACUUM cannot run inside a transaction block (SQLSTATE 25001)")]
    [InlineData("Maria;Name;maria.o@example.org", "line 1 (statement): the syntax is wrong (SQLSTATE 42601)")]
    [InlineData("DO $$BEGIN RAISE EXCEPTION 'maria is kept' USING ERRCODE = '42501'; END$$", "line 1 (DO): the script, or a function or trigger, raised an error (its text is not shown: it may quote rows) (SQLSTATE 42501)")]
    [InlineData("DO $$BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '23505', CONSTRAINT = 'maria', TABLE = 'maria'; END$$", "line 1 (DO): the script, or a function or trigger, raised an error (its text is not shown: it may quote rows) (SQLSTATE 23505)")]
    [InlineData("DO $$BEGIN EXECUTE 'DROP TABLE \"maria\"'; END$$", "line 1 (DO): the server refused it (its text is not shown: it may quote rows) (SQLSTATE 42P01)")]
    public async Task An_error_names_file_line_and_table_and_nobody(string sql, string expected)
    {
        var url = await _lab.NewUrlAsync();
        var e = await Assert.ThrowsAsync<BackupException>(() => RestoreAsync(url, sql));
        Assert.Equal($"erasures.sql failed at {expected}; nothing of it was applied", e.Message);
        Assert.DoesNotContain("maria", $"{e} {e.NextStep}", StringComparison.OrdinalIgnoreCase); // with everything that --verbose prints
    }

    [Fact]
    public async Task A_file_that_is_not_run_is_refused_before_anything_is_fetched_or_made()
    {
        var url = await _lab.NewUrlAsync();
        var steps = new List<string>();
        foreach (var sql in (string[])["DELETE FROM visits;\n\\! touch /tmp/owned", "COPY people TO '/tmp/people'", "COMMIT; DELETE FROM people"])
        {
            var e = await Assert.ThrowsAsync<BackupException>(() => RestoreAsync(url, sql, progress: new Synchronous(p => steps.Add(p.What))));
            Assert.Equal(ErrorCode.PolicyInvalid, e.Code);
        }

        Assert.Empty(steps);
        Assert.Empty(await OfAsync(NameOf(url)));
        Assert.False(File.Exists("/tmp/owned") || File.Exists("/tmp/people"));
    }

    [Fact]
    public async Task With_some_tables_the_file_is_applied_to_what_they_hold()
    {
        var url = await _lab.NewUrlAsync();
        var report = await RestoreAsync(url, "DELETE FROM visits WHERE person = 42; DELETE FROM people WHERE id = 42", change: r => r with { Tables = ["people"] });
        Assert.Equal((89L, 0L, 1L), (await CountAsync(url, "people"), await CountAsync(url, "visits"), report.AfterRestore!.Rows!.Value));
    }

    [Fact]
    public async Task With_some_schemas_a_table_that_is_not_there_takes_back_what_was_made_and_a_file_for_them_is_applied()
    {
        await Database.SqlAsync(_source.Url, "CREATE SCHEMA app; CREATE TABLE app.members (id int); INSERT INTO app.members VALUES (42), (43)");
        await _lab.RunAsync(_source.Url);
        await using var target = await postgres.CreateDatabaseAsync("target", "template0");
        await Database.SqlAsync(target.Url, "CREATE SCHEMA other; CREATE TABLE other.things (v int)");
        var e = await Assert.ThrowsAsync<BackupException>(() => RestoreAsync(target.Url, "DELETE FROM app.members WHERE id = 42; DELETE FROM public.people", RestoreMode.Empty, r => r with { Schemas = ["app"] }));
        Assert.Contains("line 1 (DELETE): relation \"public.people\" does not exist", e.Message, StringComparison.Ordinal);
        Assert.Contains("--after-restore FILE", e.NextStep, StringComparison.Ordinal);
        Assert.Equal(0L, await CountAsync(target.Url, "pg_namespace WHERE nspname = 'app'"));
        await RestoreAsync(target.Url, "DELETE FROM app.members WHERE id = 42", RestoreMode.Empty, r => r with { Schemas = ["app"] });
        Assert.Equal(1L, await CountAsync(target.Url, "app.members"));
    }

    [Fact]
    public async Task Names_are_found_as_the_application_finds_them()
    {
        await Database.SqlAsync(_source.Url, $"CREATE SCHEMA app; CREATE TABLE app.members (id int); INSERT INTO app.members VALUES (42), (43); ALTER DATABASE {Database.Quoted(_source.Name)} SET search_path = app, public; ALTER DATABASE {Database.Quoted(_source.Name)} SET default_transaction_read_only = on");
        await _lab.RunAsync(_source.Url);
        var url = await _lab.NewUrlAsync();
        await RestoreAsync(url, "DELETE FROM members WHERE id = 42");
        Assert.Equal(1L, await CountAsync(url, "app.members"));
    }

    [Fact]
    public async Task A_statement_that_takes_long_is_stopped_and_the_half_made_database_is_gone()
    {
        var url = await _lab.NewUrlAsync();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var watch = System.Diagnostics.Stopwatch.StartNew();
        var restoring = RestoreAsync(url, "DELETE FROM visits WHERE person = 42; SELECT pg_sleep(300)", cancel: stop.Token);
        while (!restoring.IsCompleted && await SleepersAsync() == 0) await Task.Delay(50, Cancel);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => restoring);
        Assert.InRange(watch.Elapsed.TotalSeconds, 0, 120);
        Assert.Equal(0L, await SleepersAsync());
        Assert.Empty(await OfAsync(NameOf(url)));
    }

    [Fact]
    public async Task Left_out_on_purpose_it_is_loud_in_the_report_and_in_the_trail()
    {
        var url = await _lab.NewUrlAsync();
        var report = await _lab.RestoreAsync(url, change: r => r with { AfterRestore = AfterRestore.Decide(null, null, without: true, "erasures.sql") });
        Assert.Equal(90L, await CountAsync(url, "people"));
        Assert.Equal(new AfterRestoreResult("erasures.sql", false, null, null, null), report.AfterRestore);
        Assert.Equal((FindingCode.ErasuresSkipped.Name, Severity.Warning), (Assert.Single(report.Findings).Code, report.Findings[0].Severity));
        var evidence = (await new EvidenceTrail(_lab.Vault, "test", "db").ReadAsync(Cancel)).Items[^1].Entry!;
        Assert.EndsWith("; erasures.sql was NOT applied (--without-erasures)", evidence.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_manifest_names_the_file_for_whoever_has_no_policy_and_holds_nothing_of_it()
    {
        await File.WriteAllTextAsync(_file, Erasures, Cancel);
        await RestoreAsync(await _lab.NewUrlAsync(), Erasures);
        await _lab.DrillAsync(r => r with { AfterRestore = _file, Record = true });
        foreach (var stored in Directory.EnumerateFiles(_lab.VaultFolder, "*.json", SearchOption.AllDirectories))
            foreach (var word in (string[])["maria", "DELETE FROM", "Asked for"]) Assert.DoesNotContain(word, await File.ReadAllTextAsync(stored, Cancel), StringComparison.Ordinal);
        Assert.Equal("erasures.sql", (await _lab.LatestAsync()).Manifest!.AfterRestore);

        // An older backup knows nothing of a file that came later, and a run by hand, without the policy, never.
        var day = new DateTimeOffset(2026, 3, 1, 2, 0, 0, TimeSpan.Zero);
        string? Remembered(params string?[] names) => RestorePoint.Choose(
            [.. names.Select((n, i) => Story.Backup(day.AddDays(i)).Change(m => m with { AfterRestore = n }).Entry)], Story.Backup(day).Id.ToString(), "v", true).AfterRestore;
        Assert.Equal("b.sql", Remembered(null, "a.sql", "b.sql"));
        Assert.Equal("a.sql", Remembered("a.sql", null));
        Assert.Null(Remembered(null, null));
    }

    [Fact]
    public void What_is_run_is_decided_once_and_never_forgotten()
    {
        var (none, with) = (new DatabasePolicy { Name = "db" }, new DatabasePolicy { Name = "db", AfterRestore = "/p/a.sql" });
        AfterRestore Of(DatabasePolicy? policy, string? named = null, bool without = false, string? remembered = null) => AfterRestore.Decide(policy, named, without, remembered);
        Assert.Equal("/p/a.sql", Of(with).Path);
        Assert.Equal("/x.sql", Of(with, "/x.sql").Path);
        Assert.Equal("/x.sql", Of(null, "/x.sql", remembered: "a.sql").Path);
        Assert.Equal((null, "a.sql"), (Of(with, without: true).Path, Of(with, without: true).Skipped));
        Assert.Equal("a.sql", Of(null, without: true, remembered: "a.sql").Skipped);
        Assert.Same(AfterRestore.None, Of(null, without: true));
        Assert.Same(AfterRestore.None, Of(null));
        Assert.Same(AfterRestore.None, Of(none, remembered: "a.sql")); // the policy has given it up
        Assert.Equal(ErrorCode.UsageWrong, Assert.Throws<BackupException>(() => Of(with, "/x.sql", without: true)).Code);
        var refused = Assert.Throws<BackupException>(() => Of(null, remembered: "a.sql"));
        Assert.Contains("a.sql", refused.Message, StringComparison.Ordinal);
        foreach (var option in (string[])["--policy", "--stack", "--after-restore", "--without-erasures"]) Assert.Contains(option, refused.NextStep, StringComparison.Ordinal);
    }
    [Fact]
    public async Task By_hand_it_is_one_more_command()
    {
        await File.WriteAllTextAsync(_file, Erasures, Cancel);
        var entry = await _lab.LatestAsync();
        Assert.Contains(entry.Manifest!.RestoreByHand, l => l.StartsWith("# ", StringComparison.Ordinal) && l.Contains("-f erasures.sql", StringComparison.Ordinal));
        var url = await _lab.NewUrlAsync("hand");
        await Shell.BashAsync(postgres, string.Join('\n', [$"cd '{Path.Combine(_lab.VaultFolder, entry.Prefix)}'", .. entry.Manifest.RestoreByHand, RestoreByHand.Erase(_file)]), url, null);
        Assert.Equal((89L, 890L), (await CountAsync(url, "people"), await CountAsync(url, "visits")));
    }

    private async Task<RestoreReport> RestoreAsync(
        string url, string sql, RestoreMode mode = RestoreMode.Create, Func<RestoreRequest, RestoreRequest>? change = null, IProgress<Progress>? progress = null, CancellationToken? cancel = null)
    {
        await File.WriteAllTextAsync(_file, sql, Cancel);
        var request = new RestoreRequest
        {
            Vault = _lab.Vault,
            Backup = await _lab.LatestAsync(),
            Target = ConnectionText.Parse(url, "the test's target", "nobody"),
            Mode = mode,
            AfterRestore = AfterRestore.Run(_file),
            Comparison = Comparison.Full,
        };
        return await new RestoreBackup(_lab.Machine, _lab.Clock, postgres.Installations, progress).ExecuteAsync(change is null ? request : change(request), cancel ?? Cancel);
    }

    private static string NameOf(string url) => new Npgsql.NpgsqlConnectionStringBuilder(Database.ConnectionString(url)).Database!;

    /// <summary>The database of this name, and what a restore makes beside it.</summary>
    private async Task<IEnumerable<string>> OfAsync(string name) => (await _lab.DatabasesAsync()).Where(d => d == name || d.StartsWith(name + "_", StringComparison.Ordinal));

    private static Task<long> CountAsync(string url, string from) => Database.ScalarAsync<long>(url, $"SELECT count(*) FROM {from}");

    private async Task<long> SleepersAsync() => await CountAsync((await postgres.ClusterAsync()).Url("postgres"), "pg_stat_activity WHERE application_name = 'backup erasures' AND query LIKE '%pg_sleep(300)%'");

    private sealed class Synchronous(Action<Progress> report) : IProgress<Progress>
    {
        public void Report(Progress value) => report(value);
    }
}
