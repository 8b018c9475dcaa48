using System.Net.Sockets;
using Backup.Core.Model;
using Npgsql;

namespace Backup.Core.Postgres;

/// <summary>Opens sessions and says in words why one could not be opened.</summary>
public static class Connector
{
    private const int Attempts = 3;

    /// <summary>A provider that scales to zero needs a moment to wake: transient failures are tried three times.</summary>
    public static async Task<NpgsqlConnection> OpenAsync(ConnectionTarget target, string applicationName, CancellationToken cancel, string? options = null)
    {
        var builder = target.ToNpgsql(applicationName);
        if (options is not null) builder.Options = $"{builder.Options} {options}".Trim();
        for (var attempt = 1; ; attempt++)
        {
            var connection = new NpgsqlConnection(builder.ConnectionString);
            try
            {
                await connection.OpenAsync(cancel);
                return connection;
            }
            catch (NpgsqlException e)
            {
                await connection.DisposeAsync();
                if (attempt == Attempts || !MayPass(e)) throw Explain(e, target);
            }

            await Task.Delay(TimeSpan.FromSeconds(attempt), cancel);
        }
    }

    /// <summary>The error of a statement on an open session, in this program's words.</summary>
    public static BackupException Explain(NpgsqlException e, ConnectionTarget target) => e switch
    {
        PostgresException { SqlState: PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification } =>
            new BackupException(ErrorCode.SourceUnreachable, $"{target} refuses the login: {((PostgresException)e).MessageText}",
                "Check user and password of the connection URL.", e),
        PostgresException { SqlState: PostgresErrorCodes.InvalidCatalogName } =>
            new BackupException(ErrorCode.SourceUnreachable, $"there is no database at {target}", "Check the database name at the end of the URL.", e),
        PostgresException { MessageText: var text } when text.Contains("startup parameter", StringComparison.OrdinalIgnoreCase) =>
            new BackupException(ErrorCode.SourcePooled, $"{target} is a pooler: {text}", PoolerProbe.DirectForm(target), e),
        PostgresException { SqlState: PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.DeadlockDetected } p =>
            new BackupException(ErrorCode.SourceBlocked, $"a lock in {target} was not granted in time: {p.MessageText}",
                "Wait for the migration or maintenance that holds it; then run again.", e),
        PostgresException { SqlState: PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.UndefinedColumn or PostgresErrorCodes.InvalidSchemaName } p =>
            new BackupException(ErrorCode.SourceChanged, $"the schema of {target} changed during the backup: {p.MessageText}", "Run it again when the migration has ended.", e)
            {
                IsTransient = true,
            },
        PostgresException { SqlState: PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown or PostgresErrorCodes.CannotConnectNow } p =>
            new BackupException(ErrorCode.SourceLost, $"{target} ended the session: {p.MessageText}", "Run it again when the server is up.", e) { IsTransient = true },
        PostgresException { SqlState: PostgresErrorCodes.CharacterNotInRepertoire or PostgresErrorCodes.UntranslatableCharacter } p =>
            new BackupException(ErrorCode.SourceLimits, $"{target} has the encoding SQL_ASCII and a table, column or other name that is no UTF-8 text: {p.MessageText}",
                "Rename it: names are written into the manifest, which is UTF-8. Rows may hold any bytes.", e),
        PostgresException p => new BackupException(ErrorCode.SourceUnreachable, $"{target} says: {p.MessageText} (SQLSTATE {p.SqlState})",
            "Mend what the message names; then run it again.", e),
        { InnerException: SocketException s } => new BackupException(ErrorCode.SourceUnreachable, $"{target} cannot be reached: {s.Message}",
            "Check host and port, firewall and allow-list, and that the server runs.", e) { IsTransient = true },
        _ => new BackupException(ErrorCode.SourceUnreachable, $"the connection to {target} failed: {e.InnerException?.Message ?? e.Message}",
            "Check the network and the server's log; then run it again.", e) { IsTransient = true },
    };

    private static bool MayPass(NpgsqlException e) => e.IsTransient
        || e is PostgresException { SqlState: PostgresErrorCodes.CannotConnectNow or PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.TooManyConnections };
}
