using Backup.Core.Model;
using Npgsql;

namespace Backup.Core.Postgres;

/// <summary>
/// Fingerprints read by a COPY of their own: the base archive's tables in a run, every table of a restored database.
/// The same statement on both sides, so that equal rows give equal bytes.
/// </summary>
public static class Fingerprints
{
    /// <summary>Rows and hash of one table (not of its children), as COPY text in the server's encoding.</summary>
    public static Task<RowMeter> ReadAsync(
        NpgsqlConnection session, TableName table, IReadOnlyList<string> columns, string? where, string encoding, CancellationToken cancel) =>
        ReadQueryAsync(session, CopySql(table, columns, where, encoding), cancel);

    /// <param name="copySql">COPY … TO STDOUT.</param>
    internal static async Task<RowMeter> ReadQueryAsync(NpgsqlConnection session, string copySql, CancellationToken cancel)
    {
        var meter = new RowMeter(hashing: true);
        using var reader = await session.BeginTextExportAsync(copySql, cancel);
        var stream = ((StreamReader)reader).BaseStream;
        var buffer = new byte[128 * 1024];
        int count;
        while ((count = await stream.ReadAsync(buffer, cancel)) > 0) meter.Read(buffer.AsSpan(0, count));
        return meter;
    }

    public static async Task<long> CountAsync(NpgsqlConnection session, TableName table, string? where, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand($"SELECT count(*) FROM ONLY {table.Sql} {where}", session);
        return (long)(await command.ExecuteScalarAsync(cancel))!;
    }

    // COPY of a table locks the table only; COPY of a query locks its indexes too, which a small lock table cannot afford.
    // A table without columns is an error in any list, and an empty line per row without one.
    private static string CopySql(TableName table, IReadOnlyList<string> columns, string? where, string encoding)
    {
        var list = string.Join(", ", columns.Select(TableName.Quote));
        var source = where is not null ? $"(SELECT {list} FROM ONLY {table.Sql} {where})" : list.Length > 0 ? $"{table.Sql} ({list})" : table.Sql;
        return $"COPY {source} TO STDOUT WITH (ENCODING {TableName.Literal(encoding)})";
    }
}
