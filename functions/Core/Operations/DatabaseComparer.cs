using System.Collections.Concurrent;
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
    /// <exception cref="BackupException">restore.different, naming every difference.</exception>
    public async Task CheckAsync(TableChoice chosen, CancellationToken cancel)
    {
        var differences = (await CompareAsync(chosen, cancel)).Differences().ToList();
        if (differences.Count == 0) return;
        throw new BackupException(ErrorCode.RestoreDifferent, $"{target} differs from {manifest.Id}: {string.Join("; ", differences)}",
            "Do not use this database. Verify the backup (`backup verify … --level archive`) and restore again.");
    }

    /// <summary>All of it, equal or not.</summary>
    public async Task<ComparisonResult> CompareAsync(TableChoice chosen, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(chosen);
        await using var first = await OpenAsync(cancel);
        var restored = await TableList.ReadAsync(first, [], cancel);
        var tables = restored.Where(t => t.HasRows).ToLookup(t => t.Root ?? t.Name);
        var queue = new Queue<TableFingerprint>(manifest.Fingerprints.Where(chosen.Includes).OrderByDescending(f => f.Rows));
        var compared = new ConcurrentBag<TableComparison>();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        await FirstFailure.WhenAllAsync([.. Enumerable.Range(0, Math.Max(1, jobs)).Select(_ => (Func<Task>)(() => WorkAsync(queue, tables, compared, stop.Token)))],
            stop, () => null, cancel);
        var result = new ComparisonResult { Tables = [.. compared.OrderBy(t => t.Table, TableName.Order)] };
        return result with
        {
            Sequences = Sequences(await SnapshotReader.SequencesAsync(first, [.. restored.Where(t => chosen.HasAllOf(t.Name.Schema))], cancel), chosen),
            LargeObjects = chosen.IsAll ? await LargeObjectsAsync(first, cancel) : null,
            MaterializedViews = await ViewsAsync(first, chosen, cancel),
        };
    }

    private async Task WorkAsync(
        Queue<TableFingerprint> queue, ILookup<TableName, SourceTable> tables, ConcurrentBag<TableComparison> compared, CancellationToken cancel)
    {
        await using var session = await OpenAsync(cancel);
        while (true)
        {
            TableFingerprint? expected;
            lock (queue)
            {
                if (!queue.TryDequeue(out expected)) return;
            }

            compared.Add(await CompareAsync(session, expected, [.. tables[expected.Table]], cancel));
        }
    }

    private async Task<TableComparison> CompareAsync(
        Npgsql.NpgsqlConnection session, TableFingerprint expected, IReadOnlyList<SourceTable> parts, CancellationToken cancel)
    {
        var result = new TableComparison { Table = expected.Table, ExpectedRows = expected.Rows, ExpectedHash = expected.Hash };
        if (parts.Count == 0) return result with { Difference = $"{expected.Table} is missing" };
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

        var hash = hashing ? RowMeter.Format(sum) : null;
        return result with
        {
            ActualRows = rows,
            ActualHash = hash,
            Difference = expected.Rows is { } count && rows != count ? $"{expected.Table} has {rows} rows, the manifest says {count}"
                : hash != null && hash != expected.Hash ? $"{expected.Table} has other content: fingerprint {hash}, the manifest says {expected.Hash}" : null,
        };
    }

    private List<SequenceComparison> Sequences(IReadOnlyList<SequenceFact> restored, TableChoice chosen)
    {
        var byName = restored.ToDictionary(s => s.Sequence);
        return [.. manifest.Snapshot.Sequences.Where(s => chosen.HasAllOf(s.Sequence.Schema)).Select(s => Compare(s, byName.GetValueOrDefault(s.Sequence)))];
    }

    private static SequenceComparison Compare(SequenceFact expected, SequenceFact? actual)
    {
        var result = new SequenceComparison(expected.Sequence, expected.Before, expected.After, actual?.Before, null);
        if (actual is null) return result with { Difference = $"the sequence {expected.Sequence} is missing" };
        // nextval does not wait for snapshots: the archive's value is one between before and after. A cycle has no order.
        var (low, high) = expected.Increment > 0 ? (expected.Before, expected.After) : (expected.After, expected.Before);
        var called = actual.CalledBefore ? expected.CalledAfter : !expected.CalledBefore;
        var inRange = expected.Cycles && expected.Before != expected.After ? called : called && actual.Before >= low && actual.Before <= high;
        return inRange ? result : result with
        {
            Difference = $"the sequence {expected.Sequence} is at {actual.Before}{(actual.CalledBefore ? "" : " (not used yet)")}, the manifest says {(low == high ? $"{low}" : $"{low} to {high}")}",
        };
    }

    private async Task<LargeObjectComparison?> LargeObjectsAsync(Npgsql.NpgsqlConnection session, CancellationToken cancel)
    {
        if (manifest.Snapshot.LargeObjects is not { } expected) return null;
        var actual = await LargeObjects.ReadAsync(session, hashing: comparison == Comparison.Full && expected.Hash is not null, cancel);
        return new LargeObjectComparison(expected, actual,
            actual.Count != expected.Count ? $"there are {actual.Count} large objects, the manifest says {expected.Count}"
            : actual.Hash is not null && actual.Hash != expected.Hash ? $"the large objects have other content: fingerprint {actual.Hash}, the manifest says {expected.Hash}" : null);
    }

    private async Task<IReadOnlyList<ViewComparison>> ViewsAsync(Npgsql.NpgsqlConnection session, TableChoice chosen, CancellationToken cancel)
    {
        var expected = (manifest.Snapshot.MaterializedViews ?? []).Where(v => chosen.HasAllOf(v.View.Schema)).ToList();
        if (expected.Count == 0) return [];
        await using var transaction = await session.BeginTransactionAsync(cancel);
        var byName = (await MaterializedViews.ReadAsync(session, [], counting: true, cancel)).ToDictionary(v => v.View);
        return [.. expected.Select(e => byName.TryGetValue(e.View, out var actual)
            ? new ViewComparison(e.View, e.Rows, actual.Rows, actual.Populated == e.Populated ? null
                : $"the materialised view {e.View} is {(actual.Populated ? "" : "not ")}populated, the original is {(e.Populated ? "" : "not ")}populated")
            : new ViewComparison(e.View, e.Rows, null, $"the materialised view {e.View} is missing"))];
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
