using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Core.Operations.Drills;
using Backup.Core.Policies;
using Backup.Core.Tests.Operations;
using Backup.Tests.Support;

namespace Backup.Core.Tests.Drills;

/// <summary>A drill proves that the policy's erasures still fit the schema, after it has compared what came back.</summary>
public sealed class ErasureDrillTests(PostgresFixture postgres) : IAsyncLifetime
{
    private readonly string _file = Path.Combine(Directory.CreateTempSubdirectory("backup-erasures-").FullName, "erasures.sql");
    private TestDatabase _source = null!;
    private Lab _lab = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _lab = new Lab(postgres);
        _source = await postgres.CreateDatabaseAsync("drilled", "template0");
        await Database.SqlAsync(_source.Url, """
            CREATE TABLE people (id int PRIMARY KEY, email text); INSERT INTO people SELECT i, 'p' || i FROM generate_series(1, 90) i;
            CREATE FUNCTION plain() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN
                IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = current_user AND rolsuper) AND current_database() = 'drill' THEN RAISE EXCEPTION 'runs as superuser'; END IF;
                RETURN OLD;
            END $f$;
            CREATE TRIGGER plain BEFORE DELETE ON people FOR EACH ROW EXECUTE FUNCTION plain();
            """);
        await _lab.RunAsync(_source.Url, d => d with { AfterRestore = _file });
    }

    public async ValueTask DisposeAsync()
    {
        await _lab.DisposeAsync();
        await _source.DisposeAsync();
        Directory.Delete(Path.GetDirectoryName(_file)!, recursive: true);
    }

    [Fact]
    public async Task A_drill_compares_then_erases_without_any_special_right_and_then_asks()
    {
        var report = await DrillAsync("DELETE FROM people WHERE id = 42");
        Assert.Equal([], report.Findings.Select(f => f.Sentence));
        Assert.Equal((Verdict.Pass, "89"), (report.Verdict, report.Checks.Single().Answer));
        Assert.Equal((90L, 1L), (report.Tables.Single().ActualRows, report.AfterRestore!.Rows));
        Assert.DoesNotContain(report.NotProven, n => n.Subject.StartsWith("afterRestore", StringComparison.Ordinal));
        Assert.Contains(report.AfterRestore.Sha256!, HtmlReport.Write(report), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_erasure_that_no_longer_fits_the_schema_is_a_fail()
    {
        var report = await DrillAsync("DELETE FROM people WHERE\n mail = 'maria'");
        var finding = Assert.Single(report.Findings);
        Assert.Equal("erasures.sql failed at line 2 (DELETE): there is no such column (SQLSTATE 42703); nothing of it was applied", finding.Sentence);
        Assert.Equal((Verdict.Fail, null), (report.Verdict, report.AfterRestore));
        Assert.Equal(90L, report.Tables.Single().ActualRows); // what was compared before stays in the report
    }

    [Fact]
    public async Task What_the_plain_role_may_not_do_and_a_file_that_is_gone_say_nothing_about_the_backup()
    {
        var report = await DrillAsync("SET session_replication_role = replica; DELETE FROM people WHERE id = 42");
        Assert.Equal(Verdict.CouldNotVerify, report.Verdict);
        Assert.Contains("line 1 (SET): permission denied", Assert.Single(report.Findings).Sentence, StringComparison.Ordinal);
        File.Delete(_file);
        report = await _lab.DrillAsync(r => r with { AfterRestore = _file });
        Assert.Equal((Verdict.CouldNotVerify, ErrorCode.PolicyInvalid.Name), (report.Verdict, report.Findings.Single().Code));
        Assert.Contains("does not exist", report.Findings[0].Sentence, StringComparison.Ordinal);
    }

    /// <summary>It is about what is stored, and no policy's file can change that.</summary>
    [Fact]
    public async Task A_verify_restores_and_compares_only_and_a_drill_without_the_policy_says_what_it_left_out()
    {
        Assert.True((await _lab.VerifyAsync(VerifyLevel.Restore)).Passed);
        var report = await _lab.DrillAsync();
        Assert.Equal((Verdict.Pass, "afterRestore (erasures.sql)"), (report.Verdict, report.NotProven[0].Subject));
    }

    private async Task<DrillReport> DrillAsync(string sql)
    {
        await File.WriteAllTextAsync(_file, sql, Cancel);
        return await _lab.DrillAsync(r => r with { AfterRestore = _file, Checks = [new DataCheck { Name = "left", Sql = "select count(*) from people", Max = 89 }] });
    }
}
