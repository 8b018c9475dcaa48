using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Postgres;
using Xunit;

namespace Backup.Tests.Support;

/// <summary>
/// One real PostgreSQL server per test assembly, started by the first test that asks for it. Use:
/// <c>[assembly: AssemblyFixture(typeof(PostgresFixture))]</c> and a constructor parameter.
/// Without PostgreSQL a test is skipped on a laptop and fails in CI, with the command that installs it.
/// </summary>
public sealed class PostgresFixture : IAsyncDisposable
{
    private static int s_counter;

    private readonly Lazy<Task<ThrowawayCluster>> _cluster;
    private readonly Lazy<Task<ThrowawayCluster>> _quiet;
    private readonly Lazy<Task<PasswordServer>> _passwordServer;

    public PostgresFixture()
    {
        Machine = MachineEnvironment.Read();
        Installations = new PostgresInstallations(Machine);
        _cluster = new(() => StartAsync(new ClusterRequest { MaxConnections = 100 }));
        _quiet = new(() => StartAsync(new ClusterRequest { Settings = new Dictionary<string, string> { ["max_prepared_transactions"] = "10" } }));
        _passwordServer = new(StartPasswordServerAsync);
    }

    public MachineEnvironment Machine { get; }
    public PostgresInstallations Installations { get; }

    /// <summary>Sockets only, superuser without a password.</summary>
    public Task<ThrowawayCluster> ClusterAsync() => OrSkipAsync(_cluster.Value);

    /// <summary>The programs of the newest server here, for tests that start their own.</summary>
    public Task<PostgresInstallation> InstallationAsync() => OrSkipAsync(Installations.NewestServerAsync(CancellationToken.None));

    /// <summary>127.0.0.1 only, a role that needs its password.</summary>
    public Task<PasswordServer> PasswordServerAsync() => OrSkipAsync(_passwordServer.Value);

    /// <summary>A database nobody else has. Anything but the defaults is copied from template0.</summary>
    /// <param name="name">Part of the name, may hold any character; the whole is made unique.</param>
    public async Task<TestDatabase> CreateDatabaseAsync(string? name = null, string? template = null, string? encoding = null, string? locale = null, string? owner = null)
    {
        var cluster = await ClusterAsync();
        return await CreateAsync(cluster.Url, cluster.Url("postgres"), name, template, encoding, locale, owner);
    }

    /// <summary>
    /// As the first, on a server where no other test has a transaction open: for one collection of tests, which look at the server's transaction
    /// horizon and prepare transactions.
    /// </summary>
    public async Task<TestDatabase> CreateQuietDatabaseAsync(string name)
    {
        var cluster = await OrSkipAsync(_quiet.Value);
        return await CreateAsync(cluster.Url, cluster.Url("postgres"), name, null, null, null, null);
    }

    /// <summary>As the first, on the server that asks for passwords; the database belongs to the password role and so does the URL.</summary>
    public async Task<TestDatabase> CreatePasswordDatabaseAsync(string? name = null)
    {
        var server = await PasswordServerAsync();
        return await CreateAsync(server.Url, server.AdminUrl("postgres"), name, null, null, null, PasswordServer.Role);
    }

    public async ValueTask DisposeAsync()
    {
        if (_cluster.IsValueCreated && _cluster.Value.IsCompletedSuccessfully) await (await _cluster.Value).DisposeAsync();
        if (_quiet.IsValueCreated && _quiet.Value.IsCompletedSuccessfully) await (await _quiet.Value).DisposeAsync();
        if (_passwordServer.IsValueCreated && _passwordServer.Value.IsCompletedSuccessfully) await (await _passwordServer.Value).Cluster.DisposeAsync();
    }

    /// <summary>The rule for everything that a test needs from the machine.</summary>
    public static void SkipOrFail(string what, string command)
    {
        if (Environment.GetEnvironmentVariable("CI") == "true") Assert.Fail($"{what} Run: {command}");
        Assert.Skip($"{what} To run this test: {command}");
    }

    internal static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static async Task<T> OrSkipAsync<T>(Task<T> task)
    {
        try
        {
            return await task;
        }
        catch (BackupException e) when (e.Code == ErrorCode.ToolMissing)
        {
            SkipOrFail(e.Message, e.NextStep);
            throw;
        }
    }

    private static async Task<TestDatabase> CreateAsync(Func<string, string> url, string adminUrl, string? name, string? template, string? encoding, string? locale, string? owner)
    {
        var unique = string.Create(CultureInfo.InvariantCulture, $"{name ?? "test"}_{Interlocked.Increment(ref s_counter)}");
        var sql = $"CREATE DATABASE {Database.Quoted(unique)}";
        if (template is not null || encoding is not null || locale is not null) sql += $" TEMPLATE {Database.Quoted(template ?? "template0")}";
        if (encoding is not null) sql += $" ENCODING '{encoding}'";
        if (locale is not null) sql += $" LC_COLLATE '{locale}' LC_CTYPE '{locale}'";
        if (owner is not null) sql += $" OWNER {Database.Quoted(owner)}";
        await Database.SqlAsync(adminUrl, sql);
        return new TestDatabase(unique, url(unique), adminUrl);
    }

    private async Task<ThrowawayCluster> StartAsync(ClusterRequest request) =>
        await ThrowawayCluster.StartAsync(request, await Installations.NewestServerAsync(CancellationToken.None), Machine, CancellationToken.None);

    private async Task<PasswordServer> StartPasswordServerAsync()
    {
        var server = new PasswordServer(await StartAsync(new ClusterRequest { TcpPort = FreePort() }));
        await Database.SqlAsync(server.AdminUrl("postgres"), $"CREATE ROLE {PasswordServer.Role} LOGIN CREATEDB PASSWORD '{PasswordServer.Password}'");
        return server;
    }
}

/// <summary>A server on 127.0.0.1 that asks for a password. The password is a word that tests look for in every output.</summary>
public sealed record PasswordServer(ThrowawayCluster Cluster)
{
    public const string Role = "app_role";

    /// <summary>Every character that a URL, a shell, a passfile or a connection string may break on.</summary>
    public const string Password = "s3cr3t:\\/@?&= %;";

    public static string Host => "127.0.0.1";
    public int Port => Cluster.Port;

    public string Url(string database) => Url(database, Password);

    public string Url(string database, string password) => string.Create(CultureInfo.InvariantCulture,
        $"postgres://{Role}:{Uri.EscapeDataString(password)}@{Host}:{Port}/{Uri.EscapeDataString(database)}");

    /// <summary>Superuser, over the socket.</summary>
    public string AdminUrl(string database) => Cluster.Url(database);
}
