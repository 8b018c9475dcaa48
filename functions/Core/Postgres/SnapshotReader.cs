using System.Globalization;
using System.Text.RegularExpressions;
using Backup.Core.Model;
using Npgsql;

namespace Backup.Core.Postgres;

/// <summary>Facts that the manifest needs, read inside the snapshot.</summary>
public static partial class SnapshotReader
{
    /// <summary>List-valued settings are stored as they must be written; all others need quotes.</summary>
    private static readonly HashSet<string> _listSettings = new(StringComparer.OrdinalIgnoreCase)
    {
        "local_preload_libraries", "search_path", "session_preload_libraries", "shared_preload_libraries", "temp_tablespaces", "unix_socket_directories",
    };

    public static async Task<SnapshotFacts> ReadAsync(
        NpgsqlConnection session, ServerFacts server, IReadOnlyList<SourceTable> tables, ICollection<Finding> findings, CancellationToken cancel)
    {
        var (time, lsn, xmin) = (await RowsAsync(session, """
            SELECT now(), (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END)::text,
                   pg_snapshot_xmin(pg_current_snapshot())::text
            """, r => (r.GetFieldValue<DateTimeOffset>(0), r.IsDBNull(1) ? "" : r.GetString(1), r.GetString(2)), cancel))[0];
        return new SnapshotFacts
        {
            Time = time,
            Lsn = lsn,
            Xmin = xmin,
            ServerVersion = server.Version,
            ServerMajor = server.Major,
            DatabaseBytes = server.DatabaseBytes,
            Encoding = server.Encoding,
            Collation = server.Collation,
            Ctype = server.Ctype,
            LocaleProvider = server.LocaleProvider,
            IcuLocale = server.IcuLocale,
            Standby = server.IsStandby,
            Extensions = await RowsAsync(session, """
                SELECT extname::text, extversion, nspname::text FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace ORDER BY extname COLLATE "C"
                """, r => new ExtensionFact(r.GetString(0), r.GetString(1), r.GetString(2)), cancel),
            Sequences = await SequencesAsync(session, tables, cancel),
            Roles = await RowsAsync(session, """
                SELECT DISTINCT r.rolname::text FROM pg_shdepend d JOIN pg_roles r ON r.oid = d.refobjid
                WHERE d.refclassid = 'pg_authid'::regclass
                  AND (d.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
                       OR (d.classid = 'pg_database'::regclass AND d.objid = (SELECT oid FROM pg_database WHERE datname = current_database())))
                UNION SELECT pg_get_userbyid(10)::text ORDER BY 1
                """, r => r.GetString(0), cancel),
            DatabaseSql = await DatabaseSqlAsync(session, findings, cancel),
            WithoutRows = [.. tables.Where(t => t.Kind == 'f' || (server.IsStandby && t.Unlogged && t.HasRows)).Select(t => t.Name)],
        };
    }

    /// <summary>Every schema but the system's and the excluded ones, and those that come with an extension.</summary>
    public static async Task<IReadOnlyList<SchemaFact>> SchemasAsync(NpgsqlConnection session, IReadOnlyList<string> excluded, CancellationToken cancel) =>
        [.. (await RowsAsync(session, """
            SELECT n.nspname::text, pg_get_userbyid(n.nspowner)::text FROM pg_namespace n WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
              AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_namespace'::regclass AND d.objid = n.oid AND d.deptype = 'e') ORDER BY n.nspname COLLATE "C"
            """, r => new SchemaFact(r.GetString(0), r.GetString(1)), cancel)).Where(s => !excluded.Contains(s.Name))];

    /// <summary>Values right now: nextval does not wait for snapshots, so they are read before and after the dump.</summary>
    public static async Task<IReadOnlyList<SequenceFact>> SequencesAsync(
        NpgsqlConnection session, IReadOnlyList<SourceTable> tables, CancellationToken cancel)
    {
        var result = new List<SequenceFact>();
        foreach (var batch in tables.Where(t => t.Kind == 'S').Chunk(200))
        {
            var values = string.Join(" UNION ALL ", batch.Select((s, i) => $"SELECT {i} AS n, last_value, is_called FROM {s.Name.Sql}"));
            var oids = string.Join(", ", batch.Select((s, i) => string.Create(CultureInfo.InvariantCulture, $"({i}, {s.Oid})")));
            result.AddRange(await RowsAsync(session, $"""
                SELECT v.n, v.last_value, v.is_called, q.seqincrement, q.seqcycle
                FROM ({values}) v JOIN (VALUES {oids}) o(n, oid) ON o.n = v.n JOIN pg_sequence q ON q.seqrelid = o.oid ORDER BY v.n
                """, r => new SequenceFact
                {
                    Sequence = batch[r.GetInt32(0)].Name,
                    Before = r.GetInt64(1),
                    After = r.GetInt64(1),
                    CalledBefore = r.GetBoolean(2),
                    CalledAfter = r.GetBoolean(2),
                    Increment = r.GetInt64(3),
                    Cycles = r.GetBoolean(4),
                }, cancel));
        }

        return result;
    }

    private static async Task<IReadOnlyList<string>> DatabaseSqlAsync(NpgsqlConnection session, ICollection<Finding> findings, CancellationToken cancel)
    {
        var sql = new List<string>();
        var settings = await RowsAsync(session, """
            SELECT r.rolname::text, s.setting FROM pg_db_role_setting d
            LEFT JOIN pg_roles r ON r.oid = d.setrole, unnest(d.setconfig) s(setting)
            WHERE d.setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY 1 NULLS FIRST, 2
            """, r => (Role: r.IsDBNull(0) ? null : r.GetString(0), Setting: r.GetString(1)), cancel);
        foreach (var (role, setting) in settings)
        {
            var equals = setting.IndexOf('=', StringComparison.Ordinal);
            var (name, value) = (setting[..equals], setting[(equals + 1)..]);
            if (SecretName().IsMatch(name))
            {
                findings.Add(FindingCode.SettingsSecret.On(name, $"the database setting {name} looks like a secret; its value is not in the backup",
                    "Keep it in a secret store and set it again after a restore."));
                continue;
            }

            var target = role is null ? "ALTER DATABASE {database}" : $"ALTER ROLE {TableName.Quote(role)} IN DATABASE {{database}}";
            sql.Add($"{target} SET {string.Join('.', name.Split('.').Select(TableName.Quote))} TO {(_listSettings.Contains(name) ? value : TableName.Literal(value))}");
        }

        sql.AddRange(await RowsAsync(session, """
            SELECT format('COMMENT ON DATABASE {database} IS %L', shobj_description(oid, 'pg_database')) FROM pg_database
            WHERE datname = current_database() AND shobj_description(oid, 'pg_database') IS NOT NULL
            UNION ALL
            SELECT format('ALTER DATABASE {database} CONNECTION LIMIT %s', datconnlimit) FROM pg_database
            WHERE datname = current_database() AND datconnlimit >= 0
            UNION ALL
            SELECT 'REVOKE ALL ON DATABASE {database} FROM PUBLIC' FROM pg_database WHERE datname = current_database() AND datacl IS NOT NULL
            UNION ALL
            SELECT format('GRANT %s ON DATABASE {database} TO %s%s', a.privilege_type,
                          CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
                          CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
            FROM pg_database, aclexplode(datacl) a WHERE datname = current_database()
            UNION ALL
            -- Last: from here on the database is the owner's. Since PostgreSQL 15 the owner's rights in schema public hang on this too.
            SELECT format('ALTER DATABASE {database} OWNER TO %I', pg_get_userbyid(datdba)) FROM pg_database WHERE datname = current_database()
            """, r => r.GetString(0), cancel));
        return sql;
    }

    private static async Task<List<T>> RowsAsync<T>(NpgsqlConnection session, string sql, Func<NpgsqlDataReader, T> map, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(sql, session);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        var rows = new List<T>();
        while (await reader.ReadAsync(cancel)) rows.Add(map(reader));
        return rows;
    }

    /// <summary>Names under which people keep secrets in settings.</summary>
    [GeneratedRegex("secret|password|passwd|token|key|jwt", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    public static partial Regex SecretName();
}
