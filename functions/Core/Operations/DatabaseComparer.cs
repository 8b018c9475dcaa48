using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Postgres;

namespace Backup.Core.Operations;

/// <summary>
/// Compares a restored database with its manifest: every table is there with the same rows (and, if asked, the same content), every sequence
/// stands where the archive left it. Reports all differences at once.
/// </summary>
public sealed class DatabaseComparer(ConnectionTarget target, Manifest manifest, Comparison comparison, int jobs)
{
    private readonly List<string> _differences = [];

    /// <exception cref="BackupException">restore.different, naming every difference.</exception>
    public async Task CheckAsync(TableChoice chosen, CancellationToken cancel)
    {
        await CompareAsync(chosen, cancel);
        if (_differences.Count == 0) return;
        throw new BackupException(ErrorCode.RestoreDifferent,
            $"{target} differs from {manifest.Id}: {string.Join("; ", _differences.Order(StringComparer.Ordinal))}",
            "Do not use this database. Verify the backup (`backup verify … --level archive`) and restore again.");
    }

    /// <summary>All differences in words; empty = equal as far as <see cref="Comparison"/> goes.</summary>
    public async Task<IReadOnlyList<string>> CompareAsync(TableChoice chosen, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(chosen);
        await using var first = await OpenAsync(cancel);
        var restored = (await TableList.ReadAsync(first, [], cancel)).ToList();
        if (chosen.IsAll) Compare(await SnapshotReader.SequencesAsync(first, restored, cancel));
        var tables = restored.Where(t => t.HasRows).ToLookup(t => t.Root ?? t.Name);
        var queue = new Queue<TableFingerprint>(manifest.Fingerprints.Where(chosen.Includes).OrderByDescending(f => f.Rows));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        await FirstFailure.WhenAllAsync([.. Enumerable.Range(0, Math.Max(1, jobs)).Select(_ => (Func<Task>)(() => WorkAsync(queue, tables, stop.Token)))],
            stop, () => null, cancel);
        return _differences;
    }

    private async Task WorkAsync(Queue<TableFingerprint> queue, ILookup<TableName, SourceTable> tables, CancellationToken cancel)
    {
        await using var session = await OpenAsync(cancel);
        while (true)
        {
            TableFingerprint? expected;
            lock (queue)
            {
                if (!queue.TryDequeue(out expected)) return;
            }

            await CompareAsync(session, expected, [.. tables[expected.Table]], cancel);
        }
    }

    private async Task CompareAsync(Npgsql.NpgsqlConnection session, TableFingerprint expected, IReadOnlyList<SourceTable> parts, CancellationToken cancel)
    {
        if (parts.Count == 0)
        {
            Differs($"{expected.Table} is missing");
            return;
        }

        var hashing = comparison == Comparison.Full && expected.Hash is not null;
        long rows = 0;
        UInt128 sum = 0;
        foreach (var part in parts)
        {
            if (hashing)
            {
                var meter = await Fingerprints.ReadAsync(session, part.Name, expected.Columns, expected.Where, manifest.Snapshot.Encoding, cancel);
                rows += meter.Rows;
                sum += meter.Sum;
            }
            else
            {
                rows += await Fingerprints.CountAsync(session, part.Name, expected.Where, cancel);
            }
        }

        if (expected.Rows is { } count && rows != count) Differs($"{expected.Table} has {rows} rows, the manifest says {count}");
        else if (hashing && RowMeter.Format(sum) != expected.Hash) Differs($"{expected.Table} has other content: fingerprint {RowMeter.Format(sum)}, the manifest says {expected.Hash}");
    }

    private void Compare(IReadOnlyList<SequenceFact> restored)
    {
        var byName = restored.ToDictionary(s => s.Sequence);
        foreach (var expected in manifest.Snapshot.Sequences)
        {
            if (!byName.TryGetValue(expected.Sequence, out var actual))
            {
                Differs($"the sequence {expected.Sequence} is missing");
                continue;
            }

            // nextval does not wait for snapshots: the archive's value is one between before and after. A cycle has no order.
            var (low, high) = expected.Increment > 0 ? (expected.Before, expected.After) : (expected.After, expected.Before);
            var called = actual.CalledBefore ? expected.CalledAfter : !expected.CalledBefore;
            var inRange = expected.Cycles && expected.Before != expected.After ? called : called && actual.Before >= low && actual.Before <= high;
            if (!inRange)
                Differs($"the sequence {expected.Sequence} is at {actual.Before}, the manifest says {(low == high ? $"{low}" : $"{low} to {high}")}");
        }
    }

    private void Differs(string what)
    {
        lock (_differences) _differences.Add(what);
    }

    private async Task<Npgsql.NpgsqlConnection> OpenAsync(CancellationToken cancel)
    {
        var session = await Connector.OpenAsync(target, "backup compare", cancel);
        var settings = SessionSettings.Reading(manifest.Snapshot.ServerMajor);
        await using var pin = new Npgsql.NpgsqlCommand(SessionSettings.ToSql(settings), session);
        await pin.ExecuteNonQueryAsync(cancel);
        return session;
    }
}
