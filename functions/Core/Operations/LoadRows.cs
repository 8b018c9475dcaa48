using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Postgres;
using Npgsql;

namespace Backup.Core.Operations;

/// <summary>What one session loads in one transaction.</summary>
/// <param name="Chunks">All of a table's, or one.</param>
/// <param name="Freeze">The rows are stored as final, where the table lets itself be emptied first: nothing else is loaded into this table, which this restore has just made.</param>
public sealed record RowLoad(IReadOnlyList<Artifact> Chunks, bool Freeze)
{
    /// <summary>
    /// A table is loaded by one session, so that its rows can be frozen: nobody then has to write every page again, neither the index builds and counts
    /// that follow nor the first VACUUM. A table that alone would keep that session busy longer than the others is loaded chunk by chunk by
    /// all of them, and so are partitions whose rows are spread by their root.
    /// </summary>
    public static IReadOnlyList<RowLoad> Plan(IReadOnlyList<Artifact> chunks, int jobs)
    {
        var fair = 1.5 * chunks.Sum(c => c.RawBytes) / jobs;
        var tables = chunks.GroupBy(c => c.LoadInto!).ToLookup(t => t.All(c => c.LoadInto == c.Table) && (jobs == 1 || t.Count() == 1 || t.Sum(c => c.RawBytes) <= fair));
        return
        [
            .. tables[true].OrderByDescending(t => t.Sum(c => c.RawBytes)).Select(t => new RowLoad([.. t], Freeze: true)),
            // Side by side in different tables, as far as there are several: two sessions that grow one table wait for each other.
            .. tables[false].SelectMany(t => t.Select((chunk, i) => (Chunk: chunk, At: (i + 0.5) / t.Count()))).OrderBy(c => c.At).Select(c => new RowLoad([c.Chunk], Freeze: false)),
        ];
    }
}

/// <summary>The rows of large tables from the vault into a database, by several sessions. A transaction commits only when every chunk in it is the manifest's.</summary>
internal sealed class LoadRows(RestoreRequest request, ConnectionTarget target, int serverMajor, string encoding, Toolbox tools, Action<int> count, ProgressCounter progress)
{
    /// <returns>One worker per session; they share the loads.</returns>
    public IEnumerable<Func<Task>> Workers(IReadOnlyList<Artifact> chunks, CancellationToken cancel)
    {
        var queue = new Queue<RowLoad>(RowLoad.Plan(chunks, request.Jobs));
        return Enumerable.Repeat(() => WorkAsync(queue, cancel), Math.Min(request.Jobs, queue.Count));
    }

    private async Task WorkAsync(Queue<RowLoad> queue, CancellationToken cancel)
    {
        await using var loader = await RowLoader.OpenAsync(request.LoadAs is { } user ? target with { User = user } : target, SessionSettings.Loading(serverMajor), cancel);
        while (true)
        {
            RowLoad? load;
            lock (queue)
            {
                if (!queue.TryDequeue(out load)) return;
            }

            try
            {
                await LoadAsync(loader, load, load.Freeze, cancel);
            }
            catch (BackupException e) when (load.Freeze && e.InnerException is PostgresException { SqlState: PostgresErrorCodes.DeadlockDetected })
            {
                // Checks may call functions that read the table of another session. What is not frozen needs no table for itself, so nobody waits for it.
                await LoadAsync(loader, load, freeze: false, cancel);
            }
        }
    }

    private async Task LoadAsync(RowLoader loader, RowLoad load, bool freeze, CancellationToken cancel)
    {
        var table = load.Chunks[0].LoadInto!;
        await loader.TransactionAsync(table, async () =>
        {
            var emptied = freeze && await loader.TryEmptyAsync(table, cancel);
            foreach (var chunk in load.Chunks) await LoadAsync(loader, chunk, emptied, cancel);
        }, cancel);
    }

    private async Task LoadAsync(RowLoader loader, Artifact chunk, bool freeze, CancellationToken cancel)
    {
        var meter = new RowMeter(hashing: false);
        await using var reader = await ArtifactReader.OpenAsync(request.Vault, tools, chunk, raw: true, count, cancel, request.Unlocked);
        await using var tapped = new TapStream(reader, bytes =>
        {
            meter.Read(bytes.Span);
            progress.Add(bytes.Length, 0);
            return ValueTask.CompletedTask;
        });
        try
        {
            // COPY would take half a chunk, and half a last line, for a whole one.
            await loader.CopyAsync(chunk.LoadInto!, RestoreByHand.CopySql(chunk, encoding, freeze), tapped, () =>
            {
                if (reader.Difference() is { } difference) throw ArtifactReader.Damaged(difference);
                if (meter.Rows != chunk.Rows || meter.Bytes != chunk.RawBytes || meter.EndsInMidLine)
                    throw ArtifactReader.Damaged($"{chunk.Key} holds {meter.Rows} rows in {meter.Bytes} bytes, the manifest says {chunk.Rows} in {chunk.RawBytes}");
            }, cancel);
        }
        catch (BackupException e) when (e.Code == ErrorCode.ToolFailed || e.Code == ErrorCode.RestoreFailed)
        {
            // The server may meet the rows that a flipped bit has garbled before gpg or zstd has noticed: the checksum knows.
            await ArtifactReader.ThrowIfDamagedAsync(request.Vault, tools, chunk, count, cancel);
            throw;
        }
    }
}
