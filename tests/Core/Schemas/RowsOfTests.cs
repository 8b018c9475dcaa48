using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Core.Tests.Operations;
using Backup.Tests.Support;

namespace Backup.Core.Tests.Schemas;

/// <summary>Rows into tables that the target has already, and single schemas where something is not as it was.</summary>
public sealed class RowsOfTests(PostgresFixture postgres, SupabaseServer server) : IClassFixture<SupabaseServer>, IAsyncLifetime
{
    private Lab _lab = null!;
    private string _source = null!;
    private string _target = null!;

    public async ValueTask InitializeAsync()
    {
        _lab = new Lab(postgres);
        _source = await server.CreateUsedProjectAsync();
        _target = await server.CreateProjectAsync();
    }

    public ValueTask DisposeAsync() => _lab.DisposeAsync();

    [Fact]
    public async Task Tables_that_cannot_take_the_rows_are_all_named_with_the_column()
    {
        await _lab.RunAsync(server.Url(_source));
        await Database.SqlAsync(server.AdminUrl(_target), """
            ALTER TABLE auth.users DROP COLUMN encrypted_password; DROP TABLE auth.refresh_tokens; REVOKE INSERT ON storage.buckets FROM postgres, anon, authenticated, service_role;
            ALTER TABLE auth.identities DROP COLUMN provider_id, ADD COLUMN provider_id text GENERATED ALWAYS AS (provider) STORED, ADD COLUMN added text;
            """);
        var refused = await RefusedAsync("auth.users", "auth.identities", "auth.refresh_tokens", "storage.buckets");
        Assert.Equal(ErrorCode.TargetUnfit, refused.Code);
        foreach (var sentence in (string[])["auth.users has no column encrypted_password", "auth.identities computes its column provider_id", "auth.refresh_tokens is not there", "storage.buckets may not be filled"])
            Assert.Contains(sentence, refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("added", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_table_with_rows_is_refused_and_keeps_them()
    {
        await _lab.RunAsync(server.Url(_source));
        var refused = await RefusedAsync("auth.users", "auth.schema_migrations");
        Assert.Equal(ErrorCode.TargetRefused, refused.Code);
        Assert.Contains("has rows in auth.schema_migrations", refused.Message, StringComparison.Ordinal);
        Assert.Equal((2L, 0L), (await CountAsync("auth.schema_migrations"), await CountAsync("auth.users")));
    }

    [Fact]
    public async Task Rows_that_point_to_nothing_are_refused_by_their_key_and_nothing_stays()
    {
        await _lab.RunAsync(server.Url(_source));
        // By the server's own check, and, where triggers and with them that check are silenced, by a query.
        foreach (var (tables, key) in ((string[], string)[])[(["auth.refresh_tokens", "auth.identities"], "identities_user_id_fkey"), (["auth.users", "storage.objects"], "objects_bucket_id_fkey")])
        {
            var refused = await RefusedAsync(tables);
            Assert.Equal(ErrorCode.RestoreFailed, refused.Code);
            Assert.Contains(key, refused.Message, StringComparison.Ordinal);
            foreach (var table in tables) Assert.Equal(0L, await CountAsync(table));
        }
    }

    [Fact]
    public async Task Triggers_that_this_role_may_not_silence_are_named_and_do_not_run()
    {
        await _lab.RunAsync(server.Url(_source));
        await Database.SqlAsync(server.AdminUrl(_target), """
            CREATE ROLE "limited" LOGIN BYPASSRLS; GRANT USAGE ON SCHEMA storage TO "limited"; GRANT ALL ON ALL TABLES IN SCHEMA storage TO "limited";
            """);
        var refused = await Assert.ThrowsAsync<BackupException>(() => _lab.RestoreAsync(server.Url(_target).Replace("postgres@", "limited@", StringComparison.Ordinal), RestoreMode.Empty,
            r => r with { RowsOf = ["storage.buckets", "storage.objects"] }));
        Assert.Equal(ErrorCode.TargetUnfit, refused.Code);
        Assert.Contains("objects_insert on storage.objects", refused.Message, StringComparison.Ordinal);
        Assert.Equal(0L, await CountAsync("storage.buckets"));
    }

    [Fact]
    public async Task What_postgres_may_not_own_or_make_is_restored_as_its_own_or_named()
    {
        await Database.SqlAsync(server.AdminUrl(_source), """
            CREATE TABLE public.legacy (id int PRIMARY KEY, v text); INSERT INTO public.legacy VALUES (1, 'x');
            CREATE POLICY "public read" ON storage.objects FOR SELECT USING (bucket_id = 'avatars');
            CREATE POLICY "mine" ON storage.objects FOR DELETE USING (owner IN (SELECT id FROM public.profiles));
            CREATE CAST (public.plan AS int) WITH INOUT; CREATE EXTENSION citext SCHEMA extensions; CREATE EXTENSION hstore SCHEMA extensions;
            ALTER TABLE public.legacy ADD COLUMN c extensions.citext;
            """);
        await _lab.RunAsync(server.AdminUrl(_source));
        var report = await _lab.RestoreAsync(server.Url(_target), RestoreMode.Empty, r => r with { Schemas = ["public", "private"] });
        string Finding(string code, string subject = "") => Assert.Single(report.Findings, f => f.Code == code && f.Subject.Contains(subject, StringComparison.Ordinal)).Sentence;
        Assert.Contains("table public.legacy", Finding("schema.owner"), StringComparison.Ordinal);
        Assert.Equal("postgres", await Database.ScalarAsync<string>(server.AdminUrl(_target), "SELECT pg_get_userbyid(relowner)::text FROM pg_class WHERE oid = 'public.legacy'::regclass"));
        var left = Finding("schema.leftOut", _target);
        Assert.Contains("policy storage.objects public read", left, StringComparison.Ordinal);
        Assert.Contains(" CAST (public.plan AS integer)", left, StringComparison.Ordinal);
        Assert.Contains("extension hstore", left, StringComparison.Ordinal);
        Assert.DoesNotContain("citext", left, StringComparison.Ordinal);
        Assert.DoesNotContain("pgrst_ddl_watch", left, StringComparison.Ordinal);
        // It uses a table of the team's, so it was tried; the table itself is not postgres' to give policies.
        Assert.Contains("must be owner", Finding("schema.leftOut", "mine"), StringComparison.Ordinal);
        Assert.Equal(1L, await CountAsync("public.legacy"));
    }

    [Fact]
    public async Task Missing_roles_of_the_chosen_schemas_are_named_and_those_of_others_are_not()
    {
        await Database.SqlAsync(server.AdminUrl(_source), """
            CREATE ROLE "lost reader"; CREATE ROLE lost_policy; CREATE ROLE lost_elsewhere;
            GRANT SELECT ON public.notes TO "lost reader"; CREATE POLICY lost ON public.notes TO lost_policy USING (true); GRANT SELECT ON storage.buckets TO lost_elsewhere;
            """);
        await _lab.RunAsync(server.Url(_source));
        await Database.SqlAsync(server.AdminUrl(_source), """DROP OWNED BY "lost reader", lost_policy, lost_elsewhere; DROP ROLE "lost reader", lost_policy, lost_elsewhere""");
        var refused = await Assert.ThrowsAsync<BackupException>(() => _lab.RestoreAsync(server.Url(_target), RestoreMode.Empty, r => r with { Schemas = ["public", "private"] }));
        Assert.Equal(ErrorCode.TargetUnfit, refused.Code);
        Assert.Contains("there are no roles lost reader, lost_policy, which", refused.Message, StringComparison.Ordinal);
        Assert.Contains("CREATE ROLE \"lost reader\"; CREATE ROLE \"lost_policy\";", refused.NextStep, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Backups_of_before_schemas_were_recorded_are_restored_alike()
    {
        await _lab.RunAsync(server.Url(_source));
        RestoreRequest Old(RestoreRequest r) =>
            r with { Backup = r.Backup with { Manifest = r.Backup.Manifest! with { Snapshot = r.Backup.Manifest.Snapshot with { Schemas = null } } }, Schemas = ["public", "private", "billing"] };
        var report = await _lab.RestoreAsync(server.Url(_target), RestoreMode.Empty, Old);
        Assert.Empty(report.LeftOut);
        Assert.Equal(3000L, await CountAsync("public.notes"));
    }

    private async Task<BackupException> RefusedAsync(params string[] tables) =>
        await Assert.ThrowsAsync<BackupException>(() => _lab.RestoreAsync(server.Url(_target), RestoreMode.Empty, r => r with { RowsOf = tables }));

    private Task<long> CountAsync(string table) => Database.ScalarAsync<long>(server.AdminUrl(_target), $"SELECT count(*) FROM {table}");
}
