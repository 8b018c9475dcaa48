using Backup.Core.Catalog;
using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Core.Operations.Increments;
using Backup.Core.Policies;
using Backup.Core.Tests.Increments;
using Backup.Core.Tests.Operations;
using Backup.Tests.Support;

namespace Backup.Core.Tests.Schemas;

/// <summary>The worst day of a Supabase user: the project is gone, and a fresh one has the provider's schemas in it already.</summary>
public sealed class SupabaseTests(PostgresFixture postgres, SupabaseServer server) : IClassFixture<SupabaseServer>, IAsyncLifetime
{
    private static readonly string[] _own = ["public", "private", "billing"];
    private static readonly string[] _logins = ["auth.users", "auth.identities", "auth.refresh_tokens"];

    private Lab _lab = null!;
    private string _source = null!;
    private string _target = null!;

    public async ValueTask InitializeAsync()
    {
        _lab = new Lab(postgres);
        _source = await server.CreateUsedProjectAsync();
        _target = await server.CreateProjectAsync();
        await _lab.RunAsync(server.Url(_source));
    }

    public ValueTask DisposeAsync() => _lab.DisposeAsync();

    [Theory]
    [InlineData(0)]
    [InlineData(1)] // every table in chunks
    public async Task A_fresh_Supabase_project_gets_its_public_schema_back(int shardAbove)
    {
        if (shardAbove > 0) await _lab.RunAsync(server.Url(_source), d => d with { ShardAbove = shardAbove });
        var report = await RestoreAsync(_own, [.. _logins, "storage.buckets", "storage.objects"]);

        Assert.Equal(_own, report.Schemas);
        Assert.Equal(Comparison.Full, report.Compared);
        Assert.Empty(report.LeftOut);
        Assert.DoesNotContain(report.Findings, f => f.Code.StartsWith("schema.", StringComparison.Ordinal));
        foreach (var schema in _own) Assert.Equal(await DumpAsync(_source, schema), await DumpAsync(_target, schema));
        Assert.Equal([], (await _lab.DifferencesAsync(server.AdminUrl(_source), server.AdminUrl(_target))));
        Assert.Equal(0L, await ScalarAsync<long>("SELECT count(*) FROM pg_constraint WHERE NOT convalidated"));
        Assert.Equal(200L, await ScalarAsync<long>("SELECT count(*) FROM storage.objects WHERE level = 2"));
        // The next login gets its profile, and the next token a number that is free.
        await Database.SqlAsync(server.Url(_target), """
            INSERT INTO auth.users (id, raw_user_meta_data) VALUES (md5('new')::uuid, '{"username": "newcomer"}'); INSERT INTO auth.refresh_tokens (token) VALUES ('next');
            """);
        Assert.Equal(1L, await ScalarAsync<long>("SELECT count(*) FROM public.profiles WHERE username = 'newcomer'"));
    }

    [Fact]
    public async Task Nobody_may_do_more_than_in_the_original_although_the_target_gives_rights_by_default()
    {
        await RestoreAsync(_own, _logins);
        foreach (var (right, expected) in ((string, bool)[])
        [
            ("has_table_privilege('anon', 'public.secrets', 'SELECT')", false), ("has_table_privilege('service_role', 'public.secrets', 'SELECT')", true),
            ("has_table_privilege('anon', 'public.notes', 'SELECT')", false), ("has_column_privilege('anon', 'public.notes', 'body', 'SELECT')", true),
            ("has_table_privilege('anon', 'public.profiles', 'SELECT')", true), ("has_function_privilege('anon', 'public.handle_new_user()', 'EXECUTE')", false),
            ("has_function_privilege('anon', 'private.is_member(uuid)', 'EXECUTE')", true), ("has_schema_privilege('anon', 'billing', 'USAGE')", false),
        ])
            Assert.Equal((right, expected), (right, await ScalarAsync<bool>($"SELECT {right}")));
    }

    [Fact]
    public async Task Left_out_grants_are_no_secret_where_the_target_gives_its_own()
    {
        var report = await _lab.RestoreAsync(server.Url(_target), RestoreMode.Empty, r => r with { Schemas = _own, RowsOf = _logins, NoOwner = true });
        Assert.Contains(report.Findings, f => f.Sentence.EndsWith("give rights on everything that is made to anon, authenticated, service_role", StringComparison.Ordinal));
        Assert.True(await ScalarAsync<bool>("SELECT has_table_privilege('anon', 'public.secrets', 'SELECT')"));
    }

    [Fact]
    public async Task Nothing_of_another_schema_is_touched()
    {
        var before = await DumpAsync(_target, null);
        await RestoreAsync(_own, []);
        var after = await DumpAsync(_target, null);
        var more = after.Except(before).ToList();
        Assert.Empty(before.Except(after));
        Assert.Contains("CREATE TRIGGER on_auth_user_created", Assert.Single(more), StringComparison.Ordinal);
        Assert.Equal("public.notes", await ScalarAsync<string>("SELECT string_agg(schemaname || '.' || tablename, ', ') FROM pg_publication_tables"));
    }

    [Fact]
    public async Task Objects_in_the_chosen_schema_are_refused_by_name()
    {
        await Database.SqlAsync(server.Url(_target), """CREATE TABLE public."My notes" (a int); CREATE FUNCTION public.f(int, text) RETURNS int LANGUAGE sql AS 'SELECT 1'""");
        var refused = await Assert.ThrowsAsync<BackupException>(() => RestoreAsync(_own, []));
        Assert.Equal(ErrorCode.TargetRefused, refused.Code);
        Assert.EndsWith(" has objects in public: table public.\"My notes\", function public.f(integer,text)", refused.Message, StringComparison.Ordinal);
        Assert.Contains("drop them", refused.NextStep, StringComparison.Ordinal);
        // They are in nobody's way when their schema is not asked for.
        Assert.Equal(["private"], (await RestoreAsync(["private"], [])).Schemas);
    }

    [Fact]
    public async Task A_target_that_holds_the_providers_schemas_is_answered_with_what_to_paste()
    {
        var refused = await Assert.ThrowsAsync<BackupException>(() => _lab.RestoreAsync(server.Url(_target), RestoreMode.Empty));
        Assert.Equal(ErrorCode.TargetRefused, refused.Code);
        Assert.Contains("add: --schema billing --schema private --schema public (with logins: --rows-of auth.users --rows-of auth.identities).", refused.NextStep, StringComparison.Ordinal);
        // Not when that would be refused too.
        await Database.SqlAsync(server.Url(_target), "CREATE TABLE public.there (a int)");
        refused = await Assert.ThrowsAsync<BackupException>(() => _lab.RestoreAsync(server.Url(_target), RestoreMode.Empty));
        Assert.DoesNotContain("--schema", refused.NextStep, StringComparison.Ordinal);
        refused = await Assert.ThrowsAsync<BackupException>(() => _lab.RestoreAsync(server.Url("postgres"), RestoreMode.Replace));
        Assert.Contains("Supabase's own services work in", refused.Message, StringComparison.Ordinal);
        Assert.Equal(ErrorCode.TargetRefused, refused.Code);
    }

    [Fact]
    public async Task Without_the_logins_the_key_binds_new_rows_and_the_finding_brings_the_old_ones()
    {
        var report = await RestoreAsync(_own, []);
        var finding = Assert.Single(report.Findings, f => f.Code == "schema.foreignKey");
        Assert.Contains("the foreign key profiles_id_fkey of public.profiles does not hold: rows of auth.users that it points to are missing; it was made NOT VALID", finding.Sentence, StringComparison.Ordinal);
        Assert.Contains("--rows-of auth.users", finding.NextStep, StringComparison.Ordinal);
        Assert.Equal("a profile is a login", await ScalarAsync<string>("SELECT obj_description(oid) FROM pg_constraint WHERE conname = 'profiles_id_fkey'"));

        // The trigger that makes profiles is there by now, and must not make them again.
        report = await RestoreAsync([], _logins);
        Assert.Equal((_logins.Length, 600L), (report.Tables, report.Rows));
        await Database.SqlAsync(server.Url(_target), finding.NextStep.Split("then: ")[1]);
        Assert.Equal([], await _lab.DifferencesAsync(server.AdminUrl(_source), server.AdminUrl(_target), new ComparisonOptions { ExceptTables = ["storage.buckets", "storage.objects"] }));
    }

    [Fact]
    public async Task What_a_schema_needs_and_is_not_there_is_named_before_anything_is_written()
    {
        await Database.SqlAsync(server.AdminUrl(_target), "ALTER EXTENSION \"uuid-ossp\" SET SCHEMA vault");
        var refused = await Assert.ThrowsAsync<BackupException>(() => RestoreAsync(["public"], []));
        Assert.Equal(ErrorCode.TargetUnfit, refused.Code);
        Assert.Contains("function private.is_member(uuid) (for policy public.notes own notes)", refused.Message, StringComparison.Ordinal);
        Assert.Contains("the extension uuid-ossp lies in the schema vault, in the backup in extensions", refused.Message, StringComparison.Ordinal);
        Assert.Contains("--schema private", refused.NextStep, StringComparison.Ordinal);
        Assert.Contains("ALTER EXTENSION \"uuid-ossp\" SET SCHEMA \"extensions\";", refused.NextStep, StringComparison.Ordinal);
        Assert.Equal(0L, await CountAsync("public"));
        Assert.Equal(ErrorCode.UsageWrong, (await Assert.ThrowsAsync<BackupException>(() => RestoreAsync(["public", "nosuch"], []))).Code);
    }

    [Fact]
    public async Task A_restore_that_fails_leaves_the_schemas_as_empty_as_they_were()
    {
        await Database.SqlAsync(server.AdminUrl(_target), """
            CREATE FUNCTION extensions.no_index() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no indexes today'; END $$;
            CREATE EVENT TRIGGER no_index ON ddl_command_end WHEN TAG IN ('CREATE INDEX') EXECUTE FUNCTION extensions.no_index();
            """);
        var failed = await Assert.ThrowsAsync<BackupException>(() => RestoreAsync(_own, _logins));
        Assert.Contains("no indexes today", failed.Message, StringComparison.Ordinal);
        Assert.Equal((0L, 0L, 0L), (await CountAsync("public"), await ScalarAsync<long>("SELECT count(*) FROM pg_namespace WHERE nspname IN ('private', 'billing')"), await ScalarAsync<long>("SELECT count(*) FROM auth.users")));

        await Database.SqlAsync(server.AdminUrl(_target), "DROP EVENT TRIGGER no_index; DROP FUNCTION extensions.no_index()");
        await RestoreAsync(_own, [.. _logins, "storage.buckets", "storage.objects"]);
        Assert.Equal([], await _lab.DifferencesAsync(server.AdminUrl(_source), server.AdminUrl(_target)));
    }

    [Fact]
    public async Task A_new_database_with_one_schema_says_which_keys_lead_out_of_it()
    {
        var name = $"{_source}_billing";
        var report = await _lab.RestoreAsync(server.Url(name), RestoreMode.Create, r => r with { Schemas = ["billing"] });
        Assert.Contains("invoices_profile_fkey", Assert.Single(report.LeftOut), StringComparison.Ordinal);
        Assert.Equal((20L, 2L), (await Database.ScalarAsync<long>(server.Url(name), "SELECT count(*) FROM billing.invoices"),
            await Database.ScalarAsync<long>(server.Url(name), "SELECT count(*) FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'")));
        // auth would be a new schema there, with all that public needs of it.
        var whole = $"{_source}_whole";
        await _lab.RestoreAsync(server.AdminUrl(whole), RestoreMode.Create, r => r with { Schemas = [.. _own, "auth"] });
        Assert.Equal(await DumpAsync(_source, "public"), await DumpAsync(whole, "public"));
    }

    [Fact]
    public async Task Replacing_single_schemas_is_refused()
    {
        var refused = await Assert.ThrowsAsync<BackupException>(() => _lab.RestoreAsync(server.Url(_target), RestoreMode.Replace, r => r with { Schemas = _own }));
        Assert.Equal(ErrorCode.TargetRefused, refused.Code);
        Assert.Contains("cannot be swapped", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_source_itself_is_no_target_for_single_schemas_either()
    {
        await Database.SqlAsync(server.Url(_source), "DROP SCHEMA billing CASCADE");
        var refused = await Assert.ThrowsAsync<BackupException>(() => _lab.RestoreAsync(server.Url(_source), RestoreMode.Empty, r => r with { Schemas = ["billing"] }));
        Assert.Equal(ErrorCode.TargetRefused, refused.Code);
        Assert.EndsWith("To restore into it after all: --allow-protected.", refused.NextStep, StringComparison.Ordinal);
        var report = await _lab.RestoreAsync(server.Url(_source), RestoreMode.Empty, r => r with { Schemas = ["billing"], AllowProtected = true });
        Assert.Equal((1, 20L), (report.Tables, report.Rows));
        Assert.Equal(1L, await Database.ScalarAsync<long>(server.Url(_source), "SELECT count(*) FROM pg_constraint WHERE conname = 'invoices_profile_fkey' AND convalidated"));
    }

    [Fact]
    public async Task Increments_of_a_chosen_schema_are_applied()
    {
        DatabasePolicy Critical(DatabasePolicy d) => d with { CriticalTables = [IncrementScene.Critical("public.notes")] };
        await _lab.RunAsync(server.Url(_source), Critical);
        await Database.SqlAsync(server.Url(_source), "UPDATE public.notes SET body = 'changed' WHERE n = 5; INSERT INTO public.notes (owner, body) SELECT id, 'new' FROM public.profiles LIMIT 3");
        var made = await new RunIncrement(_lab.Machine, _lab.Clock).ExecuteAsync(_lab.Request(server.Url(_source), Critical) with { Kind = BackupKind.Incremental }, TestContext.Current.CancellationToken);
        Assert.Equal(IncrementOutcome.Committed, made.Outcome);
        var all = await new BackupCatalog(_lab.Vault).ListAsync("test", null, TestContext.Current.CancellationToken);
        var increment = all.Single(e => e.Manifest!.Increment is not null);
        var report = await _lab.RestoreAsync(server.Url(_target), RestoreMode.Empty, r => r with
        {
            Backup = all.Single(e => e.Id.ToString() == increment.Manifest!.Increment!.Base), Increments = [increment], Schemas = _own, RowsOf = _logins,
        });
        Assert.Equal("public.notes", $"{Assert.Single(report.Increments).Table}");
        Assert.Equal((3003L, 1L, 0L), (await ScalarAsync<long>("SELECT count(*) FROM public.notes"), await ScalarAsync<long>("SELECT count(*) FROM public.notes WHERE body = 'changed'"),
            await ScalarAsync<long>("SELECT count(*) FROM pg_constraint WHERE NOT convalidated")));
    }

    private Task<RestoreReport> RestoreAsync(IReadOnlyList<string> schemas, IReadOnlyList<string> rowsOf) =>
        _lab.RestoreAsync(server.Url(_target), RestoreMode.Empty, r => r with { Schemas = schemas, RowsOf = rowsOf });

    private Task<T> ScalarAsync<T>(string sql) => Database.ScalarAsync<T>(server.AdminUrl(_target), sql);

    private Task<long> CountAsync(string schema) => ScalarAsync<long>($"SELECT (SELECT count(*) FROM pg_class WHERE relnamespace = '{schema}'::regnamespace)"
        + $" + (SELECT count(*) FROM pg_proc WHERE pronamespace = '{schema}'::regnamespace) + (SELECT count(*) FROM pg_type WHERE typnamespace = '{schema}'::regnamespace)");

    /// <summary>The entries of pg_dump's text for one schema, without rows; null: of all but the team's, with rows.</summary>
    private async Task<IReadOnlyList<string>> DumpAsync(string project, string? schema)
    {
        string[] arguments = schema is null ? ["-N", "public", "-N", "private", "-N", "billing", server.AdminUrl(project)] : ["-n", schema, "--schema-only", server.AdminUrl(project)];
        var command = new ToolCommand { Path = (await postgres.InstallationAsync()).Tool("pg_dump"), Arguments = arguments, Environment = postgres.Machine.ForTool() };
        var text = await ToolProcess.CheckAsync(command, null, TestContext.Current.CancellationToken);
        return [.. text.Split("\n--\n-- ").Skip(1).Select(e => e.Split("\n\\unrestrict")[0].TrimEnd()).Order(StringComparer.Ordinal)];
    }
}
