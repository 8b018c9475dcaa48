using System.Text.Json;
using Backup.Tests.Support;

namespace Backup.Cli.Tests;

/// <summary>Erasures as a person meets them: in the policy, in check, at a restore with and without the policy, in the trail.</summary>
public sealed class ErasureCommandTests(PostgresFixture postgres) : IAsyncLifetime
{
    private readonly CommandFolder _folder = new(postgres, "erasures");
    private readonly List<string> _made = [];
    private TestDatabase _source = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _source = await postgres.CreatePasswordDatabaseAsync("erasing");
        await Database.SqlAsync(_source.Url, "CREATE TABLE people (id int PRIMARY KEY, email text); INSERT INTO people SELECT i, 'maria' || i FROM generate_series(1, 90) i");
        _folder.Variables["DATABASE_URL"] = _source.Url;
        await WriteAsync("sql/erasures.sql", "DELETE FROM people WHERE email = 'maria42'");
        await WriteAsync("p.yaml", $$"""
            project: demo
            environment: test
            vault: ./v
            databases:
              - name: {{_source.Name}}
                url: "${DATABASE_URL}"
                afterRestore: sql/erasures.sql
            """);
        Assert.Equal(0, (await _folder.RunAsync("run", "--policy", "p.yaml")).Exit);
    }

    public async ValueTask DisposeAsync()
    {
        var server = await postgres.PasswordServerAsync();
        foreach (var name in _made) await Database.SqlAsync(server.AdminUrl("postgres"), $"DROP DATABASE IF EXISTS {Database.Quoted(name)} WITH (FORCE)");
        await _source.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task With_the_policy_every_restore_erases_and_says_so()
    {
        var (exit, output, error) = await RestoreAsync("a", "--policy", "p.yaml");
        Assert.True(exit == 0, error);
        Assert.Matches(@"(?m)^restored .+\nerasures\.sql was applied: 1 statement, 1 row changed \(SHA-256 [0-9a-f]{64}\)$", output);
        Assert.Equal(0L, await Database.ScalarAsync<long>(_folder.Variables["TARGET"], "SELECT count(*) FROM people WHERE email = 'maria42'"));
        (exit, output, error) = await RestoreAsync("b", "--policy", "p.yaml", "--output", "json");
        Assert.True(exit == 0, error);
        var after = JsonDocument.Parse(output).RootElement.GetProperty("afterRestore");
        Assert.Equal(("erasures.sql", true, 1, 1L, 64), (after.GetProperty("file").GetString(), after.GetProperty("applied").GetBoolean(), after.GetProperty("statements").GetInt32(), after.GetProperty("rows").GetInt64(), after.GetProperty("sha256").GetString()!.Length));
        (_, output, _) = await _folder.RunAsync("show", "--audit", "--policy", "p.yaml");
        Assert.Contains("erasures.sql was applied", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_the_policy_a_restore_asks_for_the_file_and_takes_another_or_none()
    {
        var (exit, output, error) = await RestoreAsync("c", "--vault", "v");
        Assert.Equal((2, ""), (exit, output));
        Assert.Contains("has erasures.sql run after every restore", error, StringComparison.Ordinal);

        await WriteAsync("other.sql", "DELETE FROM people WHERE id > 10");
        (exit, output, error) = await RestoreAsync("c", "--vault", "v", "--after-restore", "other.sql");
        Assert.True(exit == 0, error);
        Assert.Contains("other.sql was applied: 1 statement, 80 rows changed", output, StringComparison.Ordinal);

        (exit, output, error) = await RestoreAsync("d", "--vault", "v", "--without-erasures");
        Assert.True(exit == 0, error);
        Assert.Contains("erasures.sql was NOT applied (--without-erasures)", output, StringComparison.Ordinal);
        Assert.Matches("(?m)^warning: .+ holds whoever was erased since .+: erasures.sql was not applied", error);
        Assert.Equal(90L, await Database.ScalarAsync<long>(_folder.Variables["TARGET"], "SELECT count(*) FROM people"));
        (_, output, _) = await _folder.RunAsync("show", "--audit", "--vault", "v");
        Assert.Contains("was NOT applied", output, StringComparison.Ordinal);
        Assert.Equal(2, (await RestoreAsync("e", "--vault", "v", "--after-restore", "other.sql", "--without-erasures")).Exit);
    }

    [Fact]
    public async Task A_bad_file_is_an_error_of_check_a_restore_refuses_it_and_the_nightly_run_goes_on()
    {
        await WriteAsync("sql/erasures.sql", "DELETE FROM people WHERE email = 'maria42';\n\\i more.sql\n");
        var (exit, output, _) = await _folder.RunAsync("check", "--policy", "p.yaml");
        Assert.Equal(2, exit);
        Assert.Contains("error databases[0].afterRestore (line 7): \"sql/erasures.sql\" cannot be used: line 2: a backslash stands outside of quotes", output, StringComparison.Ordinal);
        (exit, output, _) = await _folder.RunAsync("check", "--policy", "p.yaml", "--output", "json");
        Assert.Equal((2, false), (exit, JsonDocument.Parse(output).RootElement.GetProperty("valid").GetBoolean()));
        Assert.Equal(0, (await _folder.RunAsync("run", "--policy", "p.yaml")).Exit);
        string error;
        (exit, output, error) = await RestoreAsync("f", "--policy", "p.yaml");
        Assert.Equal((2, ""), (exit, output));
        Assert.Contains("[policy.invalid]", error, StringComparison.Ordinal);
        Assert.DoesNotContain("maria42", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_failure_tells_nobodys_name_not_even_verbosely_and_leaves_no_database()
    {
        await WriteAsync("sql/erasures.sql", "DO $$ BEGIN RAISE EXCEPTION 'maria42 is in %', (SELECT email FROM people WHERE id = 42) USING DETAIL = 'maria42'; END $$");
        var (exit, output, error) = await RestoreAsync("g", "--policy", "p.yaml", "--verbose");
        Assert.Equal((1, ""), (exit, output));
        Assert.Contains("erasures.sql failed at line 1 (DO)", error, StringComparison.Ordinal);
        Assert.DoesNotContain("maria", error, StringComparison.Ordinal);
        Assert.Equal(0L, await Database.ScalarAsync<long>((await postgres.PasswordServerAsync()).AdminUrl("postgres"), $"SELECT count(*) FROM pg_database WHERE datname = '{_made[^1]}'"));
        (exit, output, error) = await _folder.RunAsync("drill", "--policy", "p.yaml", "--no-record", "--verbose");
        Assert.Equal(3, exit);
        Assert.Contains("FAILED: erasures.sql failed at line 1 (DO)", output, StringComparison.Ordinal);
        Assert.DoesNotContain("maria", output + error + await File.ReadAllTextAsync(Assert.Single(Directory.GetFiles(_folder.Path, "drill-*.html")), Cancel), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Show_reminds_of_the_file_with_and_without_the_policy()
    {
        var (_, output, _) = await _folder.RunAsync("show", "latest", "--policy", "p.yaml");
        Assert.Matches(@"(?m)^after restore +/.+/sql/erasures\.sql, of the policy$", output);
        (_, output, _) = await _folder.RunAsync("show", "latest", "--vault", "v");
        Assert.Matches(@"(?m)^after restore +erasures\.sql, of the policy: a restore wants it", output);
        (_, output, _) = await _folder.RunAsync("show", "latest", "--policy", "p.yaml", "--by-hand");
        Assert.EndsWith($"--single-transaction -f {Path.Combine(_folder.Path, "sql", "erasures.sql")} -c ANALYZE\n", output, StringComparison.Ordinal);
        (_, output, _) = await _folder.RunAsync("show", "latest", "--vault", "v", "--by-hand");
        Assert.Matches(@"# PGOPTIONS=.+ -f erasures\.sql -c ANALYZE\n$", output);
    }

    private async Task<(int Exit, string Output, string Error)> RestoreAsync(string name, params string[] more)
    {
        _made.Add($"{_source.Name}_{name}");
        _folder.Variables["TARGET"] = (await postgres.PasswordServerAsync()).Url(_made[^1]);
        return await _folder.RunAsync(["restore", "latest", "--target", "${TARGET}", "--create", .. more]);
    }

    private async Task WriteAsync(string name, string content)
    {
        var path = Path.Combine(_folder.Path, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        await File.WriteAllTextAsync(path, content, Cancel);
    }
}
