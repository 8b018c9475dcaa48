using System.Diagnostics;
using System.Globalization;
using Backup.Core.Postgres;
using Npgsql;

namespace Backup.Tests.Support;

/// <summary>A pooler in transaction mode in front of a server: what providers hand out as "the" connection string, and what breaks a snapshot.</summary>
public sealed class PgBouncer : IAsyncDisposable
{
    private static readonly string[] s_places = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer", "/opt/homebrew/bin/pgbouncer", "/usr/local/bin/pgbouncer"];

    private readonly Process _process;
    private readonly DirectoryInfo _folder;

    private PgBouncer(Process process, DirectoryInfo folder, int port)
    {
        _process = process;
        _folder = folder;
        Port = port;
    }

    public int Port { get; }

    /// <summary>The same database, through the pooler.</summary>
    public string Url(string database) => string.Create(CultureInfo.InvariantCulture,
        $"postgres://postgres@127.0.0.1:{Port}/{Uri.EscapeDataString(database)}");

    /// <summary>Skips the test, or fails it in CI, when pgbouncer is not installed.</summary>
    public static async Task<PgBouncer> StartAsync(ThrowawayCluster server, int poolSize = 5)
    {
        var program = s_places.FirstOrDefault(File.Exists);
        if (program is null)
        {
            PostgresFixture.SkipOrFail("pgbouncer is not installed.", "apt-get install -y pgbouncer");
            throw new FileNotFoundException("pgbouncer");
        }

        var port = PostgresFixture.FreePort();
        var folder = Directory.CreateDirectory(Path.Combine("/tmp", $"bouncer.{Guid.NewGuid():N}"));
        var users = Path.Combine(folder.FullName, "users.txt");
        var settings = Path.Combine(folder.FullName, "pgbouncer.ini");
        await File.WriteAllTextAsync(users, $"\"postgres\" \"\"\n");
        await File.WriteAllTextAsync(settings, string.Create(CultureInfo.InvariantCulture, $"""
            [databases]
            * = host={server.SocketFolder} port={server.Port} user=postgres
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = {port}
            unix_socket_dir =
            auth_type = trust
            auth_file = {users}
            pool_mode = transaction
            default_pool_size = {poolSize}
            max_client_conn = 100
            ignore_startup_parameters = extra_float_digits,options,search_path
            """));

        // It refuses to run as root, and the server's socket folder lets in the server's user only.
        var info = new ProcessStartInfo(program, settings) { RedirectStandardError = true, RedirectStandardOutput = true, WorkingDirectory = "/" };
        if (Environment.IsPrivilegedProcess) info.UserName = "postgres";
        var process = Process.Start(info)!;
        process.ErrorDataReceived += (_, _) => { };
        process.BeginErrorReadLine();
        process.BeginOutputReadLine();
        var bouncer = new PgBouncer(process, folder, port);
        var ready = false;
        try
        {
            await bouncer.ReadyAsync();
            ready = true;
            return bouncer;
        }
        finally
        {
            if (!ready) await bouncer.DisposeAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        _folder.Delete(recursive: true);
    }

    private async Task ReadyAsync()
    {
        var clock = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                await using var connection = await Database.OpenAsync(Url("postgres"));
                return;
            }
            catch (NpgsqlException) when (clock.Elapsed < TimeSpan.FromSeconds(10) && !_process.HasExited)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(50));
            }
        }
    }
}
