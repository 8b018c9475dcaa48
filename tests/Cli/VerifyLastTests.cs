using System.Text.Json;
using Backup.Tests.Support;

namespace Backup.Cli.Tests;

/// <summary>The integrity of the newest backups at once.</summary>
public sealed class VerifyLastTests(PostgresFixture postgres) : IAsyncLifetime
{
    private readonly CommandFolder _folder = new(postgres, "verify");
    private TestDatabase _source = null!;

    public async ValueTask InitializeAsync()
    {
        _source = await postgres.CreatePasswordDatabaseAsync("verified");
        _folder.Variables["DATABASE_URL"] = _source.Url;
    }

    public async ValueTask DisposeAsync()
    {
        await _source.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task Every_one_gets_its_result_and_one_that_differs_is_exit_code_3()
    {
        await Database.SqlAsync(_source.Url, "CREATE TABLE t AS SELECT generate_series(1, 100) id");
        foreach (var day in (int[])[1, 2, 3])
            Assert.Equal(0, (await _folder.RunAsync("run", "--source", "${DATABASE_URL}", "--vault", "v", "--kind", "scheduled", "--scheduled-time", $"2026-03-0{day}T02:00:00Z")).Exit);

        var (exit, output, _) = await _folder.RunAsync("verify", "--last", "7", "--vault", "v", "--level", "archive");
        Assert.Equal(0, exit);
        Assert.Equal(["20260303T020000Z", "20260302T020000Z", "20260301T020000Z"], output.TrimEnd().Split('\n').Select(l => l.Split(':')[0].Split('_')[^1]));
        Assert.Equal(3, Directory.GetFiles(Path.Combine(_folder.Path, "v"), "*-verify-pass.json", SearchOption.AllDirectories).Length);

        foreach (var damaged in Directory.GetFiles(Path.Combine(_folder.Path, "v"), "base.dump.zst", SearchOption.AllDirectories).Where(f => f.Contains("20260302", StringComparison.Ordinal)))
        {
            var bytes = await File.ReadAllBytesAsync(damaged, TestContext.Current.CancellationToken);
            bytes[^9] ^= 1;
            await File.WriteAllBytesAsync(damaged, bytes, TestContext.Current.CancellationToken);
        }

        (exit, output, _) = await _folder.RunAsync("verify", "--last", "2", "--vault", "v", "--output", "json");
        Assert.Equal(3, exit);
        Assert.Equal(["pass", "fail"], JsonDocument.Parse(output).RootElement.GetProperty("results").EnumerateArray().Select(r => r.GetProperty("verdict").GetString()));
        Assert.Equal(0, (await _folder.RunAsync("verify", "--last", "1", "--vault", "v")).Exit);
    }

    [Theory]
    [InlineData("--last", "0")]
    [InlineData("2026-03-01T02:00:00Z", "--last", "2")]
    public async Task A_number_that_chooses_nothing_and_a_backup_beside_it_are_wrong_usage(params string[] arguments)
    {
        var (exit, _, error) = await _folder.RunAsync(["verify", .. arguments, "--vault", "v"]);
        Assert.Equal(2, exit);
        Assert.Contains("[usage] → Give --last a number from 1, and no backup beside it.", error, StringComparison.Ordinal);
    }
}
