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
        var good = Path.GetFileName(Path.GetDirectoryName(Directory.GetFiles(_folder, "manifest.json", SearchOption.AllDirectories).Single()))!;
        await Task.Delay(TimeSpan.FromSeconds(1.1), Cancel); // ids are whole seconds
        await Database.SqlAsync(_source.Url, "UPDATE bookings SET note = 'garbage'; DROP TABLE customers CASCADE");
        await PageAsync("corruption.md", ("GOOD", good));
        Assert.Equal((100L, 0L), (await Database.ScalarAsync<long>(_source.Url, "SELECT count(*) FROM customers"),
            await Database.ScalarAsync<long>(_source.Url, "SELECT count(*) FROM bookings WHERE note = 'garbage'")));
        var kept = Assert.Single(await DatabasesAsync($"{_source.Name}_before%"));
        Assert.Equal(3000L, await Database.ScalarAsync<long>((await postgres.PasswordServerAsync()).Url(kept), "SELECT count(*) FROM bookings WHERE note = 'garbage'"));
        Assert.Equal(3, Directory.GetFiles(_folder, "manifest.json", SearchOption.AllDirectories).Length);
    }

    [Fact]
    public async Task Provider_lost_ends_with_an_equal_database_elsewhere_that_is_backed_up_again()
    {
        await PageAsync("provider-lost.md");
        Assert.Equal([], await DatabaseComparison.CompareAsync((await postgres.InstallationAsync()).Tool("pg_dump"), _source.Url, _restored));
        Assert.Equal(2, Directory.GetFiles(_folder, "manifest.json", SearchOption.AllDirectories).Length);
    }

    [Fact]
    public void Every_page_is_listed_and_has_commands()
    {
        var index = File.ReadAllText(Path.Combine(Pages, "README.md"));
        foreach (var page in Directory.GetFiles(Pages, "*.md").Select(p => Path.GetFileName(p)!).Where(p => p != "README.md"))
        {
            Assert.Contains($"]({page})", index, StringComparison.Ordinal);
            Assert.NotEmpty(Block().Matches(File.ReadAllText(Path.Combine(Pages, page))));
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

    private async Task PageAsync(string page, params (string Name, string Value)[] variables) =>
        await BashAsync(string.Join('\n', Block().Matches(await File.ReadAllTextAsync(Path.Combine(Pages, page), Cancel)).Select(m => m.Groups[1].Value)), variables);

    private async Task BashAsync(string commands, params (string Name, string Value)[] variables)
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
    }

    private async Task<IReadOnlyList<string>> DatabasesAsync(string like)
    {
        var all = await Database.ScalarAsync<string>((await postgres.PasswordServerAsync()).AdminUrl("postgres"),
            $"SELECT coalesce(string_agg(datname, '|'), '') FROM pg_database WHERE datname LIKE '{like.Replace("_", "\\_", StringComparison.Ordinal)}'");
        return all.Split('|', StringSplitOptions.RemoveEmptyEntries);
    }

    [GeneratedRegex(@"^```bash\n(.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Block();
}
