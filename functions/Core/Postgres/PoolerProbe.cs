using Backup.Core.Model;
using Npgsql;

namespace Backup.Core.Postgres;

/// <summary>
/// A pooler in transaction mode hands each transaction to another session: snapshots, locks and settings break, silently.
/// Recognised by the URL's form first, then by two sessions that must not see each other's settings.
/// </summary>
public static class PoolerProbe
{
    /// <summary>source.pooled when the URL alone shows a pooler. Costs no connection.</summary>
    public static void CheckUrl(ConnectionTarget target)
    {
        var host = target.Host;
        if (host.Contains("-pooler.", StringComparison.OrdinalIgnoreCase))
            throw Pooled(target, "is Neon's pooler");
        if (target.Port == 6543)
            throw Pooled(target, "is port 6543, a pooler in transaction mode");
        if (target.SaysPooled)
            throw Pooled(target, "says pgbouncer=true");
    }

    /// <summary>source.pooled when a setting made in one session is seen by another, or is lost.</summary>
    public static async Task CheckSessionsAsync(NpgsqlConnection first, ConnectionTarget target, CancellationToken cancel)
    {
        var mark = Guid.NewGuid().ToString("N");
        await using (var set = new NpgsqlCommand($"SET backup.probe = '{mark}'", first)) await set.ExecuteNonQueryAsync(cancel);
        await using var second = await Connector.OpenAsync(target, "backup probe", cancel);
        await using var transaction = await second.BeginTransactionAsync(cancel);
        var seen = await ReadAsync(second, cancel);
        var own = await ReadAsync(first, cancel);
        await transaction.RollbackAsync(cancel);
        if (seen == mark) throw Pooled(target, "gives one session's settings to another: it is a pooler in transaction mode");
        if (own != mark) throw Pooled(target, "loses a session's settings: it is a pooler in transaction mode");
    }

    /// <summary>The next step: the direct form of the URL, as far as it can be known.</summary>
    public static string DirectForm(ConnectionTarget target)
    {
        if (target.Host.Contains("-pooler.", StringComparison.OrdinalIgnoreCase))
            return $"Use the direct host {target.Host.Replace("-pooler.", ".", StringComparison.OrdinalIgnoreCase)} (in Neon's console: switch \"Connection pooling\" off).";
        if (target.Port == 6543)
            return $"Use port 5432: {target.Host}:5432 (at Supabase: \"Session pooler\" or \"Direct connection\").";
        return "Use the direct URL, that of the database server itself (usually port 5432), or a pooler in session mode.";
    }

    private static async Task<string?> ReadAsync(NpgsqlConnection session, CancellationToken cancel)
    {
        await using var get = new NpgsqlCommand("SELECT current_setting('backup.probe', true)", session);
        return await get.ExecuteScalarAsync(cancel) as string;
    }

    private static BackupException Pooled(ConnectionTarget target, string how) =>
        new(ErrorCode.SourcePooled, $"{target} {how}; a backup through it would be broken", DirectForm(target));
}
