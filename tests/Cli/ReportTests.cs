using System.Text.Json;
using Backup.Tests.Support;

namespace Backup.Cli.Tests;

/// <summary>The verb report: real runs, and what the files say of them.</summary>
public sealed class ReportTests(PostgresFixture postgres) : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("backup-month-").FullName;
    private readonly ManualClock _clock = new(DateTimeOffset.UtcNow);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_run_of_this_month_is_in_the_page_and_in_the_json_and_no_password_is()
    {
        await using var source = await postgres.CreatePasswordDatabaseAsync("month");
        WritePolicy($"url: \"${{DATABASE_URL}}\", schedule: \"0 {(_clock.Now.Hour + 12) % 24} * * *\"");
        Assert.Equal(0, (await Run(source.Url, "run", "--policy", "policy.yaml")).Exit);
        var month = $"{_clock.Now.UtcDateTime:yyyy-MM}";
        var (exit, output, error) = await Run(source.Url, "report", "--policy", "policy.yaml", "--month", month, "--out", "reports");
        Assert.Equal(0, exit);
        Assert.Matches("^bloom: 1 backup, .*, 0 drills, 0 incidents\n$", output);
        var page = await File.ReadAllTextAsync(Path.Combine(_folder, "reports", $"report-test-{month}.html"), TestContext.Current.CancellationToken);
        Assert.Contains($"report: {_folder}/reports/report-test-{month}.html", error, StringComparison.Ordinal);
        Assert.Contains(", so far</h1>", page, StringComparison.Ordinal);
        Assert.DoesNotContain(PasswordServer.Password, page, StringComparison.Ordinal);

        (exit, output, _) = await Run(source.Url, "report", "--policy", "policy.yaml", "--month", month, "--output", "json");
        Assert.Equal(0, exit);
        Assert.Equal(output.TrimEnd('\n'), await File.ReadAllTextAsync(Path.Combine(_folder, $"report-test-{month}.json"), TestContext.Current.CancellationToken));
        using var json = JsonDocument.Parse(output);
        var db = json.RootElement.GetProperty("databases")[0];
        Assert.Equal((1, true, 1), (db.GetProperty("backups").GetInt32(), db.GetProperty("hasData").GetBoolean(), db.GetProperty("trail").GetProperty("entries").GetInt32()));
    }

    [Fact]
    public async Task A_month_before_the_first_backup_says_so_and_bad_input_is_a_usage_error()
    {
        WritePolicy("url: \"${DATABASE_URL}\"");
        Directory.CreateDirectory(Path.Combine(_folder, "vault"));
        Assert.Equal((0, "bloom: The vault knows nothing of this database.\n"), await Short("report", "--policy", "policy.yaml", "--month", "2026-01"));
        Assert.Equal((2, ""), await Short("report", "--policy", "policy.yaml", "--month", "January"));
        Assert.Equal((2, ""), await Short("report", "--policy", "policy.yaml", "--month", "2999-01"));
        Assert.Equal((2, ""), await Short("report", "--policy", "policy.yaml"));
        Assert.Equal((2, ""), await Short("report", "--vault", "vault", "--month", "2026-01"));
        Assert.Equal((2, ""), await Short("report", "--policy", "policy.yaml", "--month", "2026-01", "--database", "other"));
        Assert.Equal((2, ""), await Short("report", "--policy", "policy.yaml", "--month", "2026-01", "--access-log", "vault")); // a folder has no such log
        Assert.Equal((2, ""), await Short("report", "--policy", "policy.yaml", "--month", "2026-01", "--out", "policy.yaml"));
        Directory.CreateDirectory(Path.Combine(_folder, "out", "report-test-2026-01.html"));
        Assert.Equal((2, ""), await Short("report", "--policy", "policy.yaml", "--month", "2026-01", "--out", "out"));
        Assert.Single(Directory.GetFileSystemEntries(Path.Combine(_folder, "out"))); // nothing half-written stays
    }

    private void WritePolicy(string database) =>
        File.WriteAllText(Path.Combine(_folder, "policy.yaml"), $"project: bloom\nenvironment: test\nvault: vault\ndatabases: [{{ name: bloom, {database} }}]\n");

    private async Task<(int Exit, string Output)> Short(params string[] args)
    {
        var (exit, output, _) = await Run("", args);
        return (exit, output);
    }

    private async Task<(int Exit, string Output, string Error)> Run(string url, params string[] args)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var machine = postgres.Machine with { WorkingFolder = _folder, Variables = new Dictionary<string, string>(postgres.Machine.Variables) { ["DATABASE_URL"] = url } };
        var exit = await Program.RunAsync(args, () => machine, _clock, output, error);
        return (exit, output.ToString(), error.ToString());
    }
}
