using System.Text.Json;
using Backup.Tests.Support;

namespace Backup.Cli.Tests;

/// <summary>The verb incremental, and what the other verbs make of increments.</summary>
public sealed class IncrementalTests(PostgresFixture postgres) : IAsyncLifetime
{
    private readonly CommandFolder _folder = new(postgres, "incremental");
    private TestDatabase _source = null!;

    public async ValueTask InitializeAsync()
    {
        _source = await postgres.CreatePasswordDatabaseAsync("increments");
        await Database.SqlAsync(_source.Url, """
            CREATE TABLE ledger (id int PRIMARY KEY, v text); INSERT INTO ledger SELECT i, 'v' FROM generate_series(1, 100) i;
            CREATE TABLE keyless (v text); CREATE TABLE other (id int PRIMARY KEY);
            """);
        _folder.Variables["DATABASE_URL"] = _source.Url;
        await File.WriteAllTextAsync(Path.Combine(_folder.Path, "policy.yaml"), """
            project: p
            environment: e
            vault: ./v
            databases:
              - name: db
                url: "${DATABASE_URL}"
                criticalTables:
                  - { table: public.ledger, every: 1h }
                  - { table: public.keyless, every: 1h }
            """, TestContext.Current.CancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await _source.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_policy_s_tables_are_copied_and_the_one_without_a_key_is_exit_code_1_by_name()
    {
        var (exit, output, error) = await _folder.RunAsync("incremental", "--policy", "policy.yaml");
        Assert.Equal((2, ""), (exit, output));
        Assert.Contains("[backup.notFound] → Make one first: backup run.", error, StringComparison.Ordinal);

        Assert.Equal(0, (await _folder.RunAsync("run", "--policy", "policy.yaml")).Exit);
        await Database.SqlAsync(_source.Url, "INSERT INTO ledger VALUES (101, 'new')");
        (exit, output, error) = await _folder.RunAsync("incremental", "--policy", "policy.yaml", "--output", "json");
        Assert.Equal(1, exit);
        var line = Assert.Single(error.Split('\n'), l => l.StartsWith("error: ", StringComparison.Ordinal));
        Assert.StartsWith("error: public.keyless has no primary key, so a changed row cannot be told from a new one [source.table] → Give it one (", line, StringComparison.Ordinal);
        var view = JsonDocument.Parse(output).RootElement.GetProperty("increments")[0];
        Assert.Equal("committed", view.GetProperty("outcome").GetString());
        var table = Assert.Single(view.GetProperty("tables").EnumerateArray());
        Assert.Equal(("ledger", "changes"), (table.GetProperty("table").GetProperty("name").GetString()!, table.GetProperty("mode").GetString()!));
        Assert.InRange(table.GetProperty("rows").GetInt64(), 1, 101); // all, when another test has a transaction open

        // Every verb takes it for what it is.
        var id = view.GetProperty("id").GetString()!;
        (_, output, _) = await _folder.RunAsync("list", "--policy", "policy.yaml");
        Assert.Contains(output.Split('\n'), l => l.StartsWith(id, StringComparison.Ordinal) && l.Contains(" incremental ", StringComparison.Ordinal));
        (_, output, _) = await _folder.RunAsync("show", "latest", "--policy", "policy.yaml", "--output", "json");
        Assert.Equal("manual", JsonDocument.Parse(output).RootElement.GetProperty("manifest").GetProperty("kind").GetString());
        (exit, output, _) = await _folder.RunAsync("show", id, "--policy", "policy.yaml");
        Assert.Equal(0, exit);
        Assert.Contains("public.ledger: rows since db_", output, StringComparison.Ordinal);
        Assert.Contains("deleted from public.ledger", output, StringComparison.Ordinal);
        Assert.Equal(0, (await _folder.RunAsync("verify", id, "--policy", "policy.yaml", "--level", "archive")).Exit);
    }

    [Fact]
    public async Task Without_a_policy_tables_are_named_and_a_restore_says_which_moments_it_holds()
    {
        string[] place = ["--vault", "v"];
        Assert.Equal(0, (await _folder.RunAsync(["run", "--source", "${DATABASE_URL}", .. place])).Exit);
        await Database.SqlAsync(_source.Url, "UPDATE ledger SET v = 'changed' WHERE id = 1; INSERT INTO keyless VALUES ('x'); INSERT INTO other VALUES (1)");
        var (exit, output, error) = await _folder.RunAsync(["incremental", "--source", "${DATABASE_URL}", .. place, "--table", "public.ledger:id"]);
        Assert.Equal(0, exit);
        Assert.Matches(@"^increments_\d+_\d{8}T\d{6}Z-inc: public\.ledger \d+ rows?, stored as .+; completes increments_\d+_\d{8}T\d{6}Z\n$", output);
        Assert.Contains("info: rows deleted from public.ledger", error, StringComparison.Ordinal);

        _folder.Variables["TARGET"] = (await postgres.PasswordServerAsync()).Url($"{_source.Name}_r");
        (exit, output, _) = await _folder.RunAsync(["restore", "latest", .. place, "--target", "${TARGET}", "--create"]);
        Assert.Equal(0, exit);
        Assert.Matches(@"\nit holds public\.ledger to \d{4}.+Z \(without deletions, unless the table was copied whole\); everything else to \d{4}.+Z\n$", output);
        Assert.Equal("changed 0", await Database.ScalarAsync<string>(_folder.Variables["TARGET"], "SELECT v || ' ' || (SELECT count(*) FROM other) FROM ledger WHERE id = 1"));

        _folder.Variables["TARGET"] = (await postgres.PasswordServerAsync()).Url($"{_source.Name}_r2");
        (exit, output, _) = await _folder.RunAsync(["restore", "latest", .. place, "--target", "${TARGET}", "--create", "--no-increments"]);
        Assert.Equal(0, exit);
        Assert.DoesNotContain("it holds", output, StringComparison.Ordinal);
        Assert.Equal("v", await Database.ScalarAsync<string>(_folder.Variables["TARGET"], "SELECT v FROM ledger WHERE id = 1"));
        (exit, output, error) = await _folder.RunAsync(["drill", "latest", "--increments", .. place]);
        Assert.True(exit == 0, output + error);
        Assert.Matches(@"(?m)^public\.ledger: new or changed rows: \d+, of 1 increment, as of ", output);
        Assert.Contains("compared: 1 of 1 tables equal", output, StringComparison.Ordinal);
        Assert.Matches(@"\nPASS: increments_\d+_\d{8}T\d{6}Z-inc\n$", output);
        (exit, _, error) = await _folder.RunAsync(["drill", "2026-01-01T00:00:00Z", "--increments", .. place]);
        Assert.Equal(2, exit);
        Assert.Contains("[backup.notFound]", error, StringComparison.Ordinal);
        Assert.Equal(2, (await _folder.RunAsync(["incremental", "--source", "${DATABASE_URL}", .. place])).Exit);
        Assert.Equal(2, (await _folder.RunAsync(["incremental", "--source", "${DATABASE_URL}", .. place, "--table", "ledger"])).Exit);
    }
}
