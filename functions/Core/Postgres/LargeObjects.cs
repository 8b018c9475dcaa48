using System.Globalization;
using Backup.Core.Model;
using Npgsql;

namespace Backup.Core.Postgres;

/// <summary>
/// The number of large objects and the sum of the hashes of their content: of a source in its snapshot, of a restored database. By content, since
/// a restore fills the holes of a sparse object; in slices, since one object may have 4 TB; by functions, since only superusers read the catalog.
/// </summary>
public static class LargeObjects
{
    private const int Slice = 1 << 20;

    /// <summary>INV_READ of the server's large object interface.</summary>
    private const int ForReading = 0x40000;

    public static async Task<LargeObjectFact> ReadAsync(NpgsqlConnection session, bool hashing, CancellationToken cancel)
    {
        await using var counting = new NpgsqlCommand("SELECT count(*) FROM pg_catalog.pg_largeobject_metadata", session);
        var count = (long)(await counting.ExecuteScalarAsync(cancel))!;
        if (!hashing) return new LargeObjectFact(count, null);
        var meter = count == 0 ? new RowMeter(hashing: true) : await Fingerprints.ReadQueryAsync(session, CopySql, cancel);
        return new LargeObjectFact(count, RowMeter.Format(meter.Sum));
    }

    // One line per slice: oid, offset, bytes in hex; an empty object has one line. The size is a subquery of each row, opened, measured and closed from left
    // to right: as joins the planner would remember the size of one descriptor, whose number the next object gets again.
    private static readonly string CopySql = string.Create(CultureInfo.InvariantCulture, $"""
        COPY (SELECT part.oid, part.at, lo_get(part.oid, part.at, {Slice})
              FROM (SELECT sized.oid, generate_series(0, greatest(sized.bytes - 1, 0), {Slice}) AS at
                    FROM (SELECT m.oid, (SELECT lo_lseek64(o.descriptor, 0, 2) + lo_close(o.descriptor)
                                         FROM (SELECT lo_open(m.oid, {ForReading}) AS descriptor OFFSET 0) o) AS bytes
                          FROM pg_catalog.pg_largeobject_metadata m OFFSET 0) sized) part) TO STDOUT
        """);
}
