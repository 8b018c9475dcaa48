using System.Diagnostics;
using System.Globalization;
using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Postgres;
using Backup.Tests.Support;

namespace Backup.Core.Tests.Postgres;

public sealed class ThrowawayClusterTests(PostgresFixture postgres) : IAsyncLifetime
{
    private const UnixFileMode Traversable = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    private const string HoldFolder = "BACKUP_TEST_HOLD_FOLDER";

    // The process that is to be killed works in its killer's folder: it cannot remove one of its own.
    private readonly string _folder = Environment.GetEnvironmentVariable(HoldFolder) ?? Path.Combine("/tmp", $"cluster-tests.{Guid.NewGuid():N}");
    private PostgresInstallation _install = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        Directory.CreateDirectory(_folder, Traversable);
        _install = await postgres.InstallationAsync();
    }

    public ValueTask DisposeAsync()
    {
        Directory.Delete(_folder, recursive: true);
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task It_starts_as_any_user_and_nothing_is_left_after_it()
    {
        string socket, data;
        await using (var cluster = await StartAsync(new ClusterRequest()))
        {
            (socket, data) = (cluster.SocketFolder, cluster.DataFolder);
            Assert.Equal("UTF8 C.UTF-8 C.UTF-8 off",
                await ScalarAsync(cluster, "SELECT concat_ws(' ', pg_encoding_to_char(encoding), datcollate, datctype, current_setting('fsync')) FROM pg_database WHERE datname = 'template0'"));
            Assert.True(Directory.Exists(socket));
        }

        Assert.False(Directory.Exists(socket));
        Assert.False(Directory.Exists(data));
        Assert.Empty(Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public async Task It_listens_on_its_socket_only_and_the_socket_is_closed_to_others()
    {
        await using var cluster = await StartAsync(new ClusterRequest());
        Assert.Equal("", await ScalarAsync(cluster, "SHOW listen_addresses"));
        Assert.Equal("0", await ScalarAsync(cluster, "SELECT count(*)::text FROM pg_stat_activity WHERE client_addr IS NOT NULL"));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(cluster.SocketFolder));
        Assert.True($"{cluster.SocketFolder}/.s.PGSQL.{cluster.Port}".Length < 104);
        if (OperatingSystem.IsLinux()) Assert.Empty(TcpSocketsOf(await ServerPidAsync(cluster)));
    }

    [Fact]
    public async Task The_servers_environment_holds_no_secret_of_the_caller()
    {
        var machine = Machine with { Variables = new Dictionary<string, string>(Machine.Variables) { ["AWS_SECRET_ACCESS_KEY"] = "secret", ["PGPASSWORD"] = "secret" } };
        await using var cluster = await ThrowawayCluster.StartAsync(new ClusterRequest(), _install, machine, Cancel);
        if (!OperatingSystem.IsLinux()) return;
        var environment = await File.ReadAllTextAsync($"/proc/{await ServerPidAsync(cluster)}/environ", Cancel);
        Assert.DoesNotContain("secret", environment, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task With_a_port_a_role_needs_its_password()
    {
        var server = await postgres.PasswordServerAsync();
        Assert.Equal(PasswordServer.Role, await Database.ScalarAsync<string>(server.Url("postgres"), "SELECT current_user::text"));
        var refused = await Assert.ThrowsAsync<Npgsql.PostgresException>(() => Database.ScalarAsync<string>(server.Url("postgres", "wrong"), "SELECT 'x'"));
        Assert.Equal("28P01", refused.SqlState);
    }

    [Fact]
    public async Task The_log_keeps_errors_but_neither_statements_nor_rows()
    {
        await using var cluster = await StartAsync(new ClusterRequest());
        await Assert.ThrowsAsync<Npgsql.PostgresException>(() =>
            Database.SqlAsync(cluster.Url("postgres"), "CREATE TABLE t (secret_mail text UNIQUE); INSERT INTO t VALUES ('s3cret@x'), ('s3cret@x')"));
        Assert.Contains("duplicate key value", cluster.LogTail, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cret", cluster.LogTail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_missing_locale_is_built_for_this_server_or_is_an_error_but_is_never_replaced()
    {
        try
        {
            await using var cluster = await StartAsync(new ClusterRequest { Locales = ["de_DE.UTF-8"] });
            await Database.SqlAsync(cluster.Url("postgres"), "CREATE DATABASE german TEMPLATE template0 LC_COLLATE 'de_DE.UTF-8' LC_CTYPE 'de_DE.UTF-8'");
            const string Sort = "SELECT string_agg(x, '' ORDER BY x) FROM unnest(ARRAY['z', 'ä', 'a', 'B']) x";
            Assert.Equal("aäBz", await Database.ScalarAsync<string>(cluster.Url("german"), Sort));
            Assert.Equal("Bazä", await Database.ScalarAsync<string>(cluster.Url("postgres"), Sort));
        }
        catch (BackupException e)
        {
            Assert.Contains(e.Code, (ErrorCode[])[ErrorCode.ToolMissing, ErrorCode.TargetUnfit]);
            Assert.Contains("locale", e.Message, StringComparison.OrdinalIgnoreCase);
        }
    }

    [Fact]
    public async Task A_locale_that_nobody_knows_is_an_error_and_leaves_nothing()
    {
        var error = await Assert.ThrowsAsync<BackupException>(() => StartAsync(new ClusterRequest { LcCollate = "xx_YY.UTF-8", LcCtype = "xx_YY.UTF-8" }));
        Assert.Contains("xx_YY.UTF-8", error.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public async Task A_start_that_fails_half_way_leaves_nothing_and_tells_what_the_server_said()
    {
        var request = new ClusterRequest { Settings = new Dictionary<string, string> { ["no_such_setting"] = "1" } };
        var error = await Assert.ThrowsAsync<BackupException>(() => StartAsync(request));
        Assert.Equal(ErrorCode.ToolFailed, error.Code);
        Assert.Contains("no_such_setting", error.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public async Task A_cancelled_start_leaves_nothing()
    {
        using var soon = new CancellationTokenSource(TimeSpan.FromMilliseconds(150));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => ThrowawayCluster.StartAsync(new ClusterRequest(), _install, Machine, soon.Token));
        Assert.Empty(Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public async Task A_folder_that_the_servers_user_may_not_enter_is_refused_in_words()
    {
        Assert.SkipUnless(Machine.IsRoot, "Only root runs the server as another user.");
        var closed = Path.Combine(_folder, "closed");
        Directory.CreateDirectory(closed, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var error = await Assert.ThrowsAsync<BackupException>(() => StartAsync(new ClusterRequest { Folder = Path.Combine(closed, "in") }));
        Assert.Equal($"The user postgres, who runs the server, may not enter {closed}/in.", error.Message);
    }

    [Fact]
    public async Task Root_without_the_servers_user_is_told_so()
    {
        Assert.SkipUnless(Machine.IsRoot, "Only root runs the server as another user.");
        var error = await Assert.ThrowsAsync<BackupException>(() => StartAsync(new ClusterRequest { RootRunsAs = "no-such-user" }));
        Assert.Equal(ErrorCode.ToolMissing, error.Code);
        Assert.Contains("no-such-user", error.NextStep, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_isolated_server_reaches_no_network_but_serves_its_socket()
    {
        await using var cluster = await StartAsync(new ClusterRequest { Isolate = true });
        Assert.Equal("1", await ScalarAsync(cluster, "SELECT '1'"));
        Assert.SkipUnless(cluster.IsIsolated, "The kernel does not allow a user namespace here.");
        var interfaces = await File.ReadAllLinesAsync($"/proc/{await ServerPidAsync(cluster)}/net/dev", Cancel);
        Assert.Equal("lo:", Assert.Single(interfaces.Skip(2)).Trim().Split(' ')[0]);
    }

    [Fact]
    public async Task What_a_killed_process_left_is_stopped_and_removed_by_the_next_start()
    {
        using var holder = Holder();
        var line = (await holder.StandardOutput.ReadLineUntilAsync("holding ", Cancel)).Split(' ');
        var (serverPid, socket) = (int.Parse(line[1], CultureInfo.InvariantCulture), line[2]);
        await using (var meanwhile = await StartAsync(new ClusterRequest()))
            Assert.True(IsAlive(serverPid), "A living process lost its server to a sweep.");

        holder.Kill();
        await holder.WaitForExitAsync(Cancel);
        Assert.True(IsAlive(serverPid));
        await using (var next = await StartAsync(new ClusterRequest()))
        {
            Assert.False(IsAlive(serverPid));
            Assert.False(Directory.Exists(socket));
            Assert.Equal(2, Directory.GetFileSystemEntries(_folder).Length); // the new one's folder and lock
        }
    }

    /// <summary>Not a test: the process that the test above kills.</summary>
    [Fact(Explicit = true)]
    public async Task Hold_a_server_until_killed()
    {
        Assert.SkipWhen(Environment.GetEnvironmentVariable(HoldFolder) is null, "Started by another test only.");
        await using var cluster = await StartAsync(new ClusterRequest());
        Console.WriteLine($"holding {await ServerPidAsync(cluster)} {cluster.SocketFolder}");
        await Task.Delay(TimeSpan.FromSeconds(120), Cancel);
    }

    private MachineEnvironment Machine => postgres.Machine with { TempFolder = _folder };

    private Task<ThrowawayCluster> StartAsync(ClusterRequest request) => ThrowawayCluster.StartAsync(request, _install, Machine, Cancel);

    private static Task<string> ScalarAsync(ThrowawayCluster cluster, string sql) => Database.ScalarAsync<string>(cluster.Url("postgres"), sql);

    private static async Task<int> ServerPidAsync(ThrowawayCluster cluster) =>
        int.Parse((await File.ReadAllLinesAsync(Path.Combine(cluster.DataFolder, "postmaster.pid"), Cancel))[0], CultureInfo.InvariantCulture);

    /// <summary>False also for a process that has ended but whose parent has not asked for its exit code.</summary>
    private static bool IsAlive(int pid) =>
        !OperatingSystem.IsLinux() || (File.Exists($"/proc/{pid}/cmdline") && File.ReadAllText($"/proc/{pid}/cmdline").Length > 0);

    private static List<string> TcpSocketsOf(int pid)
    {
        var inodes = new DirectoryInfo($"/proc/{pid}/fd").GetFiles().Select(f => f.LinkTarget ?? "").Where(t => t.StartsWith("socket:[", StringComparison.Ordinal))
            .Select(t => t["socket:[".Length..^1]).ToHashSet(StringComparer.Ordinal);
        return [.. ((string[])["tcp", "tcp6"]).Select(t => $"/proc/{pid}/net/{t}").Where(File.Exists).SelectMany(File.ReadLines)
            .Where(l => l.Split(' ', StringSplitOptions.RemoveEmptyEntries) is { Length: > 9 } parts && inodes.Contains(parts[9]))];
    }

    private Process Holder()
    {
        var info = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet") info.ArgumentList.Add(typeof(ThrowawayClusterTests).Assembly.Location);
        foreach (var argument in (string[])["-explicit", "only", "-showLiveOutput", "-method", $"{typeof(ThrowawayClusterTests).FullName}.{nameof(Hold_a_server_until_killed)}"])
            info.ArgumentList.Add(argument);
        info.Environment[HoldFolder] = _folder;
        return Process.Start(info)!;
    }
}

internal static class ReaderExtensions
{
    /// <summary>The rest of the first line that holds <paramref name="start"/>, from it on.</summary>
    public static async Task<string> ReadLineUntilAsync(this StreamReader reader, string start, CancellationToken cancel)
    {
        var seen = new List<string>();
        while (await reader.ReadLineAsync(cancel) is { } line)
        {
            if (line.IndexOf(start, StringComparison.Ordinal) is var at and >= 0) return line[at..];
            seen.Add(line);
        }

        throw new InvalidOperationException($"The other process ended: {string.Join('\n', seen)}");
    }
}
