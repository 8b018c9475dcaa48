using Backup.Core.Catalog;
using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Core.Operations.Drills;
using Backup.Core.Policies;
using Backup.Core.Tests.Operations;
using Backup.Tests.Support;

namespace Backup.Core.Tests.Drills;

/// <summary>Verdicts of whole drills: what passes, what fails, and what could not be tried.</summary>
public sealed class DrillTests(PostgresFixture postgres) : IAsyncLifetime
{
    private const string Sql = """
        CREATE TABLE ledger (id int PRIMARY KEY, v text); INSERT INTO ledger SELECT i, md5(i::text) FROM generate_series(1, 5000) i;
        CREATE TABLE people (id int PRIMARY KEY, born date); INSERT INTO people VALUES (1, '2026-03-04');
        CREATE SEQUENCE s; SELECT nextval('s');
        """;

    private readonly string _temp = Directory.CreateDirectory(Path.Combine("/tmp", $"drill.{Guid.NewGuid():n}"[..14])).FullName;
    private TestDatabase _source = null!;
    private Lab _lab = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _lab = new Lab(postgres, machine: postgres.Machine with { TempFolder = _temp });
        _source = await postgres.CreateDatabaseAsync("drilled", "template0");
    }

    public async ValueTask DisposeAsync()
    {
        Assert.Empty(Directory.EnumerateFileSystemEntries(_temp)); // no server, no work folder, whatever happened
        await _lab.DisposeAsync();
        await _source.DisposeAsync();
        Directory.Delete(_temp, recursive: true);
    }

    [Fact]
    public async Task A_good_backup_passes_and_the_result_lies_beside_it()
    {
        await BackUpAsync();
        var report = await _lab.DrillAsync(r => r with
        {
            Record = true,
            Rto = TimeSpan.FromHours(1),
            Checks = [new DataCheck { Name = "people", Sql = "select count(*) from people", Min = 1 }, new DataCheck { Name = "ledger", Sql = "select max(id) from ledger", EqualTo = "5000" }],
        });
        Assert.Equal([], report.Findings.Select(f => f.Sentence));
        Assert.Equal((Verdict.Pass, true), (report.Verdict, report.Rto!.Met));
        Assert.Equal(["1", "5000"], report.Checks.Select(c => c.Answer));
        var result = (await _lab.LatestAsync()).Newest(ProofKind.Drill)!;
        Assert.Equal(Verdict.Pass, result.Verdict);
        var stored = System.Text.Encoding.UTF8.GetString(await new BackupCatalog(_lab.Vault).ReadObjectAsync(result.Key((await _lab.LatestAsync()).Prefix), Cancel));
        Assert.Contains("\"verdict\": \"pass\"", stored, StringComparison.Ordinal);

        var verified = await _lab.VerifyAsync(VerifyLevel.Restore);
        Assert.Equal((true, VerifyLevel.Restore), (verified.Passed, verified.Level));
    }

    [Theory]
    [InlineData("one changed byte", "public.ledger has other content")]
    [InlineData("one lost row", "public.ledger has 4999 rows, the manifest says 5000")]
    [InlineData("a skipped table", "public.ledger has 0 rows, the manifest says 5000")]
    [InlineData("a stale sequence", "the sequence public.s is at 1, the manifest says 9")]
    public async Task A_tampered_backup_with_good_checksums_fails_and_the_table_is_named(string how, string finding)
    {
        await BackUpAsync();
        var prefix = (await _lab.LatestAsync()).Prefix;
        Task Chunk(Func<List<string>, IEnumerable<string>> change) => Tampering.ChunkAsync(_lab.VaultFolder, prefix, _lab.Machine, "ledger", change);
        Task Manifest(Func<Manifest, Manifest> change) => Tampering.ManifestAsync(_lab.VaultFolder, prefix, m => Task.FromResult(change(m)));
        await (how switch
        {
            "one changed byte" => Chunk(l => l.Select((x, i) => i == 1234 ? x[..^1] + (x[^1] == 'a' ? 'b' : 'a') : x)),
            "one lost row" => Chunk(l => l.Skip(1)),
            "a skipped table" => Manifest(m => m with { Artifacts = [.. m.Artifacts.Where(a => a.Table?.Name != "ledger")] }),
            _ => Manifest(m => m with { Snapshot = m.Snapshot with { Sequences = [.. m.Snapshot.Sequences.Select(s => s with { Before = 9, After = 9 })] } }),
        });
        Assert.Equal([], (await _lab.VerifyAsync()).Findings.Select(f => f.Sentence)); // archive level believes it
        var report = await _lab.DrillAsync();
        Assert.Equal(Verdict.Fail, report.Verdict);
        Assert.StartsWith(finding, Assert.Single(report.Findings).Sentence, StringComparison.Ordinal);
        Assert.Equal(3, report.Tables.Count + report.Sequences.Count); // all results are in the report, equal or not
        if (how != "one changed byte") return;
        var verified = await _lab.VerifyAsync(VerifyLevel.Restore);
        Assert.Equal((Verdict.Fail, false), (verified.Verdict, verified.Passed));
    }

    [Theory]
    [InlineData("base.dump")]
    [InlineData("/data/")]
    [InlineData("globals")]
    [InlineData("manifest.json")]
    public async Task A_damaged_object_fails(string which)
    {
        await BackUpAsync();
        var file = Directory.EnumerateFiles(_lab.VaultFolder, "*", SearchOption.AllDirectories).First(f => f.Contains(which, StringComparison.Ordinal));
        var bytes = await File.ReadAllBytesAsync(file, Cancel);
        bytes[bytes.Length / 2] ^= 1;
        File.Delete(file);
        await File.WriteAllBytesAsync(file, bytes, Cancel);
        var report = await _lab.DrillAsync();
        Assert.Equal(Verdict.Fail, report.Verdict);
        Assert.Equal(ErrorCode.BackupDamaged.Name, Assert.Single(report.Findings).Code);
    }

    [Fact]
    public async Task A_check_that_fails_is_a_fail_and_one_that_cannot_run_is_no_pass()
    {
        await BackUpAsync();
        DataCheck wrong = new() { Name = "too few", Sql = "select count(*) from people", Min = 2 }, broken = new() { Name = "broken", Sql = "select nothing", Min = 2 };
        DataCheck fresh = new() { Name = "fresh", Sql = "select max(born) from people", MaxAge = TimeSpan.FromDays(100_000) };
        Assert.Equal(Verdict.CouldNotVerify, (await _lab.DrillAsync(r => r with { Checks = [broken, fresh] })).Verdict);
        var report = await _lab.DrillAsync(r => r with { Checks = [broken, wrong, fresh] });
        Assert.Equal(Verdict.Fail, report.Verdict);
        Assert.Equal([Verdict.CouldNotVerify, Verdict.Fail, Verdict.Pass], report.Checks.Select(c => c.Verdict));
        Assert.Equal(["check.notRun", "check.failed"], report.Findings.Select(f => f.Code));
    }

    [Fact]
    public async Task What_cannot_be_restored_is_a_fail()
    {
        await Database.SqlAsync(_source.Url, "CREATE FUNCTION fine(v text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN IF current_database() = ''drill'' THEN RAISE EXCEPTION ''not here''; END IF; RETURN v; END'");
        await BackUpAsync("CREATE INDEX ON ledger (public.fine(v))");
        var report = await _lab.DrillAsync();
        Assert.Equal((Verdict.Fail, ErrorCode.RestoreFailed.Name), (report.Verdict, Assert.Single(report.Findings).Code));
        Assert.Contains("not here", report.Findings[0].Sentence, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("an older major", "PostgreSQL 13")]
    [InlineData("a newer major", "99")]
    [InlineData("an extension", "lacks the extensions no_such_thing")]
    [InlineData("a locale", "xx_YY.UTF-8")]
    [InlineData("disk", "are free")]
    public async Task What_this_machine_lacks_is_could_not_verify_and_is_named(string what, string named)
    {
        await BackUpAsync();
        var report = await _lab.DrillAsync(r => r with
        {
            Backup = r.Backup with
            {
                Manifest = r.Backup.Manifest! with
                {
                    Snapshot = what switch
                    {
                        "an older major" => r.Backup.Manifest.Snapshot with { ServerMajor = 13 },
                        "a newer major" => r.Backup.Manifest.Snapshot with { ServerMajor = 99 },
                        "an extension" => r.Backup.Manifest.Snapshot with { Extensions = [new ExtensionFact("no_such_thing", "1", "public")] },
                        "a locale" => r.Backup.Manifest.Snapshot with { Collation = "xx_YY.UTF-8" },
                        _ => r.Backup.Manifest.Snapshot with { DatabaseBytes = 1L << 50 },
                    },
                },
            },
        });
        Assert.Equal(Verdict.CouldNotVerify, report.Verdict);
        var finding = Assert.Single(report.Findings);
        Assert.Contains(named, finding.Sentence, StringComparison.Ordinal);
        Assert.NotEmpty(finding.NextStep);
    }

    [Fact]
    public async Task Without_the_private_key_nothing_is_said_about_the_content()
    {
        await using var keys = await GpgKeys.MakeAsync(postgres.Machine, Cancel);
        await Database.SqlAsync(_source.Url, Sql);
        await _lab.RunAsync(_lab.Request(_source.Url) with { GpgRecipients = [keys.PublicKeyFile] });
        var stranger = _lab.Machine with { Variables = new Dictionary<string, string>(_lab.Machine.Variables) { ["GNUPGHOME"] = keys.EmptyHome } };
        var report = await new RunDrill(stranger, _lab.Clock, postgres.Installations).ExecuteAsync(new DrillRequest { Vault = _lab.Vault, Backup = await _lab.LatestAsync() }, Cancel);
        Assert.Equal(Verdict.CouldNotVerify, report.Verdict);
        Assert.Contains("gpg failed", Assert.Single(report.Findings).Sentence, StringComparison.Ordinal);
        Assert.Equal(Verdict.CouldNotVerify, (await _lab.LatestAsync()).Newest(ProofKind.Drill)!.Verdict);
        var holder = _lab.Machine with { Variables = keys.Machine.Variables };
        Assert.Equal(Verdict.Pass, (await new RunDrill(holder, _lab.Clock, postgres.Installations).ExecuteAsync(new DrillRequest { Vault = _lab.Vault, Backup = await _lab.LatestAsync() }, Cancel)).Verdict);
    }

    [Fact]
    public async Task An_ignored_extension_is_left_out_and_named_and_what_needs_it_never_passes_in_silence()
    {
        await BackUpAsync("CREATE SCHEMA tools; CREATE EXTENSION hstore SCHEMA tools");
        var report = await _lab.DrillAsync(r => r with { IgnoreExtensions = ["hstore", "not_in_this_backup"] });
        Assert.Equal((Verdict.Pass, "extension hstore"), (report.Verdict, report.NotProven[0].Subject));
        Assert.DoesNotContain(report.NotProven, n => n.Subject.Contains("not_in_this_backup", StringComparison.Ordinal));

        await BackUpAsync("CREATE TABLE keyed (h tools.hstore)", fill: false);
        report = await _lab.DrillAsync(r => r with { IgnoreExtensions = ["hstore"] });
        Assert.Equal(Verdict.CouldNotVerify, report.Verdict);
        Assert.Contains("the policy leaves out hstore, which the statement may need", Assert.Single(report.Findings).Sentence, StringComparison.Ordinal);
    }

    /// <summary>
    /// Checks, domains, index expressions, views and event triggers of the source run while a database is restored: never with the rights of a superuser, whoever
    /// owned them.
    /// </summary>
    [Fact]
    public async Task Code_of_the_source_runs_without_any_special_right()
    {
        await Database.SqlAsync(_source.Url, Sql + """
            CREATE FUNCTION same(v text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $f$ BEGIN RETURN v; END $f$;
            CREATE FUNCTION plain(v text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $f$ BEGIN RETURN true; END $f$;
            CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS $f$ BEGIN PERFORM public.plain('x'); END $f$;
            CREATE DOMAIN word AS text CHECK (plain(VALUE));
            CREATE TABLE watched (a text CHECK (plain(a)), b word, g text GENERATED ALWAYS AS (same(a)) STORED);
            INSERT INTO watched VALUES ('one', 'two');
            ALTER TABLE watched ADD CONSTRAINT late CHECK (plain(a)) NOT VALID;
            CREATE INDEX ON watched (same(a));
            CREATE MATERIALIZED VIEW looked AS SELECT same(a) FROM watched;
            CREATE PUBLICATION everything FOR ALL TABLES;
            CREATE EVENT TRIGGER watching ON ddl_command_end EXECUTE FUNCTION watch();
            ALTER EVENT TRIGGER watching DISABLE;
            """);
        foreach (var (name, returns, result) in ((string, string, string)[])[("plain", "boolean", "true"), ("same", "text", "v")])
        {
            await Database.SqlAsync(_source.Url, $"""
                CREATE OR REPLACE FUNCTION {name}(v text) RETURNS {returns} LANGUAGE plpgsql IMMUTABLE AS $f$
                BEGIN
                    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = current_user AND rolsuper) THEN
                        RAISE EXCEPTION 'runs as superuser %', current_user;
                    END IF;
                    RETURN {result};
                END $f$
                """);
        }

        await _lab.RunAsync(_source.Url);
        var report = await _lab.DrillAsync(r => r with { Checks = [new DataCheck { Name = "asked", Sql = "select bool_and(plain(a)) from watched", EqualTo = "true" }] });
        Assert.Equal([], report.Findings.Select(f => f.Sentence));
        Assert.Equal(Verdict.Pass, report.Verdict);
    }

    private async Task BackUpAsync(string more = "", bool fill = true)
    {
        await Database.SqlAsync(_source.Url, (fill ? Sql : "") + more);
        await _lab.RunAsync(_source.Url, d => d with { ShardAbove = 100_000 });
    }
}
