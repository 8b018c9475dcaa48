using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Core.Postgres;
using Backup.Core.Tests.Faults;
using Backup.Core.Tests.Operations;
using Backup.Tests.Support;

namespace Backup.Core.Tests.Schemas;

/// <summary>Somebody else works in the target while a restore of schemas fails: theirs stays, and what was made goes or is named.</summary>
public sealed class SchemaUndoTests(PostgresFixture postgres) : IAsyncLifetime
{
    private readonly List<string> _said = [];
    private Lab _lab = null!;
    private TestDatabase _source = null!;
    private TestDatabase _target = null!;

    public async ValueTask InitializeAsync()
    {
        _lab = new Lab(postgres);
        _source = await postgres.CreateDatabaseAsync("undo");
        _target = await postgres.CreateDatabaseAsync("undone");
        await Database.SqlAsync(_source.Url, """
            CREATE SCHEMA "new one"; CREATE TABLE "new one".t (id int);
            CREATE TABLE alpha (id int PRIMARY KEY); INSERT INTO alpha SELECT generate_series(1, 9);
            CREATE TABLE "a(b" (id int); CREATE TABLE "line
            end" (id int GENERATED ALWAYS AS IDENTITY); CREATE TYPE span AS RANGE (subtype = int); CREATE FUNCTION f(a int DEFAULT 3) RETURNS int LANGUAGE sql AS 'SELECT 1';
            CREATE TABLE zeta (id int, s span); CREATE VIEW v AS SELECT * FROM zeta; CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int);
            """);
        await _lab.RunAsync(_source.Url);
    }

    public async ValueTask DisposeAsync()
    {
        await _source.DisposeAsync();
        await _target.DisposeAsync();
        await _lab.DisposeAsync();
    }

    [Fact]
    public async Task What_comes_into_the_schema_during_the_fetch_refuses_the_restore_and_stays()
    {
        var refused = await FailsAsync("fetch", "CREATE TABLE alpha (mine int); INSERT INTO alpha VALUES (1)");
        Assert.Equal(ErrorCode.TargetRefused, refused.Code);
        Assert.Equal("table public.alpha", await ObjectsAsync());
        Assert.DoesNotContain(_said, s => s.Contains("still there", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_table_of_somebody_else_under_a_name_of_the_archive_is_not_dropped()
    {
        var failed = await FailsAsync("schema", """CREATE TABLE zeta (mine int); INSERT INTO zeta VALUES (1); CREATE TABLE "a(c" (mine int); CREATE FUNCTION f(text) RETURNS int LANGUAGE sql AS 'SELECT 2'""");
        Assert.Equal(ErrorCode.RestoreFailed, failed.Code);
        Assert.Equal("function public.f(pg_catalog.text), table public.\"a(c\", table public.zeta", await ObjectsAsync());
        Assert.Equal(1L, await Database.ScalarAsync<long>(_target.Url, "SELECT count(*) FROM zeta"));
        Assert.Contains(_said, s => s.Contains("table public.zeta", StringComparison.Ordinal) && s.Contains("certainly made", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("CREATE VIEW other.v AS SELECT * FROM public.alpha", "other.v")]
    [InlineData("CREATE TABLE other.k (id int REFERENCES public.alpha)", "other.k")]
    [InlineData("CREATE TABLE other.d (id int DEFAULT public.f())", "other.d")]
    [InlineData("CREATE TABLE other.s (s public.span)", "other.s")]
    [InlineData("CREATE TABLE other.c () INHERITS (public.alpha)", "other.c")]
    [InlineData("CREATE FUNCTION other.f(public.zeta) RETURNS int LANGUAGE sql AS 'SELECT 1'", "other.f")]
    public async Task Nothing_is_dropped_when_something_of_somebody_else_would_go_with_it(string sql, string name)
    {
        await Database.SqlAsync(_target.Url, "CREATE SCHEMA other");
        // At the last step, where everything is there.
        await FailsAsync("erasures", sql, "SELECT 1 / 0");
        Assert.Contains(name, await ObjectsAsync(), StringComparison.Ordinal);
        Assert.Contains(_said, s => s.Contains("everything in \"public\"", StringComparison.Ordinal) && s.Contains(name, StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_the_restore_has_made_goes_whatever_it_is_called()
    {
        await FailsAsync("erasures", "SELECT 1", "SELECT 1 / 0");
        Assert.Equal("", await ObjectsAsync());
        Assert.DoesNotContain(_said, s => s.Contains("still there", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_schema_that_was_there_gets_its_rights_and_comment_back()
    {
        const string State = """
            SELECT concat_ws(' | ', (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(nspacl) a), obj_description(oid, 'pg_namespace'),
                             (SELECT string_agg(defaclobjtype::text || defaclacl::text, ' ' ORDER BY defaclobjtype) FROM pg_default_acl WHERE defaclnamespace = n.oid)) FROM pg_namespace n WHERE nspname = 'public'
            """;
        await Database.SqlAsync(_target.Url, """
            REVOKE ALL ON SCHEMA public FROM PUBLIC; GRANT USAGE ON SCHEMA public TO pg_monitor WITH GRANT OPTION; COMMENT ON SCHEMA public IS 'the team''s';
            ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO pg_monitor; ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT EXECUTE ON FUNCTIONS TO pg_monitor;
            """);
        await Database.SqlAsync(_source.Url, "COMMENT ON SCHEMA public IS 'theirs'; ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT INSERT ON TABLES TO pg_read_all_data");
        await _lab.RunAsync(_source.Url);
        var before = await Database.ScalarAsync<string>(_target.Url, State);
        await FailsAsync("erasures", "SELECT 1", "SELECT 1 / 0");
        Assert.Equal(before, await Database.ScalarAsync<string>(_target.Url, State));
    }

    [Fact]
    public async Task A_schema_with_an_extension_is_emptied_of_everything_else()
    {
        await Database.SqlAsync(_source.Url, """CREATE EXTENSION hstore SCHEMA "new one"; ALTER TABLE "new one".t ADD h "new one".hstore""");
        await _lab.RunAsync(_source.Url);
        await FailsAsync("erasures", "SELECT 1", "SELECT 1 / 0");
        Assert.Equal(0L, await Database.ScalarAsync<long>(_target.Url, "SELECT count(*) FROM pg_class WHERE relname IN ('t', 'alpha')"));
        Assert.Contains(_said, s => s.Contains("schema \"new one\", in which extensions", StringComparison.Ordinal));
    }

    private async Task<BackupException> FailsAsync(string step, string sql, string? erasures = null)
    {
        var file = Path.Combine(_lab.VaultFolder, "..", "erasures.sql");
        if (erasures is not null) await File.WriteAllTextAsync(file, erasures, TestContext.Current.CancellationToken);
        var progress = new Said(_said, new StepHook(step, () => Database.SqlAsync(_target.Url, sql)));
        return await Assert.ThrowsAsync<BackupException>(async () => await new RestoreBackup(_lab.Machine, _lab.Clock, postgres.Installations, progress).ExecuteAsync(new RestoreRequest
        {
            Vault = _lab.Vault,
            Backup = await _lab.LatestAsync(),
            Target = ConnectionText.Parse(_target.Url, "the test's target", "nobody"),
            Mode = RestoreMode.Empty,
            Schemas = ["public", "new one"],
            AfterRestore = erasures is null ? AfterRestore.None : AfterRestore.Run(file),
            Comparison = Comparison.Full,
        }, TestContext.Current.CancellationToken));
    }

    /// <summary>Everything that lies in a schema of the target, and the schemas themselves where they are not public.</summary>
    private Task<string> ObjectsAsync() => Database.ScalarAsync<string>(_target.Url, """
        SELECT coalesce(string_agg(x, ', ' ORDER BY x COLLATE "C"), '') FROM (
            SELECT i.type || ' ' || i.identity AS x FROM pg_depend d JOIN pg_namespace n ON n.oid = d.refobjid AND d.refclassid = 'pg_namespace'::regclass, pg_identify_object(d.classid, d.objid, 0) i
            WHERE n.nspname IN ('public', 'other', 'new one') UNION SELECT 'schema' FROM pg_namespace WHERE nspname = 'new one') o
        """);

    private sealed class Said(List<string> said, IProgress<Progress> next) : IProgress<Progress>
    {
        public void Report(Progress value)
        {
            said.Add(value.What);
            next.Report(value);
        }
    }
}
