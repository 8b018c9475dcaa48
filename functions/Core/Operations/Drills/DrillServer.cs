using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Postgres;
using Npgsql;

namespace Backup.Core.Operations.Drills;

/// <summary>
/// The throw-away server of a drill: the source's major, socket only, without network where the kernel allows it, nothing of the caller in its environment.
/// <para>
/// What is restored there is other people's code. Its superuser has a name that no backup knows, so that the source's own superuser and every other role
/// of the archive are plain roles that cannot log in. The superuser defines the schema, when there are no rows for any code to run on, and indexes,
/// keys and views after them, where PostgreSQL itself switches to the table's owner. Rows are loaded, checks added and questions asked by a role without any
/// such right.
/// </para>
/// </summary>
internal static class DrillServer
{
    /// <summary>The database that is restored.</summary>
    public const string Database = "drill";

    private const string Administrator = "backup_drill_admin";
    private const string Loader = "backup_drill_loader";

    /// <exception cref="BackupException">tool.missing, tool.version, target.unfit: this machine cannot run such a server.</exception>
    public static async Task<(ThrowawayCluster Cluster, string LoadAs)> StartAsync(
        SnapshotFacts snapshot, PostgresInstallations installations, MachineEnvironment machine, CancellationToken cancel)
    {
        var postgres = await installations.ServerForMajorAsync(snapshot.ServerMajor, cancel);
        if (postgres.Major != snapshot.ServerMajor)
        {
            throw new BackupException(ErrorCode.ToolMissing, $"the backup is of PostgreSQL {snapshot.ServerMajor}; the nearest server on this machine is {postgres.Version}",
                PostgresInstallation.InstallAdvice(snapshot.ServerMajor, server: true));
        }

        var admin = Unused(Administrator, snapshot.Roles);
        var loader = Unused(Loader, snapshot.Roles);
        var cluster = await ThrowawayCluster.StartAsync(new ClusterRequest
        {
            SuperUser = admin,
            // The database is made with the source's own encoding and provider; here it is enough that the locales exist.
            Locales = [snapshot.Collation, snapshot.Ctype],
            Isolate = true,
            Settings = new Dictionary<string, string>
            {
                ["wal_level"] = "minimal",
                ["max_wal_senders"] = "0",
                ["autovacuum"] = "off",
                ["maintenance_work_mem"] = "256MB",
                ["wal_compression"] = "off",
            },
        }, postgres, machine, cancel);
        try
        {
            await MakeRolesAsync(cluster, snapshot, loader, cancel);
            return (cluster, loader);
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    private static async Task MakeRolesAsync(ThrowawayCluster cluster, SnapshotFacts snapshot, string loader, CancellationToken cancel)
    {
        var roles = snapshot.Roles.Where(r => !r.StartsWith("pg_", StringComparison.Ordinal)).Select(TableName.Quote).ToList();
        var sql = string.Join(' ', roles.Select(r => $"CREATE ROLE {r} NOLOGIN;"))
            // Row security hides rows from questions as little as from whoever asks them at the source.
            + $" CREATE ROLE {loader} LOGIN INHERIT BYPASSRLS;"
            + (roles.Count > 0 ? $" GRANT {string.Join(", ", roles)} TO {loader};" : "")
            + (snapshot.ServerMajor >= 14 ? $" GRANT pg_read_all_data, pg_write_all_data TO {loader};" : "");
        await using var session = new NpgsqlConnection(cluster.ConnectionString("postgres"));
        await session.OpenAsync(cancel);
        await using var command = new NpgsqlCommand(sql, session);
        await command.ExecuteNonQueryAsync(cancel);
    }

    private static string Unused(string name, IReadOnlyList<string> roles)
    {
        while (roles.Contains(name)) name += "_";
        return name;
    }
}
