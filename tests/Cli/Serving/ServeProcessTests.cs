using System.Text.RegularExpressions;
using Backup.Tests.Support;

namespace Backup.Cli.Tests.Serving;

/// <summary>The real program: what a restart does, what a signal does, and what it refuses.</summary>
public sealed partial class ServeProcessTests(PostgresFixture postgres) : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("serve-").FullName;

    private string Temp => Directory.CreateDirectory(Path.Combine(_root, "tmp")).FullName;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public async Task A_time_that_passed_is_made_up_once_by_two_services_and_a_restart_and_sigterm_is_a_clean_end()
    {
        await using var database = await postgres.CreateDatabaseAsync("served");
        await Database.SqlAsync(database.Url, "CREATE TABLE t AS SELECT g FROM generate_series(1, 100) g");
        var minute = await PolicyAsync();
        using (var first = Start(database))
        using (var second = Start(database))
        {
            foreach (var service in (CliProcess[])[first, second]) await UntilAsync(service, () => service.Error.Contains("backup of served: done", StringComparison.Ordinal) || service.Error.Contains("backup of served: nothing", StringComparison.Ordinal));
            Assert.Equal((200, "ok\n"), await UntilHealthyAsync(first));
            foreach (var service in (CliProcess[])[first, second]) await EndAsync(service, "TERM");
        }

        Assert.Equal($"served_{minute:yyyyMMdd'T'HHmm}00Z", Assert.Single(Backups()));
        using (var third = Start(database))
        {
            await UntilAsync(third, () => third.Error.Contains("watch: done: all 1 databases are safe", StringComparison.Ordinal));
            await UntilHealthyAsync(third);
            Assert.DoesNotContain("backup of served", third.Error, StringComparison.Ordinal);
            await EndAsync(third, "INT");
        }

        Assert.Single(Backups());
        await CliProcess.NothingRunsAsync(Temp);
    }

    [Fact]
    public async Task A_second_signal_cancels_what_runs_and_leaves_nothing()
    {
        await using var database = await postgres.CreateDatabaseAsync("served");
        await Database.SqlAsync(database.Url, "CREATE TABLE t AS SELECT g FROM generate_series(1, 100) g");
        await PolicyAsync();
        // Its lock keeps the run in the middle of its work for as long as the test needs.
        await using var holder = await Database.OpenAsync(database.Url);
        await using var transaction = await holder.BeginTransactionAsync(Cancel);
        await using (var command = new Npgsql.NpgsqlCommand("LOCK TABLE t IN ACCESS EXCLUSIVE MODE", holder)) await command.ExecuteNonQueryAsync(Cancel);
        using var service = Start(database);
        await UntilAsync(service, () => service.Error.Contains("backup of served: begins", StringComparison.Ordinal));
        await service.SignalAsync("TERM");
        await UntilAsync(service, () => service.Error.Contains("stopping: nothing more is begun", StringComparison.Ordinal));
        await EndAsync(service, "TERM");
        Assert.Contains("backup of served: stopped", service.Error, StringComparison.Ordinal);
        Assert.Empty(Backups());
        await CliProcess.NothingRunsAsync(Temp);
        Assert.Empty(Directory.EnumerateDirectories(Temp, "backup-work-*"));
    }

    [Fact]
    public async Task What_cannot_be_served_is_said_at_once()
    {
        await using var database = await postgres.CreateDatabaseAsync("served");
        await PolicyAsync();
        foreach (var (arguments, message) in ((string[], string)[])[
            (["--listen", "0.0.0.0:8080"], "error: --listen 0.0.0.0:8080 lets other machines read the page, without a login and without TLS [usage] →"),
            (["--allow-actions"], "error: --allow-actions and --token belong together [usage] →"),
            (["--allow-actions", "--token", "hunter2hunter2hunter2"], "error: --token is neither ${NAME} nor a file that exists [usage] →"),
            (["--allow-actions", "--token", "${TOKEN}", "--listen", "0.0.0.0:0", "--expose"], "error: --allow-actions and an exposed page do not go together: the token would cross the network in clear [usage] →"),
            (["--notify", "nowhere/told.json"], $"error: the memory of notices {_root}/nowhere/told.json cannot be used:"),
            (["--copy", "vault"], "error: --copy is the vault itself,")])
        {
            await using var output = new StringWriter();
            await using var error = new StringWriter();
            var machine = postgres.Machine with { WorkingFolder = _root, Variables = new Dictionary<string, string>(postgres.Machine.Variables) { ["URL"] = database.Url } };
            Assert.Equal(2, await Program.RunAsync(["serve", "--policy", "policy.yaml", .. arguments], () => machine, TimeProvider.System, output, error));
            Assert.StartsWith(message, error.ToString(), StringComparison.Ordinal);
            Assert.DoesNotContain("hunter2", error.ToString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Every_option_of_serve_is_on_its_page_and_every_verb_in_the_readme()
    {
        var root = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(root, "Backup.sln"))) root = Path.GetDirectoryName(root)!;
        var readme = await File.ReadAllTextAsync(Path.Combine(root, "README.md"), Cancel);
        await using var help = new StringWriter();
        Assert.Equal(0, await Program.RunAsync(["serve", "--help"], () => postgres.Machine, TimeProvider.System, help, help));
        var serve = await File.ReadAllTextAsync(Path.Combine(root, "docs/serve.md"), Cancel);
        var options = Option().Matches(help.ToString()).Select(m => m.Value).Distinct().Except(["--verbose", "--help", "--version"]).ToList();
        Assert.True(options.Count >= 10, help.ToString());
        Assert.All(options, o => Assert.Contains($"{o}", serve, StringComparison.Ordinal));
        await using var verbs = new StringWriter();
        Assert.Equal(0, await Program.RunAsync(["--help"], () => postgres.Machine, TimeProvider.System, verbs, verbs));
        var listed = VerbRow().Matches(readme).Select(m => m.Groups[1].Value).ToList();
        Assert.All(VerbLine().Matches(verbs.ToString()[verbs.ToString().IndexOf("Commands:", StringComparison.Ordinal)..]).Select(m => m.Groups[1].Value), v => Assert.Contains(v, listed));
    }

    /// <returns>The scheduled time, some minutes ago.</returns>
    private async Task<DateTimeOffset> PolicyAsync()
    {
        var minute = TimeProvider.System.GetUtcNow().AddMinutes(-5);
        await File.WriteAllTextAsync(Path.Combine(_root, "policy.yaml"), $$"""
            project: served
            environment: test
            vault: {{Path.Combine(_root, "vault")}}
            databases: [{ name: served, url: "${URL}", schedule: "{{minute.Minute}} {{minute.Hour}} * * *" }]

            """, Cancel);
        Directory.CreateDirectory(Path.Combine(_root, "vault"));
        return minute;
    }

    private CliProcess Start(TestDatabase database) =>
        CliProcess.Start(Temp, [new("URL", database.Url)], "serve", "--policy", Path.Combine(_root, "policy.yaml"), "--listen", "127.0.0.1:0");

    private static async Task EndAsync(CliProcess service, string signal)
    {
        await service.SignalAsync(signal);
        Assert.True(await service.ExitAsync() == 0, service.Error);
        Assert.EndsWith("stopped\n", service.Error, StringComparison.Ordinal);
    }

    private static async Task<(int, string)> UntilHealthyAsync(CliProcess service)
    {
        using var http = new HttpClient();
        var page = new Uri(PageAddress().Match(service.Error).Groups[1].Value);
        var (status, text) = (0, "");
        await UntilAsync(service, async () =>
        {
            using var answer = await http.GetAsync(new Uri(page, "healthz"), Cancel);
            (status, text) = ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync(Cancel));
            return status == 200;
        });
        return (status, text);
    }

    private static Task UntilAsync(CliProcess service, Func<bool> isSo) => UntilAsync(service, () => Task.FromResult(isSo()));

    private static async Task UntilAsync(CliProcess service, Func<Task<bool>> isSo)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        while (!await isSo())
        {
            if (limit.IsCancellationRequested) Assert.Fail(service.Error);
            await Task.Delay(50, Cancel);
        }
    }

    private IReadOnlyList<string> Backups() =>
        [.. Directory.EnumerateFiles(Path.Combine(_root, "vault"), "manifest.json", SearchOption.AllDirectories).Select(f => Path.GetFileName(Path.GetDirectoryName(f))!)];

    [GeneratedRegex("--[a-z][a-z-]+")]
    private static partial Regex Option();

    [GeneratedRegex(@"^\| `([a-z]+)(?: [a-z]+)?` \| ", RegexOptions.Multiline)]
    private static partial Regex VerbRow();

    [GeneratedRegex(@"^  ([a-z]+) ", RegexOptions.Multiline)]
    private static partial Regex VerbLine();

    [GeneratedRegex(@"page: (http://\S+)")]
    private static partial Regex PageAddress();
}
