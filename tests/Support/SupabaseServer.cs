using System.Globalization;
using Backup.Core.Postgres;
using Xunit;

namespace Backup.Tests.Support;

/// <summary>
/// A server as Supabase's look from inside: the superuser is supabase_admin; postgres, with whom a team works, is none and owns neither the managed schemas
/// nor what is in them. Each database is a project. Use as a class fixture.
/// </summary>
public sealed class SupabaseServer(PostgresFixture postgres) : IAsyncLifetime
{
    private static int s_counter;

    private ThrowawayCluster? _cluster;

    public async ValueTask InitializeAsync()
    {
        var request = new ClusterRequest { SuperUser = "supabase_admin", MaxConnections = 80 };
        _cluster = await ThrowawayCluster.StartAsync(request, await postgres.InstallationAsync(), postgres.Machine, CancellationToken.None);
        await Database.SqlAsync(AdminUrl("postgres"), """
            CREATE ROLE postgres LOGIN CREATEDB CREATEROLE BYPASSRLS REPLICATION;
            CREATE ROLE anon; CREATE ROLE authenticated; CREATE ROLE service_role BYPASSRLS; CREATE ROLE authenticator LOGIN NOINHERIT;
            CREATE ROLE supabase_auth_admin LOGIN CREATEROLE; CREATE ROLE supabase_storage_admin LOGIN CREATEROLE;
            GRANT anon, authenticated, service_role TO authenticator, postgres;
            """);
        if (_cluster.Installation.Major >= 15) await Database.SqlAsync(AdminUrl("postgres"), "GRANT SET ON PARAMETER session_replication_role TO postgres");
    }

    public async ValueTask DisposeAsync()
    {
        if (_cluster is not null) await _cluster.DisposeAsync();
    }

    /// <summary>Superuser.</summary>
    public string AdminUrl(string project) => _cluster!.Url(project);

    /// <summary>The team's role.</summary>
    public string Url(string project) => string.Create(CultureInfo.InvariantCulture, $"postgres://postgres@/{project}?host={_cluster!.SocketFolder}&port={_cluster.Port}");

    /// <summary>A fresh project, as it is before a team has made anything.</summary>
    /// <returns>Its database.</returns>
    public async Task<string> CreateProjectAsync()
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"project_{Interlocked.Increment(ref s_counter)}");
        await Database.SqlAsync(AdminUrl("postgres"), $"CREATE DATABASE {name} OWNER postgres");
        await Database.LoadAsync(AdminUrl(name), "supabase-project.sql");
        return name;
    }

    /// <summary>A project that has been in use.</summary>
    public async Task<string> CreateUsedProjectAsync()
    {
        var name = await CreateProjectAsync();
        await Database.LoadAsync(Url(name), "supabase-app.sql");
        return name;
    }
}
