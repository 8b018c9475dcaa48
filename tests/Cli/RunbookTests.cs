using System.Diagnostics;
using System.Text.RegularExpressions;
using Backup.Tests.Support;

namespace Backup.Cli.Tests;

/// <summary>The runbooks' own commands, copied from the pages and run in bash against a real database. A page that rots fails here.</summary>
public sealed partial class RunbookTests(PostgresFixture postgres) : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("backup-runbook-").FullName;
    private TestDatabase _source = null!;
    private string _restored = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _source = await postgres.CreatePasswordDatabaseAsync("runbook");
        _restored = (await postgres.PasswordServerAsync()).Url($"{_source.Name}_restored");
        await Database.SqlAsync(_source.Url, """
            CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL);
            CREATE TABLE bookings (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer int REFERENCES customers, note text);
            INSERT INTO customers SELECT i, 'customer ' || i FROM generate_series(1, 100) i;
            INSERT INTO bookings (customer, note) SELECT 1 + i % 100, md5(i::text) FROM generate_series(1, 3000) i;
            """);
        await BashAsync("""backup run --source '${DATABASE_URL}' --vault "$VAULT" """);
    }

    public async ValueTask DisposeAsync()
    {
        var server = await postgres.PasswordServerAsync();
        await Database.SqlAsync(server.AdminUrl("postgres"), $"DROP DATABASE IF EXISTS {Database.Quoted($"{_source.Name}_restored")} WITH (FORCE)");
        foreach (var kept in await DatabasesAsync($"{_source.Name}_before%")) await Database.SqlAsync(server.AdminUrl("postgres"), $"DROP DATABASE {Database.Quoted(kept)}");
        await _source.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Accidental_deletion_brings_the_missing_rows_back_and_keeps_newer_ones()
    {
        await Database.SqlAsync(_source.Url, "DELETE FROM bookings WHERE id <= 2000; UPDATE bookings SET note = 'newer' WHERE id = 2500");
        await PageAsync("accidental-deletion.md", ("TABLE", "public.bookings"));
        Assert.Equal(3000L, await Database.ScalarAsync<long>(_source.Url, "SELECT count(*) FROM bookings"));
        Assert.Equal("newer", await Database.ScalarAsync<string>(_source.Url, "SELECT note FROM bookings WHERE id = 2500"));
        Assert.Empty(await DatabasesAsync($"{_source.Name}_restored"));
        Assert.Empty(Directory.GetFiles(_folder, "*.copy"));
    }

    [Fact]
    public async Task Corruption_is_replaced_by_the_good_backup_and_the_broken_state_is_kept()
    {
        var good = Only();
        await Database.SqlAsync(_source.Url, "UPDATE bookings SET note = 'garbage'; DROP TABLE customers CASCADE");
        await PageAsync("corruption.md", ("GOOD", good));
        Assert.Equal((100L, 0L), (await Database.ScalarAsync<long>(_source.Url, "SELECT count(*) FROM customers"),
            await Database.ScalarAsync<long>(_source.Url, "SELECT count(*) FROM bookings WHERE note = 'garbage'")));
        var kept = Assert.Single(await DatabasesAsync($"{_source.Name}_before%"));
        Assert.Equal(3000L, await Database.ScalarAsync<long>((await postgres.PasswordServerAsync()).Url(kept), "SELECT count(*) FROM bookings WHERE note = 'garbage'"));
        Assert.Equal(3, Directory.GetFiles(_folder, "manifest.json", SearchOption.AllDirectories).Length);
    }

    [Fact]
    public async Task Corruption_does_not_bring_an_erased_customer_back()
    {
        var good = Only(); // from before anybody was erased, and before the policy had a file
        await File.WriteAllTextAsync(Path.Combine(_folder, "erasures.sql"), "DELETE FROM bookings WHERE customer = 7; DELETE FROM customers WHERE id = 7", Cancel);
        var policy = WritePolicy(", afterRestore: erasures.sql");
        await BashAsync("psql \"$DATABASE_URL\" -q -f erasures.sql; backup run --policy policy.yaml");
        await Database.SqlAsync(_source.Url, "UPDATE bookings SET note = 'garbage'");
        var output = await PageAsync("corruption.md", ("GOOD", good), ("ERASURES", $"--policy {policy}"));
        Assert.Contains("erasures.sql was applied: 2 statements, 31 rows changed", output, StringComparison.Ordinal);
        Assert.Equal((99L, 0L), (await Database.ScalarAsync<long>(_source.Url, "SELECT count(*) FROM customers"), await Database.ScalarAsync<long>(_source.Url, "SELECT count(*) FROM bookings WHERE customer = 7 OR note = 'garbage'")));
    }

    [Fact]
    public async Task Provider_lost_ends_with_an_equal_database_elsewhere_that_is_backed_up_again()
    {
        await BashAsync(Commands(FirstPart("provider-lost.md")));
        Assert.Equal([], await DatabaseComparison.CompareAsync((await postgres.InstallationAsync()).Tool("pg_dump"), _source.Url, _restored));
        Assert.Equal(2, Directory.GetFiles(_folder, "manifest.json", SearchOption.AllDirectories).Length);
    }

    [Fact]
    public async Task A_lost_Supabase_project_ends_with_a_fresh_one_that_has_schemas_and_logins()
    {
        await using var server = new SupabaseServer(postgres);
        await server.InitializeAsync();
        var (old, fresh) = (await server.CreateUsedProjectAsync(), await server.CreateProjectAsync());
        (string, string)[] places = [("VAULT", Path.Combine(_folder, "supabase")), ("DATABASE_URL", server.Url(old)), ("NEW_PROJECT_URL", server.Url(fresh))];
        await BashAsync("""backup run --source '${DATABASE_URL}' --vault "$VAULT" """, places);
        var output = await BashAsync(Commands(Page("provider-lost.md")[FirstPart("provider-lost.md").Length..]), places);
        Assert.Contains("restored schemas public, private, billing and rows of auth.users, auth.identities, storage.buckets, storage.objects of ", output, StringComparison.Ordinal);
        Assert.Equal([], await DatabaseComparison.CompareAsync((await postgres.InstallationAsync()).Tool("pg_dump"), server.AdminUrl(old), server.AdminUrl(fresh),
            new ComparisonOptions { ExceptTables = ["auth.refresh_tokens"] }) is var all ? all.Where(d => !d.Contains("auth.refresh_tokens_id_seq", StringComparison.Ordinal)) : []);
    }

    [Fact]
    public async Task Failed_migration_goes_back_to_the_backup_before_it()
    {
        var before = Only();
        await Database.SqlAsync(_source.Url, "ALTER TABLE bookings DROP COLUMN note; DELETE FROM bookings WHERE id > 10");
        await PageAsync("failed-migration.md", ("BEFORE", before), ("TABLE", "public.bookings"));
        Assert.Equal(3000L, await Database.ScalarAsync<long>(_source.Url, "SELECT count(note) FROM bookings"));
        Assert.Single(await DatabasesAsync($"{_source.Name}_before%"));
        Assert.Empty(await DatabasesAsync($"{_source.Name}_restored"));
    }

    [Fact]
    public async Task Planned_rollback_brings_back_the_state_before_the_release()
    {
        await File.WriteAllTextAsync(Path.Combine(_folder, "release.sql"), "ALTER TABLE bookings DROP COLUMN note; DROP TABLE customers CASCADE;", Cancel);
        await PageAsync("planned-rollback.md", ("MIGRATION", "release.sql"), ("RELEASE", "4f1c9d2"));
        Assert.Equal((3000L, 100L), (await Database.ScalarAsync<long>(_source.Url, "SELECT count(note) FROM bookings"), await Database.ScalarAsync<long>(_source.Url, "SELECT count(*) FROM customers")));
        Assert.Contains(Directory.GetFiles(_folder, "manifest.json", SearchOption.AllDirectories), f => f.Contains("/pre-deploy/", StringComparison.Ordinal) && File.ReadAllText(f).Contains("4f1c9d2", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Leaked_credential_is_locked_out_and_its_deeds_are_looked_at()
    {
        var server = await postgres.PasswordServerAsync();
        var role = $"leaked_{_source.Name}";
        await Database.SqlAsync(server.AdminUrl("postgres"), $"CREATE ROLE {role} LOGIN PASSWORD 'x'");
        try
        {
            var output = await PageAsync("leaked-credential.md", ("ROLE", role), ("ADMIN_URL", server.AdminUrl(_source.Name)), ("POLICY", WritePolicy()));
            Assert.Contains("the chain is intact", output, StringComparison.Ordinal);
            Assert.EndsWith("\nf\n", output, StringComparison.Ordinal);
        }
        finally
        {
            await Database.SqlAsync(server.AdminUrl("postgres"), $"DROP ROLE {role}");
        }
    }

    [Fact]
    public async Task Lost_key_ends_with_a_new_key_and_a_backup_that_a_drill_restores_with_it()
    {
        var home = Directory.CreateTempSubdirectory("gk").FullName; // short: the agent's socket lies in it
        try
        {
                var output = await PageAsync("lost-key.md", ("NEW_KEY", "ops <ops@example.com>"), ("GNUPGHOME", home));
            Assert.Contains($"PASS: {_source.Name}_", output, StringComparison.Ordinal);
            Assert.Single(Directory.GetFiles(_folder, "base.dump.zst.gpg", SearchOption.AllDirectories));
            Assert.Empty(Directory.GetFiles(_folder, "new-secret.asc"));
        }
        finally
        {
            await BashAsync("gpgconf --kill all", ("GNUPGHOME", home));
            Directory.Delete(home, recursive: true);
        }
    }

    [Fact]
    public async Task Ransomware_restores_from_the_copy_when_the_vault_is_spoilt()
    {
        var good = Only();
        (string, string)[] places = [("VAULT_COPY", Path.Combine(_folder, "copy")), ("NEW_VAULT", Path.Combine(_folder, "new"))];
        await BashAsync("""backup sync --from "$VAULT" --to "$VAULT_COPY" """, places);
        foreach (var file in Directory.GetFiles(Path.Combine(_folder, "vault", "local"), "*", SearchOption.AllDirectories)) await File.WriteAllTextAsync(file, "pay", Cancel);
        var output = await PageAsync("ransomware.md", [.. places, ("POLICY", WritePolicy()), ("GOOD", good)]);
        Assert.Contains("backup.unreadable", output, StringComparison.Ordinal);
        Assert.Contains("BROKEN", output, StringComparison.Ordinal);
        Assert.Equal([], await DatabaseComparison.CompareAsync((await postgres.InstallationAsync()).Tool("pg_dump"), _source.Url, _restored));
        Assert.Equal(2, Directory.GetFiles(Path.Combine(_folder, "new"), "manifest.json", SearchOption.AllDirectories).Length);
    }

    [Fact]
    public void Every_page_is_listed_and_what_no_test_runs_says_why()
    {
        var index = File.ReadAllText(Path.Combine(Pages, "README.md"));
        foreach (var page in Directory.GetFiles(Pages, "*.md").Select(p => Path.GetFileName(p)!).Where(p => p != "README.md"))
        {
            var text = File.ReadAllText(Path.Combine(Pages, page));
            Assert.Contains($"]({page})", index, StringComparison.Ordinal);
            Assert.All(OtherBlock().Matches(text), m => Assert.Contains("Not run by a test:", m.Groups[1].Value, StringComparison.Ordinal));
            // A command that no test runs must not hide in a block of another kind.
            Assert.All(Fence().Matches(text), m => Assert.True(m.Groups[1].Value is "bash" or "sh" or "", $"{page}: ```{m.Groups[1].Value}"));
            if (page is not ("post-mortem.md" or "findings.md")) Assert.NotEmpty(Block().Matches(text));
            Assert.All(Link().Matches(text), m => Assert.True(File.Exists(Path.Combine(Pages, m.Groups[1].Value)), $"{page} leads to {m.Groups[1].Value}"));
        }
    }

    /// <summary>Those within sentences too, which no test runs: verb and options must exist.</summary>
    [Fact]
    public async Task Every_command_that_a_page_names_exists()
    {
        string[] pages = [.. Directory.GetFiles(Pages, "*.md"), .. Directory.GetFiles(Path.Combine(Pages, ".."), "*.md"), Path.Combine(Pages, "../../README.md")];
        var named = pages.SelectMany(p => Named().Matches(File.ReadAllText(p)).Select(m => (Page: Path.GetFileName(p), Verb: m.Groups[1].Value, Arguments: m.Groups[2].Value))).ToList();
        Assert.True(named.Count > 100, $"only {named.Count} commands were found");
        var help = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (page, verb, arguments) in named)
        {
            if (!help.TryGetValue(verb, out var text))
            {
                using var output = new StringWriter();
                using var error = new StringWriter();
                Assert.True(await Program.RunAsync([verb, .. verb == "secret" ? (string[])["set"] : [], "--help"], () => postgres.Machine, TimeProvider.System, output, error) == 0, $"{page}: backup {verb}: {error}");
                help[verb] = text = output.ToString();
            }

            Assert.All(Flag().Matches(arguments), m => Assert.True(text.Contains(m.Value, StringComparison.Ordinal), $"{page}: backup {verb} has no {m.Value}"));
        }
    }

    private static string Pages
    {
        get
        {
            var folder = AppContext.BaseDirectory;
            while (!File.Exists(Path.Combine(folder, "Backup.sln"))) folder = Path.GetDirectoryName(folder)!;
            return Path.Combine(folder, "docs/runbooks");
        }
    }

    /// <summary>The id of the one backup that there is.</summary>
    private string Only() => Path.GetFileName(Path.GetDirectoryName(Directory.GetFiles(_folder, "manifest.json", SearchOption.AllDirectories).Single()))!;

    private string WritePolicy(string more = "")
    {
        var path = Path.Combine(_folder, "policy.yaml");
        File.WriteAllText(path, $"project: p\nenvironment: local\nvault: vault\ndatabases: [{{ name: {_source.Name}, url: \"${{DATABASE_URL}}\"{more} }}]\n");
        return path;
    }

    private Task<string> PageAsync(string page, params (string Name, string Value)[] variables) => BashAsync(Commands(Page(page)), variables);

    private static string Page(string page) => File.ReadAllText(Path.Combine(Pages, page));

    /// <summary>Up to a second heading of the first rank: what follows is for another place.</summary>
    private static string FirstPart(string page) => Page(page)[..Page(page).IndexOf("\n# ", StringComparison.Ordinal)];

    private static string Commands(string text) => string.Join('\n', Block().Matches(text).Select(m => m.Groups[1].Value));

    /// <returns>Standard output.</returns>
    private async Task<string> BashAsync(string commands, params (string Name, string Value)[] variables)
    {
        var info = new ProcessStartInfo("bash", ["-euo", "pipefail", "-s"])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = _folder,
        };
        info.Environment["PATH"] = $"{Path.GetDirectoryName((await postgres.InstallationAsync()).Tool("psql"))}:{postgres.Machine["PATH"]}";
        info.Environment["VAULT"] = Path.Combine(_folder, "vault");
        info.Environment["DATABASE_URL"] = _source.Url;
        info.Environment["RESTORED_URL"] = _restored;
        foreach (var (name, value) in variables) info.Environment[name] = value;
        using var bash = Process.Start(info)!;
        var output = bash.StandardOutput.ReadToEndAsync(Cancel);
        var error = bash.StandardError.ReadToEndAsync(Cancel);
        await bash.StandardInput.WriteAsync($"backup() {{ dotnet '{typeof(Program).Assembly.Location}' \"$@\" < /dev/null; }}\n{commands}\n");
        bash.StandardInput.Close();
        await bash.WaitForExitAsync(Cancel);
        Assert.True(bash.ExitCode == 0, $"bash ended with {bash.ExitCode}: {await output}\n{await error}");
        Assert.DoesNotContain(PasswordServer.Password, await output + await error, StringComparison.Ordinal);
        return await output;
    }

    private async Task<IReadOnlyList<string>> DatabasesAsync(string like)
    {
        var all = await Database.ScalarAsync<string>((await postgres.PasswordServerAsync()).AdminUrl("postgres"),
            $"SELECT coalesce(string_agg(datname, '|'), '') FROM pg_database WHERE datname LIKE '{like.Replace("_", "\\_", StringComparison.Ordinal)}'");
        return all.Split('|', StringSplitOptions.RemoveEmptyEntries);
    }

    [GeneratedRegex(@"^```bash\n(.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Block();

    /// <summary>The paragraph before a block that is not run.</summary>
    [GeneratedRegex(@"([^\n]*\n[^\n]*)\n\n```sh\n")]
    private static partial Regex OtherBlock();

    [GeneratedRegex(@"(?:^|`|&& |\./)backup ([a-z]+)([^`\n|#]*)", RegexOptions.Multiline)]
    private static partial Regex Named();

    [GeneratedRegex(@"--[a-z][a-z-]+")]
    private static partial Regex Flag();

    [GeneratedRegex(@"^```(\w*)$", RegexOptions.Multiline)]
    private static partial Regex Fence();

    [GeneratedRegex(@"\]\(([\w./-]+\.md)")]
    private static partial Regex Link();
}
