using System.Text;
using Backup.Core.Model;
using Backup.Core.Policies;
using Backup.Core.Postgres;
using Npgsql;

namespace Backup.Core.Operations;

/// <summary>
/// Runs a policy's SQL in a restored database, in one transaction: all of it or nothing. What it says of a failure names file, line and kind of statement, tables and
/// constraints, never a value: the file and the rows are about people.
/// </summary>
internal static class ErasureRun
{
    private const string Raised = "the script, or a function or trigger, raised an error (its text is not shown: it may quote rows)";

    private static readonly HashSet<string> _kinds =
    [
        "ALTER", "ANALYZE", "CALL", "CLUSTER", "COMMENT", "CREATE", "DELETE", "DISCARD", "DO", "DROP", "EXECUTE", "GRANT", "INSERT", "LOCK", "MERGE", "NOTIFY", "PREPARE", "REFRESH", "REINDEX", "RESET",
        "REVOKE", "SELECT", "SET", "TABLE", "TRUNCATE", "UPDATE", "VACUUM", "VALUES", "WITH",
    ];

    /// <param name="file">Read and found usable.</param>
    /// <param name="target">The restored database. Names are looked up by the database's own search path, as in the application and in checks.</param>
    /// <param name="cancel">Stops the statement on the server too, and rolls back.</param>
    /// <exception cref="BackupException">restore.failed; target.unfit when the role lacks a right.</exception>
    public static async Task<AfterRestoreResult> ExecuteAsync(SqlFile file, ConnectionTarget target, CancellationToken cancel)
    {
        await using var session = await Connector.OpenAsync(target, "backup erasures", cancel);
        await SessionSettings.PinAsync(session, SessionSettings.Erasing, cancel);
        await using var transaction = await session.BeginTransactionAsync(cancel);
        long rows = 0;
        foreach (var statement in file.Statements)
        {
            try
            {
                await using var command = new NpgsqlCommand(statement.Text, session);
                rows += Math.Max(0, await command.ExecuteNonQueryAsync(cancel));
            }
            catch (PostgresException e) when (!IsLost(e))
            {
                throw Failed(file, $"line {LineOf(statement, e.Position)} ({Kind(statement)})", e);
            }
        }

        try
        {
            await transaction.CommitAsync(cancel);
        }
        catch (PostgresException e) when (!IsLost(e))
        {
            throw Failed(file, "the end, where deferred constraints are checked,", e);
        }

        return new AfterRestoreResult(file.Name, Applied: true, file.Sha256, file.Statements.Count, rows);
    }

    // The session's end says nothing about the file, and its message quotes nothing.
    private static bool IsLost(PostgresException e) => e.SqlState is PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown or PostgresErrorCodes.CannotConnectNow;

    // Without the server's exception as the cause, which --verbose would print: its text may quote a row.
    private static BackupException Failed(SqlFile file, string place, PostgresException e) => new(
        e.SqlState == PostgresErrorCodes.InsufficientPrivilege ? ErrorCode.TargetUnfit : ErrorCode.RestoreFailed,
        $"{file.Name} failed at {place}: {Why(e)} (SQLSTATE {e.SqlState}); nothing of it was applied",
        "Mend the file, or give one for what is restored here (--after-restore FILE), and try it with `backup drill`; to restore with whoever was erased since the backup: --without-erasures.");

    /// <summary>The server's own words where they can only be names; else what the code means.</summary>
    private static string Why(PostgresException e) => e.SqlState switch
    {
        // Whoever writes RAISE chooses code, text and the name of a constraint alike, and a block that makes SQL of rows has their values in its names.
        _ when IsOfProcedure(e) => Raised,
        PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.UndefinedFunction or PostgresErrorCodes.InvalidSchemaName or PostgresErrorCodes.InsufficientPrivilege
            or PostgresErrorCodes.ActiveSqlTransaction when e.Where is null => e.MessageText.ReplaceLineEndings(" "),
        PostgresErrorCodes.UndefinedColumn => "there is no such column",
        PostgresErrorCodes.SyntaxError => "the syntax is wrong",
        PostgresErrorCodes.RaiseException or PostgresErrorCodes.AssertFailure => Raised,
        _ when e.ConstraintName is { } constraint => $"it violates the constraint {constraint}{(e.TableName is { } table ? $" of {new TableName(e.SchemaName ?? "", table)}" : "")}",
        _ => "the server refused it (its text is not shown: it may quote rows)",
    };

    // In the sources of procedural languages (pl_exec.c, plpy_elog.c, plperl.c), not the planner's.
    private static bool IsOfProcedure(PostgresException e) => e.File is { } file && file.StartsWith("pl", StringComparison.Ordinal) && !file.StartsWith("plan", StringComparison.Ordinal);

    /// <summary>What is no SQL at all, such as a list of people that was taken for the file, has no first word to show.</summary>
    private static string Kind(SqlStatement statement) => statement.Words is [var word, ..] && _kinds.Contains(word) ? word : "statement";

    /// <param name="statement">As it was sent.</param>
    /// <param name="position">In characters, from 1; 0 = the server does not say.</param>
    private static int LineOf(SqlStatement statement, int position)
    {
        var line = statement.Line;
        foreach (var rune in statement.Text.EnumerateRunes())
        {
            if (--position <= 0) break;
            if (rune == new Rune('\n')) line++;
        }

        return line;
    }
}
