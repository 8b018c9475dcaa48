using System.Data;
using Backup.Core.Model;
using Npgsql;

namespace Backup.Core.Postgres;

/// <summary>
/// The one session that makes a run consistent: it holds the advisory lock, the ACCESS SHARE locks and the exported snapshot from before
/// the first byte until after the last. Its loss is fatal to the run: <see cref="Lost"/> fires, and <see cref="CommitAsync"/> throws.
/// </summary>
public sealed class SnapshotSession : IAsyncDisposable
{
    private const int LockClass = 1111704139;
    private const int BackupLock = 1;

    /// <summary>Increments exclude each other only: they go on while a backup runs for hours, and never cost a backup its turn.</summary>
    public const int IncrementLock = 2;

    private const int PlanAttempts = 3;
    private static readonly TimeSpan _heartbeat = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan _answerTime = TimeSpan.FromSeconds(5);

    private readonly ConnectionTarget _target;
    private readonly NpgsqlConnection _connection;
    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly CancellationTokenSource _lost = new();
    private readonly CancellationTokenSource _stopHeartbeat = new();
    private readonly CancellationTokenSource _abandon = new();
    private Task _heartbeatTask = Task.CompletedTask;
    private BackupException? _loss;
    private bool _committed;

    private SnapshotSession(ConnectionTarget target, NpgsqlConnection connection, ServerFacts server)
    {
        _target = target;
        _connection = connection;
        Server = server;
    }

    public ServerFacts Server { get; }

    /// <summary>Fires when the session has died. Every part of the run stops on it.</summary>
    public CancellationToken Lost => _lost.Token;

    /// <summary>Why <see cref="Lost"/> fired.</summary>
    public BackupException? Loss => _loss;

    /// <summary>Told about sessions that wait for locks of this run: application name, seconds, what it runs first words of.</summary>
    public Action<string>? Blocking { get; set; }

    public int ProcessId => _connection.ProcessID;

    /// <summary>Connects, refuses poolers, pins the settings and takes the database's advisory lock (source.busy names the holder).</summary>
    public static async Task<SnapshotSession> OpenAsync(
        ConnectionTarget target, string applicationName, CancellationToken cancel, int lockObject = BackupLock)
    {
        PoolerProbe.CheckUrl(target);
        var connection = await Connector.OpenAsync(target, applicationName, cancel);
        try
        {
            await PoolerProbe.CheckSessionsAsync(connection, target, cancel);
            await SessionSettings.PinAsync(connection, SessionSettings.Reading, cancel);
            var server = await ServerFacts.ReadAsync(connection, cancel);
            await SessionSettings.VerifyAsync(connection, SessionSettings.Reading(server.Major), cancel);
            var session = new SnapshotSession(target, connection, server);
            await session.TakeAdvisoryLockAsync(lockObject, cancel);
            return session;
        }
        catch (NpgsqlException e)
        {
            await connection.DisposeAsync();
            throw Connector.Explain(e, target);
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs before the snapshot (preflight) or inside it (facts, small tables); one statement at a time.</summary>
    public async Task<T> UseAsync<T>(Func<NpgsqlConnection, Task<T>> work, CancellationToken cancel)
    {
        await _gate.WaitAsync(cancel);
        try
        {
            if (_loss is not null) throw _loss;
            return await work(_connection);
        }
        catch (NpgsqlException e)
        {
            throw _loss ?? (_connection.State == ConnectionState.Open ? Connector.Explain(e, _target) : LostBecause(e));
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>
    /// Locks every table in scope, then takes and exports the snapshot, then lists again: if a table was replaced in between, it starts over.
    /// A snapshot alone does not protect a table that nobody has locked: TRUNCATE would give empty chunks without an error.
    /// </summary>
    public async Task<(string Snapshot, IReadOnlyList<SourceTable> Tables)> TakeSnapshotAsync(
        IReadOnlyList<string> excludedSchemas, TimeSpan lockTimeout, CancellationToken cancel, IReadOnlyList<TableName>? only = null)
    {
        for (var attempt = 1; ; attempt++)
        {
            var taken = await UseAsync(c => TryTakeAsync(c, excludedSchemas, lockTimeout, only, cancel), cancel);
            if (taken is { } result)
            {
                _heartbeatTask = Task.Run(HeartbeatAsync, CancellationToken.None);
                return result;
            }

            if (attempt == PlanAttempts)
            {
                throw new BackupException(ErrorCode.SourceChanged, $"the tables of {_target} changed {PlanAttempts} times while they were being locked",
                    "Run it again when the migration has ended.") { IsTransient = true };
            }
        }
    }

    /// <summary>
    /// After a failure elsewhere: why this session is lost, or null when it is there. A program that could not import the snapshot, or whose
    /// connection was cut, sees only the symptom.
    /// </summary>
    public async Task<BackupException?> LossAsync()
    {
        // A COPY that this run itself has cancelled closes the connection too: that is no loss.
        if (_connection.State != ConnectionState.Open) return _loss;
        using var limit = new CancellationTokenSource(_answerTime);
        try
        {
            await UseAsync(c => ScalarAsync(c, "SELECT 1", limit.Token), limit.Token);
        }
        catch (Exception e) when (e is BackupException or OperationCanceledException)
        {
            // An aborted transaction answers with an error too: only Loss counts.
        }

        return _loss;
    }

    /// <summary>The end of the run: the session must still be the one that it was. Without this there is no manifest.</summary>
    public async Task CommitAsync(CancellationToken cancel)
    {
        await _stopHeartbeat.CancelAsync();
        await _heartbeatTask.WaitAsync(cancel);
        if (_loss is not null) throw _loss;
        await UseAsync(async c =>
        {
            var pid = await ScalarAsync(c, "SELECT pg_backend_pid()", cancel) is int p ? p : 0;
            if (pid != c.ProcessID) throw LostBecause("another backend answered");
            await ExecuteAsync(c, "COMMIT", cancel);
            return 0;
        }, cancel);
        _committed = true;
    }

    public async ValueTask DisposeAsync()
    {
        await _stopHeartbeat.CancelAsync();
        await _abandon.CancelAsync(); // a server that hangs must not hold up the end of a run that has failed or was stopped
        await _heartbeatTask;
        // Closing ends transaction, snapshot and advisory lock.
        await _connection.DisposeAsync();
        _gate.Dispose();
        _lost.Dispose();
        _stopHeartbeat.Dispose();
        _abandon.Dispose();
    }

    private static async Task<(string, IReadOnlyList<SourceTable>)?> TryTakeAsync(
        NpgsqlConnection c, IReadOnlyList<string> excludedSchemas, TimeSpan lockTimeout, IReadOnlyList<TableName>? only, CancellationToken cancel)
    {
        // The list too: it asks for sizes, and that waits for whoever has a table exclusively.
        await ExecuteAsync(c, $"SET lock_timeout = {(int)lockTimeout.TotalMilliseconds}", cancel);
        var before = await TableList.ReadAsync(c, excludedSchemas, cancel, only);
        await ExecuteAsync(c, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", cancel);
        var toLock = before.Where(t => t.Kind is 'r' or 'p').Select(t => $"ONLY {t.Name.Sql}").ToList();
        try
        {
            if (toLock.Count > 0) await ExecuteAsync(c, $"LOCK TABLE {string.Join(", ", toLock)} IN ACCESS SHARE MODE", cancel);
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InvalidSchemaName)
        {
            await ExecuteAsync(c, "ROLLBACK", cancel);
            return null;
        }

        // The first statement that needs a snapshot: it is taken here, after the locks.
        var snapshot = (string)(await ScalarAsync(c, "SELECT pg_export_snapshot()", cancel))!;
        var after = await TableList.ReadAsync(c, excludedSchemas, cancel, only);
        if (Same(before, after))
        {
            await ExecuteAsync(c, "SET lock_timeout = 0", cancel);
            return (snapshot, after);
        }

        await ExecuteAsync(c, "ROLLBACK", cancel);
        return null;
    }

    private static bool Same(IReadOnlyList<SourceTable> before, IReadOnlyList<SourceTable> after) =>
        before.Count == after.Count && before.Zip(after).All(p =>
            p.First.Oid == p.Second.Oid && p.First.FileNode == p.Second.FileNode && p.First.Name == p.Second.Name
            && p.First.Columns.SequenceEqual(p.Second.Columns));

    private async Task TakeAdvisoryLockAsync(int lockObject, CancellationToken cancel)
    {
        if (await ScalarAsync(_connection, $"SELECT pg_try_advisory_lock({LockClass}, {lockObject})", cancel) is true) return;
        var holder = await ScalarAsync(_connection, $"""
            SELECT format('process %s of role %s, %s', a.pid, coalesce(a.usename, '?'), coalesce(nullif(a.application_name, ''), 'no name'))
            FROM pg_locks l JOIN pg_stat_activity a USING (pid)
            WHERE l.locktype = 'advisory' AND l.granted AND l.classid = {LockClass} AND l.objid = {lockObject} AND l.objsubid = 2
              AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
            """, cancel) as string;
        throw new BackupException(ErrorCode.SourceBusy, $"another backup of {_target} is running: {holder ?? "its session has just ended"}",
            "Wait for it to end; its progress is in the log of the host named there.") { IsTransient = true };
    }

    private async Task HeartbeatAsync()
    {
        using var timer = new PeriodicTimer(_heartbeat);
        while (true)
        {
            try
            {
                if (!await timer.WaitForNextTickAsync(_stopHeartbeat.Token)) return;
            }
            catch (OperationCanceledException)
            {
                return;
            }

            // A COPY that is running is a heartbeat itself.
            if (!await _gate.WaitAsync(0)) continue;
            try
            {
                await BeatAsync();
            }
            catch (NpgsqlException e)
            {
                LostBecause(e);
                return;
            }
            catch (OperationCanceledException)
            {
                return;
            }
            finally
            {
                _gate.Release();
            }
        }
    }

    // Who waits for this run's locks: a migration that queues behind a backup makes the application queue behind the migration.
    private async Task BeatAsync()
    {
        await ExecuteAsync(_connection, "SELECT pg_stat_clear_snapshot()", _abandon.Token);
        await using var command = new NpgsqlCommand("""
            SELECT format('process %s (%s) has waited %s s for a table that this backup reads', w.pid,
                          coalesce(nullif(w.application_name, ''), 'no name'), extract(epoch FROM clock_timestamp() - w.query_start)::int)
            FROM pg_stat_activity w
            WHERE w.wait_event_type = 'Lock' AND EXISTS (
                SELECT FROM unnest(pg_blocking_pids(w.pid)) b(pid) JOIN pg_stat_activity h ON h.pid = b.pid
                WHERE h.application_name = current_setting('application_name'))
            """, _connection);
        await using var rows = await command.ExecuteReaderAsync(_abandon.Token);
        while (await rows.ReadAsync(_abandon.Token)) Blocking?.Invoke(rows.GetString(0));
    }

    private BackupException LostBecause(NpgsqlException e) =>
        LostBecause(e is PostgresException p ? p.MessageText : e.InnerException is EndOfStreamException ? "the server closed the connection" : e.InnerException?.Message ?? e.Message);

    private BackupException LostBecause(string why)
    {
        _loss = new BackupException(ErrorCode.SourceLost, $"the session that holds the snapshot of {_target} was lost: {why}",
            "Run it again; look in the server's log for what ended the session.") { IsTransient = true };
        if (!_committed) _lost.Cancel();
        return _loss;
    }

    private static async Task ExecuteAsync(NpgsqlConnection c, string sql, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(sql, c);
        await command.ExecuteNonQueryAsync(cancel);
    }

    private static async Task<object?> ScalarAsync(NpgsqlConnection c, string sql, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(sql, c);
        return await command.ExecuteScalarAsync(cancel);
    }
}
