using System.Text;
using Backup.Tests.Support;

namespace Backup.Cli.Tests;

/// <summary>A password that holds every awkward character is nowhere but in the environment of those that log in with it.</summary>
public sealed class SecretTests(PostgresFixture postgres) : IDisposable
{
    /// <summary>Part of <see cref="PasswordServer.Password"/> that no escaping changes.</summary>
    private const string Needle = "s3cr3t";
    private const string OtherNeedle = "hunter2";

    private readonly string _root = Directory.CreateTempSubdirectory("secret-").FullName;
    private readonly StringBuilder _said = new();

    private string Vault => Path.Combine(_root, "vault");
    private string Temp => Directory.CreateDirectory(Path.Combine(_root, "tmp")).FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public async Task A_password_is_in_no_argument_output_or_file()
    {
        var server = await postgres.PasswordServerAsync();
        await using var database = await postgres.CreatePasswordDatabaseAsync("secret");
        await Database.SqlAsync(database.Url, "CREATE TABLE big AS SELECT g AS id, md5(g::text) || md5((g + 1)::text) AS t FROM generate_series(1, 60000) g; CREATE TABLE small AS SELECT 1 AS id");
        using var stop = new CancellationTokenSource();
        var sampling = Task.Run(() => SampleArguments(Temp, stop.Token));
        await SaysAsync(0, database.Url, "run", "--source", "${URL}", "--vault", Vault, "--database", "secret", "--shard-above", "1MiB", "--verbose");
        await SaysAsync(0, database.Url, "run", "--source", "${URL}", "--vault", Vault, "--database", "secret", "--output", "json");
        await SaysAsync(0, database.Url, "list", "--vault", Vault, "--output", "json");
        await SaysAsync(0, database.Url, "show", "latest", "--vault", Vault, "--output", "json");
        await SaysAsync(0, database.Url, "verify", "latest", "--vault", Vault, "--level", "archive", "--output", "json", "--verbose");
        await SaysAsync(0, server.Url(database.Name + "_new"), "restore", "latest", "--vault", Vault, "--target", "${URL}", "--create", "--no-owner", "--verbose");
        await SaysAsync(2, database.Url, "restore", "latest", "--vault", Vault, "--target", "${URL}", "--verbose");
        await SaysAsync(1, server.Url("not_there"), "run", "--source", "${URL}", "--vault", Vault, "--verbose");
        await stop.CancelAsync();
        var (samples, found) = await sampling;
        Assert.True(samples > 100, $"only {samples} samples");
        Assert.Empty(found);
        await NowhereAsync();
        await Database.SqlAsync(server.AdminUrl("postgres"), $"DROP DATABASE {Database.Quoted(database.Name + "_new")}");
    }

    [Theory]
    [InlineData("hunter2")]
    [InlineData("hunter2@:/% '\"\\;?&=#")]
    public async Task A_wrong_password_is_not_repeated(string password)
    {
        var server = await postgres.PasswordServerAsync();
        await using var database = await postgres.CreatePasswordDatabaseAsync("secret");
        await SaysAsync(1, server.Url(database.Name, password), "run", "--source", "${URL}", "--vault", Vault, "--verbose");
        Assert.Contains("refuses the login", _said.ToString(), StringComparison.Ordinal);
        await SaysAsync(1, server.Url(database.Name, password), "doctor", "--source", "${URL}", "--vault", Vault, "--verbose");
        // A server that is gone, and URLs that are no URLs.
        await SaysAsync(1, $"postgres://app:{Uri.EscapeDataString(password)}@127.0.0.1:1/x?connect_timeout=1", "run", "--source", "${URL}", "--vault", Vault, "--verbose");
        await SaysAsync(2, $"postgres://app:{password}@127.0.0.1:notaport/x", "run", "--source", "${URL}", "--vault", Vault, "--verbose");
        await SaysAsync(2, $"host=127.0.0.1 password='{password} dbname=x", "run", "--source", "${URL}", "--vault", Vault, "--verbose");
        await SaysAsync(2, $"postgres://app:{password}@127.0.0.1/x?sslmode=nonsense", "run", "--source", "${URL}", "--vault", Vault, "--output", "json");
        await NowhereAsync();
    }

    private async Task SaysAsync(int exitCode, string url, params string[] arguments)
    {
        using var cli = CliProcess.Start(Temp, [new("URL", url)], arguments);
        var code = await cli.ExitAsync();
        _said.Append(await cli.Output).Append(cli.Error);
        Assert.True(code == exitCode, $"{string.Join(' ', arguments)} ended with {code}: {cli.Error}");
    }

    private async Task NowhereAsync()
    {
        foreach (var needle in (string[])[Needle, OtherNeedle])
        {
            Assert.DoesNotContain(needle, _said.ToString(), StringComparison.OrdinalIgnoreCase);
            if (!Directory.Exists(Vault)) continue;
            foreach (var file in Directory.EnumerateFiles(Vault, "*", SearchOption.AllDirectories))
            {
                Assert.DoesNotContain(needle, file, StringComparison.OrdinalIgnoreCase);
                Assert.False((await File.ReadAllBytesAsync(file)).AsSpan().IndexOf(Encoding.ASCII.GetBytes(needle)) >= 0, file);
            }
        }
    }

    /// <summary>Of what the program started: other tests on this machine pass the same password to tools of their own.</summary>
    private static (int Samples, IReadOnlyList<string> Found) SampleArguments(string temp, CancellationToken stop)
    {
        var found = new List<string>();
        var samples = 0;
        for (; !stop.IsCancellationRequested; samples++)
        {
            foreach (var folder in Directory.EnumerateDirectories("/proc").Where(f => char.IsAsciiDigit(Path.GetFileName(f)[0])))
            {
                try
                {
                    var arguments = File.ReadAllText(Path.Combine(folder, "cmdline"));
                    if (!arguments.Contains(Needle, StringComparison.OrdinalIgnoreCase)) continue;
                    if (File.ReadAllText(Path.Combine(folder, "environ")).Split('\0').Contains($"TMPDIR={temp}")) found.Add(arguments.Replace('\0', ' '));
                }
                catch (Exception e) when (e is IOException or UnauthorizedAccessException)
                {
                    // It has ended while it was looked at.
                }
            }

            stop.WaitHandle.WaitOne(5);
        }

        return (samples, found);
    }
}
