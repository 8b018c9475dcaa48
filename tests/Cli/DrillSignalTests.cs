using Backup.Tests.Support;

namespace Backup.Cli.Tests;

/// <summary>A drill that is stopped or killed leaves no server, no folder and no result.</summary>
public sealed class DrillSignalTests(PostgresFixture postgres) : IDisposable
{
    private readonly string _root = Directory.CreateDirectory(Path.Combine("/tmp", $"ds.{Guid.NewGuid():n}"[..12])).FullName;

    private string Vault => Path.Combine(_root, "vault");
    private string Temp => Directory.CreateDirectory(Path.Combine(_root, "tmp")).FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public async Task Stopped_it_is_gone_at_once_and_killed_the_next_one_clears_up()
    {
        await using var database = await postgres.CreateDatabaseAsync("drilled");
        await Database.SqlAsync(database.Url, "CREATE TABLE t AS SELECT g AS id, md5(g::text) AS v FROM generate_series(1, 200000) g; CREATE INDEX ON t (md5(v))");
        using (var run = CliProcess.Start(Temp, [new("URL", database.Url)], "run", "--source", "${URL}", "--vault", Vault)) Assert.True(await run.ExitAsync() == 0, run.Error);
        foreach (var (signal, group, at) in ((string, bool, string)[])[("INT", true, "data"), ("TERM", false, "starting a throw-away server")])
        {
            using var stopped = Drill();
            await stopped.SaysAsync(at);
            if (group) await stopped.SignalGroupAsync(signal);
            else await stopped.SignalAsync(signal);
            Assert.True(await stopped.ExitAsync() == 130, stopped.Error);
            Assert.Equal([], Left());
        }

        using (var killed = Drill())
        {
            await killed.SaysAsync("indexes");
            await killed.SignalAsync("KILL");
            await killed.ExitAsync();
        }

        var server = Assert.Single(Directory.GetDirectories(Temp, "backup-pg.*"));
        var socket = "/tmp/bk." + Path.GetFileName(server)["backup-pg.".Length..];
        Assert.True(Directory.Exists(socket));
        using (var next = Drill()) Assert.True(await next.ExitAsync() == 0, next.Error);
        Assert.Equal([], Left());
        Assert.False(Directory.Exists(socket));
        Assert.EndsWith("-drill-pass.json", Assert.Single(Directory.GetFiles(Vault, "*-drill-*", SearchOption.AllDirectories)), StringComparison.Ordinal);
    }

    private CliProcess Drill() => CliProcess.Start(Temp, [], "drill", "latest", "--vault", Vault, "--report", Path.Combine(_root, "reports"));

    /// <summary>What the program made in its temporary folder (the runtime's own pipes aside), and programs that were started with a path in it.</summary>
    private List<string> Left()
    {
        var left = Directory.EnumerateFileSystemEntries(Temp, "backup-*").Select(e => Path.GetFileName(e)!).ToList();
        foreach (var process in Directory.EnumerateDirectories("/proc").Where(f => char.IsAsciiDigit(Path.GetFileName(f)[0])))
        {
            try
            {
                var command = File.ReadAllText(Path.Combine(process, "cmdline"));
                if (command.Contains(Temp, StringComparison.Ordinal)) left.Add(command.Replace('\0', ' '));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // It has ended while it was looked at.
            }
        }

        return left;
    }
}
