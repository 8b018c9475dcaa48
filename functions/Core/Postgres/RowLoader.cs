using Backup.Core.Model;
using Npgsql;

namespace Backup.Core.Postgres;

/// <summary>
/// A session that loads COPY text, each load in a transaction of its own. COPY takes whatever has arrived for the whole when its stream is closed,
/// even after an error on this side: the transaction, committed only after every check, is what makes a load all or nothing.
/// </summary>
public sealed class RowLoader : IAsyncDisposable
{
    private readonly NpgsqlConnection _connection;

    private RowLoader(NpgsqlConnection connection) => _connection = connection;

    public static async Task<RowLoader> OpenAsync(ConnectionTarget target, IEnumerable<KeyValuePair<string, string>> settings, CancellationToken cancel)
    {
        var connection = await Connector.OpenAsync(target, "backup restore", cancel);
        await using var pin = new NpgsqlCommand(SessionSettings.ToSql(settings), connection);
        await pin.ExecuteNonQueryAsync(cancel);
        return new RowLoader(connection);
    }

    /// <summary>Statistics, without which the first queries after a restore are slow and nobody knows why. Its commit waits for the disk.</summary>
    public static async Task AnalyzeAsync(ConnectionTarget target, CancellationToken cancel)
    {
        await using var connection = await Connector.OpenAsync(target, "backup restore", cancel);
        await SessionSettings.PinAsync(connection, SessionSettings.Loading, cancel);
        await using var analyze = new NpgsqlCommand("SET synchronous_commit = on; ANALYZE", connection);
        await analyze.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>Everything that <paramref name="work"/> does in this session, or nothing of it.</summary>
    /// <param name="table">For messages.</param>
    public async Task TransactionAsync(TableName table, Func<Task> work, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(work);
        try
        {
            await using var transaction = await _connection.BeginTransactionAsync(cancel);
            await work();
            await transaction.CommitAsync(cancel);
        }
        catch (Exception e) when (Explain(table, e) is { } explained)
        {
            throw explained;
        }
    }

    /// <summary>
    /// For use in a transaction: PostgreSQL freezes only what the same transaction has made or emptied. A table that has rows is left as it is, since they are somebody
    /// else's and the comparison must see them; and so is one whose owner has given that right away, as is done where rows may only be added.
    /// </summary>
    /// <returns>True when COPY … FREEZE is possible.</returns>
    public async Task<bool> TryEmptyAsync(TableName table, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(table);
        var regclass = $"{TableName.Literal(table.Sql)}::regclass";
        if (!await IsSoAsync(_connection, $"has_table_privilege({regclass}, 'TRUNCATE')", cancel)) return false;
        // Nobody adds a row between the look and the TRUNCATE.
        await ExecuteAsync($"LOCK TABLE ONLY {table.Sql} IN ACCESS EXCLUSIVE MODE", cancel);
        if (!await IsSoAsync(_connection, $"pg_relation_size({regclass}) = 0", cancel)) return false;
        await ExecuteAsync($"TRUNCATE ONLY {table.Sql}", cancel);
        return true;
    }

    /// <summary>For use in a transaction, which must end with what this throws: the server then forgets the rows.</summary>
    /// <param name="table">For messages.</param>
    /// <param name="copySql">COPY … FROM STDIN.</param>
    /// <param name="source">The rows.</param>
    /// <param name="check">Runs after the last byte; what it throws, like any error of the source, ends the COPY without its rows.</param>
    /// <param name="cancel">Ends the COPY without its rows.</param>
    public async Task CopyAsync(TableName table, string copySql, Stream source, Action check, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(check);
        try
        {
            var writer = (NpgsqlCopyTextWriter)await _connection.BeginTextImportAsync(copySql, cancel);
            try
            {
                await source.CopyToAsync(writer.BaseStream, 256 * 1024, cancel);
                check();
            }
            catch
            {
                // Disposing would send the end of the data; cancelling makes the server throw it away.
                await CancelAsync(writer);
                throw;
            }

            await writer.DisposeAsync();
        }
        catch (Exception e) when (Explain(table, e) is { } explained)
        {
            throw explained;
        }
    }

    private BackupException? Explain(TableName table, Exception error)
    {
        switch (error)
        {
            case NpgsqlException e:
                var said = e is PostgresException p ? $"{p.MessageText} (SQLSTATE {p.SqlState}{(p.Where is null ? "" : $", {FirstLine(p.Where)}")})" : e.InnerException?.Message ?? e.Message;
                return new BackupException(ErrorCode.RestoreFailed, $"loading rows into {table} failed: {said}", "Mend what the message names; then run the restore again.", e);
            case InvalidOperationException e when (_connection.State != System.Data.ConnectionState.Open):
                // The driver's word for a session that ended between two writes.
                return new BackupException(ErrorCode.RestoreFailed, $"loading rows into {table} failed: the connection was lost", "Look in the server's log; then run the restore again.", e);
            default:
                return null;
        }
    }

    /// <returns>Rows changed.</returns>
    public async Task<int> ExecuteAsync(string sql, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(sql, _connection);
        return await command.ExecuteNonQueryAsync(cancel);
    }

    public async Task<T> ReadAsync<T>(Func<NpgsqlConnection, Task<T>> read) => await read(_connection);

    public ValueTask DisposeAsync() => _connection.DisposeAsync();

    /// <param name="session">Whose database is asked.</param>
    /// <param name="condition">SQL that is true or false, never null.</param>
    /// <param name="cancel">Stops.</param>
    public static async Task<bool> IsSoAsync(NpgsqlConnection session, string condition, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand($"SELECT {condition}", session);
        return (bool)(await command.ExecuteScalarAsync(cancel))!;
    }

    private static async Task CancelAsync(NpgsqlCopyTextWriter writer)
    {
        try
        {
            await writer.CancelAsync();
        }
        catch (Exception e) when (e is NpgsqlException or InvalidOperationException)
        {
            // The session is gone, or the server has refused the rows by itself: either way it has rolled back, and the first error is the one to tell.
        }
    }

    // "COPY t, line 3, column c: …" ends with the value; a value is nobody's business in a log.
    private static string FirstLine(string where)
    {
        var colon = where.IndexOf(": ", StringComparison.Ordinal);
        return (colon < 0 ? where : where[..colon]).ReplaceLineEndings(" ");
    }
}
