using Backup.Core.Model;
using Npgsql;

namespace Backup.Core.Postgres;

/// <summary>
/// The settings that change what COPY prints or cut a long session off, pinned in every session that reads or writes data:
/// two servers with different defaults must print the same bytes for the same row.
/// </summary>
public static class SessionSettings
{
    /// <summary>What changes text output. Also given to pg_dump and pg_restore, which pin only some of them themselves.</summary>
    public static IReadOnlyList<KeyValuePair<string, string>> Output { get; } =
    [
        new("search_path", ""),
        new("DateStyle", "ISO, MDY"),
        new("IntervalStyle", "postgres"),
        new("TimeZone", "UTC"),
        new("extra_float_digits", "3"),
        new("bytea_output", "hex"),
        new("lc_monetary", "C"),
        new("quote_all_identifiers", "off"),
        new("xmloption", "content"),
        new("synchronize_seqscans", "off"),
    ];

    /// <summary>For our own reading sessions: rows that row security would hide are an error, and page ranges use a range scan.</summary>
    public static IReadOnlyList<KeyValuePair<string, string>> Reading(int serverMajor) =>
        [.. Output, new("row_security", "off"), .. serverMajor >= 14 ? [new KeyValuePair<string, string>("enable_tidscan", "on")] : (KeyValuePair<string, string>[])[], .. Timeouts(serverMajor)];

    /// <summary>
    /// For sessions that load: the target's defaults must not make it read-only or change the meaning of text. Commits need not wait for the
    /// disk one by one, since the restore ends with a commit that does, before anything is called restored.
    /// </summary>
    public static IReadOnlyList<KeyValuePair<string, string>> Loading(int serverMajor) =>
        [.. Output, new("default_transaction_read_only", "off"), new("synchronous_commit", "off"), .. Timeouts(serverMajor)];

    /// <summary>
    /// For a policy's own statements: the database's search path stays, text means what it means in checks, and rows that row security would hide from a DELETE are an error
    /// instead of rows that stay. The commit waits for the disk: it may be a restore's last.
    /// </summary>
    public static IReadOnlyList<KeyValuePair<string, string>> Erasing(int serverMajor) =>
        [.. Output.Where(s => s.Key != "search_path"), new("standard_conforming_strings", "on"), new("row_security", "off"), new("default_transaction_read_only", "off"), new("synchronous_commit", "on"), .. Timeouts(serverMajor)];

    /// <summary>For sessions that look at a target, make, rename and remove databases: a default of the target must not stop them half-way.</summary>
    public static IReadOnlyList<KeyValuePair<string, string>> Administering(int serverMajor) => [new("default_transaction_read_only", "off"), .. Timeouts(serverMajor)];

    public static string ToSql(IEnumerable<KeyValuePair<string, string>> settings) =>
        string.Join(' ', settings.Select(s => $"SET {s.Key} = {TableName.Literal(s.Value)};"));

    public static async Task PinAsync(NpgsqlConnection session, Func<int, IReadOnlyList<KeyValuePair<string, string>>> settings, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(session);
        await using var pin = new NpgsqlCommand(ToSql(settings(session.PostgreSqlVersion.Major)), session);
        await pin.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>Fails when a value did not arrive: a proxy that drops settings would change the text of the rows.</summary>
    public static async Task VerifyAsync(NpgsqlConnection session, IEnumerable<KeyValuePair<string, string>> settings, CancellationToken cancel)
    {
        foreach (var (name, value) in settings)
        {
            await using var show = new NpgsqlCommand($"SELECT current_setting('{name}')", session);
            var actual = (string?)await show.ExecuteScalarAsync(cancel) ?? "";
            if (actual == value || (value.Length == 0 && actual is "\"\"")) continue;
            throw new BackupException(ErrorCode.SourcePooled,
                $"the setting {name} of the session is \"{actual}\" although \"{value}\" was asked for; something between here and the server drops session settings",
                "Use the direct connection URL of the database, not the one of a pooler or proxy.");
        }
    }

    private static KeyValuePair<string, string>[] Timeouts(int serverMajor) =>
    [
        new("statement_timeout", "0"),
        new("lock_timeout", "0"),
        new("idle_in_transaction_session_timeout", "0"),
        .. serverMajor >= 14 ? [new KeyValuePair<string, string>("idle_session_timeout", "0")] : (KeyValuePair<string, string>[])[],
        .. serverMajor >= 17 ? [new KeyValuePair<string, string>("transaction_timeout", "0")] : (KeyValuePair<string, string>[])[],
    ];
}
