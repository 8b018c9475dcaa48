using Backup.Core.Model;
using Backup.Core.Postgres;
using Npgsql;

namespace Backup.Core.Operations;

/// <summary>The SQL that creates the roles of a database's backups, made for what that database is.</summary>
public static class RoleSql
{
    public static async Task<IReadOnlyList<string>> ReadAsync(ConnectionTarget source, Provider provider, string role, CancellationToken cancel)
    {
        await using var session = await Connector.OpenAsync(source, "backup doctor", cancel);
        try
        {
            return await BackupRoles.CreationSqlAsync(session, await ServerFacts.ReadAsync(session, cancel), provider, role, cancel);
        }
        catch (NpgsqlException e)
        {
            throw Connector.Explain(e, source);
        }
    }
}
