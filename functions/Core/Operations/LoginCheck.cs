using Backup.Core.Model;
using Backup.Core.Postgres;
using Npgsql;

namespace Backup.Core.Operations;

/// <summary>Whether a login can make a backup: it gets in, and reads what a dump reads. Takes no lock, so a running backup does not matter.</summary>
public static class LoginCheck
{
    /// <exception cref="BackupException">source.unreachable, source.pooled, source.rights with the SQL that mends it, …</exception>
    public static async Task RunAsync(ConnectionTarget target, IReadOnlyList<string> excludedSchemas, CancellationToken cancel)
    {
        await using var session = await Connector.OpenAsync(target, "backup login check", cancel);
        try
        {
            await SessionSettings.PinAsync(session, SessionSettings.Reading, cancel);
            var server = await ServerFacts.ReadAsync(session, cancel);
            await Preflight.CheckRightsAsync(session, server, excludedSchemas, cancel);
            await TableList.ReadAsync(session, excludedSchemas, cancel);
        }
        catch (NpgsqlException e)
        {
            throw Connector.Explain(e, target);
        }
    }
}
