using System.Diagnostics;
using System.Globalization;
using System.Text;
using Backup.Core.Machine;
using Backup.Core.Model;
using Npgsql;

namespace Backup.Core.Postgres;

/// <summary>
/// A private PostgreSQL server that lives as long as this object: for drills, the demo and tests. It listens on a socket in a folder that
/// only its own user (and root) may enter; whoever can enter is superuser without a password. Its environment holds no secret of the caller.
/// Disposing stops it and removes everything; what a killed process left is removed by the next start below the same folder.
/// </summary>
public sealed class ThrowawayCluster : IAsyncDisposable
{
    private readonly ClusterFolder _folder;
    private readonly ToolProcess _server;
    private readonly ToolCommand _stop;

    private ThrowawayCluster(ClusterFolder folder, ToolProcess server, ToolCommand stop, PostgresInstallation installation, ClusterRequest request, bool isolated)
    {
        _folder = folder;
        _server = server;
        _stop = stop;
        Installation = installation;
        Port = request.TcpPort ?? 5432;
        SuperUser = request.SuperUser;
        IsIsolated = isolated;
    }

    /// <summary>The role that initdb made; a superuser.</summary>
    public string SuperUser { get; }

    public PostgresInstallation Installation { get; }

    /// <summary>The host to give to clients.</summary>
    public string SocketFolder => _folder.Socket;
    public int Port { get; }
    public string DataFolder => _folder.Data;

    /// <summary>True when the server was cut off from every network.</summary>
    public bool IsIsolated { get; }

    /// <summary>The end of the server's log, 16 KiB at most. Details of errors are left out of it, since they quote rows.</summary>
    public string LogTail => _server.ErrorText;

    /// <summary>Completes when the server has ended, with its exit code.</summary>
    public Task<int> Exited => _server.Exited;

    /// <summary>For Npgsql. No pool: a database could not be dropped or copied while idle connections hold it.</summary>
    public string ConnectionString(string database) => new NpgsqlConnectionStringBuilder
    {
        Host = SocketFolder,
        Port = Port,
        Username = SuperUser,
        Database = database,
        Pooling = false,
        CommandTimeout = 0,
    }.ConnectionString;

    /// <summary>For a policy or the command line: <c>postgres://postgres@/name?host=/tmp/bk.1-0a&amp;port=5432</c>.</summary>
    public string Url(string database) =>
        string.Create(CultureInfo.InvariantCulture, $"postgres://{Uri.EscapeDataString(SuperUser)}@/{Uri.EscapeDataString(database)}?host={SocketFolder}&port={Port}");

    /// <summary>Sweeps leftovers, makes a cluster and returns when it accepts connections.</summary>
    /// <exception cref="BackupException">
    /// tool.missing: server programs or their user. target.unfit: a locale or a folder. tool.failed: initdb or the start, with the log's end.
    /// </exception>
    public static async Task<ThrowawayCluster> StartAsync(ClusterRequest request, PostgresInstallation install, MachineEnvironment machine, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(install);
        ArgumentNullException.ThrowIfNull(machine);
        var owner = machine.IsRoot ? await UserAsync(request.RootRunsAs, machine, cancel) : null;
        var parent = Parent(request, owner, machine);
        await ClusterFolder.SweepAsync(parent, install.Tool("pg_ctl"), owner, machine, cancel);

        var folder = await ClusterFolder.CreateAsync(parent, owner, machine, cancel);
        ToolProcess? server = null;
        var started = false;
        try
        {
            var locPath = await ClusterLocales.EnsureAsync([request.LcCollate, request.LcCtype, .. request.Locales], folder, owner, machine, cancel);
            var environment = ServerEnvironment(folder, locPath, machine);
            ToolCommand Command(string path, params IReadOnlyList<string> arguments) =>
                new() { Path = path, Arguments = arguments, Environment = environment, UserName = owner, WorkingDirectory = folder.Root };

            await ToolProcess.CheckAsync(Command(install.Tool("initdb"), InitArguments(request, folder)), null, cancel);
            await File.AppendAllTextAsync(Path.Combine(folder.Data, "postgresql.conf"), Configuration(request, folder), cancel);

            var serve = Command(install.Tool("postgres"), "-D", folder.Data);
            var isolated = request.Isolate && await CanIsolateAsync(Command("unshare", [.. Unshare, "true"]), cancel);
            if (isolated) serve = Command("unshare", [.. Unshare, serve.Path, .. serve.Arguments]);
            server = ToolProcess.Start(serve);
            await ReadyAsync(server, folder, request.StartTimeout, cancel);
            var stop = Command(install.Tool("pg_ctl"), "stop", "-D", folder.Data, "-m", "fast", "-t", "30");
            var cluster = new ThrowawayCluster(folder, server, stop, install, request, isolated);
            started = true;
            return cluster;
        }
        finally
        {
            if (!started)
            {
                if (server is not null) await server.DisposeAsync();
                await folder.DisposeAsync();
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        // Its exit code does not matter: a server that did not stop in time, or is dead already, is killed and removed all the same.
        if (!_server.Exited.IsCompleted) await ToolProcess.RunAsync(_stop, null, CancellationToken.None);
        await _server.DisposeAsync();
        await _folder.DisposeAsync();
    }

    private static readonly IReadOnlyList<string> Unshare = ["--user", "--map-current-user", "--net", "--"];

    private static async Task<string> UserAsync(string user, MachineEnvironment machine, CancellationToken cancel)
    {
        var result = await ToolProcess.RunAsync(new ToolCommand { Path = "id", Arguments = ["-u", "--", user], Environment = machine.ForTool() }, null, cancel);
        return result.ExitCode == 0 && result.Output.Trim() != "0"
            ? user
            : throw new BackupException(ErrorCode.ToolMissing, $"PostgreSQL does not run as root, and there is no user {user} to run it as.",
                $"Run this as another user, or: useradd --system {user}");
    }

    private static string Parent(ClusterRequest request, string? owner, MachineEnvironment machine)
    {
        var wanted = request.Folder ?? machine.TempFolder;
        if (owner is null || ClusterFolder.OthersMayEnter(wanted)) return wanted;
        // root's own temp folder is often closed to others (pam_tmpdir); a folder that was asked for is not replaced by another disk's.
        if (request.Folder is null && ClusterFolder.OthersMayEnter("/tmp")) return "/tmp";
        throw new BackupException(ErrorCode.TargetUnfit, $"The user {owner}, who runs the server, may not enter {wanted}.",
            $"Name a folder that {owner} may pass through, or chmod o+x it and the folders above it.");
    }

    /// <summary>Nothing of the caller's but where programs are: restored code runs in this server.</summary>
    private static Dictionary<string, string> ServerEnvironment(ClusterFolder folder, string? locPath, MachineEnvironment machine)
    {
        var environment = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["PATH"] = machine["PATH"] ?? "/usr/bin:/bin", ["HOME"] = folder.Root, ["TMPDIR"] = folder.Root, ["LC_ALL"] = "C", ["TZ"] = "UTC",
        };
        if (locPath is not null) environment["LOCPATH"] = locPath;
        return environment;
    }

    private static List<string> InitArguments(ClusterRequest request, ClusterFolder folder)
    {
        // auth-host costs nothing without a TCP port, and with one it is what asks for the password.
        List<string> arguments =
        [
            "-D", folder.Data, "-U", request.SuperUser, "-E", request.Encoding, "--locale=C", $"--lc-collate={request.LcCollate}", $"--lc-ctype={request.LcCtype}",
            "--auth-local=trust", "--auth-host=scram-sha-256", "--no-sync", "--no-instructions",
        ];
        if (request.LocaleProvider is not { } provider) return arguments;
        arguments.Add($"--locale-provider={provider}");
        if (request.ProviderLocale is { } name) arguments.Add($"--{provider}-locale={name}");
        return arguments;
    }

    private static string Configuration(ClusterRequest request, ClusterFolder folder)
    {
        var settings = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["listen_addresses"] = request.TcpPort is null ? "" : "127.0.0.1",
            ["port"] = (request.TcpPort ?? 5432).ToString(CultureInfo.InvariantCulture),
            ["unix_socket_directories"] = folder.Socket,
            ["unix_socket_permissions"] = "0700",
            ["max_connections"] = request.MaxConnections.ToString(CultureInfo.InvariantCulture),
            ["max_locks_per_transaction"] = "256", // one transaction locks every table of a restored database
            ["shared_buffers"] = "128MB",
            ["max_wal_size"] = "2GB", // few checkpoints while data is loaded; more would need the disk for it
            ["checkpoint_timeout"] = "30min",
            ["jit"] = "off",
            ["timezone"] = "UTC",
            ["log_timezone"] = "UTC",
            // A log line must quote neither rows nor statements: roles are created with passwords in them.
            ["log_error_verbosity"] = "terse",
            ["log_min_error_statement"] = "panic",
        };
        if (!request.Durable)
            foreach (var name in (string[])["fsync", "full_page_writes", "synchronous_commit"]) settings[name] = "off";
        // Small containers come without the shared memory file system.
        if (OperatingSystem.IsLinux() && !Directory.Exists("/dev/shm")) settings["dynamic_shared_memory_type"] = "mmap";
        foreach (var (name, value) in request.Settings) settings[name] = value;

        var text = new StringBuilder("\n");
        foreach (var (name, value) in settings)
            text.Append(CultureInfo.InvariantCulture, $"{name} = '{value.Replace("'", "''", StringComparison.Ordinal)}'\n");
        return text.ToString();
    }

    private static async Task<bool> CanIsolateAsync(ToolCommand probe, CancellationToken cancel)
    {
        try
        {
            return (await ToolProcess.RunAsync(probe, null, cancel)).ExitCode == 0;
        }
        catch (BackupException e) when (e.Code == ErrorCode.ToolMissing)
        {
            return false; // not Linux
        }
    }

    /// <summary>The server writes its state into the eighth line of postmaster.pid; asking it by connections would fill its log with refusals.</summary>
    private static async Task ReadyAsync(ToolProcess server, ClusterFolder folder, TimeSpan timeout, CancellationToken cancel)
    {
        var pidFile = Path.Combine(folder.Data, "postmaster.pid");
        var clock = Stopwatch.StartNew();
        while (clock.Elapsed < timeout)
        {
            if (server.Exited.IsCompleted) throw server.Failure(await server.Exited);
            if (File.Exists(pidFile) && await File.ReadAllLinesAsync(pidFile, cancel) is { Length: >= 8 } lines && lines[7].Trim() == "ready") return;
            await Task.Delay(TimeSpan.FromMilliseconds(20), cancel);
        }

        throw new BackupException(ErrorCode.ToolFailed, $"The throw-away PostgreSQL server was not ready after {timeout.TotalSeconds:0} s: {LastLine(server.ErrorText)}",
            "Look at the machine's load and disk; then run it again.");
    }

    private static string LastLine(string text) => text.TrimEnd().Split('\n')[^1];
}
