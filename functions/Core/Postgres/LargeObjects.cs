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

    // One line per slice: oid, offset, bytes in hex; an empty object has one line. Each step depends on the one before it, so that an object is
    // opened, measured and closed in this order.
    private static readonly string CopySql = string.Create(CultureInfo.InvariantCulture, $"""
        COPY (SELECT m.oid, part.at, lo_get(m.oid, part.at, {Slice})
              FROM pg_catalog.pg_largeobject_metadata m,
                   LATERAL (SELECT lo_open(m.oid, {ForReading}) AS descriptor) opened,
                   LATERAL (SELECT lo_lseek64(opened.descriptor, 0, 2) AS bytes) measured,
                   LATERAL (SELECT measured.bytes + lo_close(opened.descriptor) AS bytes) closed,
                   LATERAL generate_series(0, greatest(closed.bytes - 1, 0), {Slice}) part(at)) TO STDOUT
        """);
}
