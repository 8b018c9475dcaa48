using System.Globalization;
using Backup.Core.Model;
using Npgsql;

namespace Backup.Core.Postgres;

/// <summary>What a server says about itself and the database that the session is in; read before any snapshot.</summary>
public sealed record ServerFacts
{
    /// <summary>server_version_num, for example 150018.</summary>
    public required int VersionNumber { get; init; }
    public required string Version { get; init; }
    public required bool IsStandby { get; init; }
    public required bool IsSuperuser { get; init; }
    public required bool CanCreateDatabase { get; init; }
    public required string User { get; init; }
    public required string Encoding { get; init; }
    public required string Collation { get; init; }
    public required string Ctype { get; init; }
    public required string LocaleProvider { get; init; }
    public string? IcuLocale { get; init; }
    public required long DatabaseBytes { get; init; }
    public required int BlockSize { get; init; }

    /// <summary>How many locks the server's lock table holds for certain.</summary>
    public required long LockSlots { get; init; }

    /// <summary>Names the cluster; null where the server does not show it.</summary>
    public string? SystemIdentifier { get; init; }

    /// <summary>
    /// oid of the database, '/', timeline (a standby does not say which): another one means that transaction ids of then and now may be of different histories, though all numbers have
    /// grown: after a failover, a restore to a time, a reset branch, or when a copy has taken the name. Null where the server does not show it.
    /// </summary>
    public string? History { get; init; }

    public int Major => VersionNumber / 10000;

    public static async Task<ServerFacts> ReadAsync(NpgsqlConnection session, CancellationToken cancel)
    {
        var number = int.Parse((string)(await ScalarAsync(session, "SELECT current_setting('server_version_num')", cancel))!, CultureInfo.InvariantCulture);
        if (number < 130000)
        {
            throw new BackupException(ErrorCode.SourceLimits, $"the server is PostgreSQL {number / 10000}; the oldest that is supported is 13",
                "Upgrade the server, or copy it once by hand with pg_dump.");
        }

        var locale = number >= 170000 ? "datlocprovider::text, datlocale" : number >= 150000 ? "datlocprovider::text, daticulocale" : "'c', NULL::text";
        await using var command = new NpgsqlCommand($"""
            SELECT current_setting('server_version'), pg_is_in_recovery(), rolsuper, rolcreatedb OR rolsuper, current_user::text,
                   pg_encoding_to_char(encoding)::text, datcollate::text, datctype::text, {locale},
                   pg_database_size(d.oid), current_setting('block_size')::int,
                   current_setting('max_locks_per_transaction')::bigint
                     * (current_setting('max_connections')::bigint + current_setting('max_prepared_transactions')::bigint)
            FROM pg_database d, pg_roles r WHERE datname = current_database() AND rolname = current_user
            """, session);
        await using var row = await command.ExecuteReaderAsync(cancel);
        await row.ReadAsync(cancel);
        var facts = new ServerFacts
        {
            VersionNumber = number,
            Version = row.GetString(0),
            IsStandby = row.GetBoolean(1),
            IsSuperuser = row.GetBoolean(2),
            CanCreateDatabase = row.GetBoolean(3),
            User = row.GetString(4),
            Encoding = row.GetString(5),
            Collation = row.GetString(6),
            Ctype = row.GetString(7),
            LocaleProvider = row.GetString(8),
            IcuLocale = row.IsDBNull(9) ? null : row.GetString(9),
            DatabaseBytes = row.GetInt64(10),
            BlockSize = row.GetInt32(11),
            LockSlots = row.GetInt64(12),
        };
        await row.CloseAsync();
        return facts with
        {
            SystemIdentifier = await IfShownAsync(session, "SELECT system_identifier::text FROM pg_control_system()", cancel),
            // Neon's own name for it comes first: its branches all have PostgreSQL's timeline 1.
            History = await IfShownAsync(session, """
                SELECT d.oid || '/' || coalesce(nullif(current_setting('neon.timeline_id', true), ''),
                    CASE WHEN pg_is_in_recovery() THEN 'standby' ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int::text END)
                FROM pg_database d WHERE d.datname = current_database()
                """, cancel),
        };
    }

    private static async Task<string?> IfShownAsync(NpgsqlConnection session, string sql, CancellationToken cancel)
    {
        try
        {
            return await ScalarAsync(session, sql, cancel) as string;
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.InsufficientPrivilege or PostgresErrorCodes.UndefinedFunction or PostgresErrorCodes.FeatureNotSupported)
        {
            // Some providers close them; then source and target are told apart by host, port and name only.
            return null;
        }
    }

    private static async Task<object?> ScalarAsync(NpgsqlConnection session, string sql, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(sql, session);
        return await command.ExecuteScalarAsync(cancel);
    }
}
