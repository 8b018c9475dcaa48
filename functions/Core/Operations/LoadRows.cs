using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Postgres;
using Npgsql;

namespace Backup.Core.Operations;

/// <summary>The rows of large tables from the vault into a database, by several sessions. A transaction commits only when every chunk in it is the manifest's.</summary>
/// <param name="keys">Told of each table that has all of its rows while others are still loaded: makes its keys.</param>
internal sealed class LoadRows(
    RestoreRequest request, ConnectionTarget target, int serverMajor, string encoding, Toolbox tools, Action<int> count, ProgressCounter progress, Func<TableName, Task> keys)
{
    /// <returns>One worker per session; they share the loads.</returns>
    public IEnumerable<Func<Task>> Workers(IReadOnlyList<Artifact> chunks, CancellationToken cancel)
    {
        var queue = new RowLoads(RowLoad.Plan(chunks, request.Jobs));
        return Enumerable.Repeat(() => WorkAsync(queue, cancel), Math.Min(request.Jobs, queue.Count));
    }

    private async Task WorkAsync(RowLoads queue, CancellationToken cancel)
    {
        await LoadAllAsync(queue, cancel);
        // A session without rows to load makes keys meanwhile, as `pg_restore -j` does; the rest is made when all rows are in.
        while (queue.NextFull() is { } table) await keys(table);
    }

    private async Task LoadAllAsync(RowLoads queue, CancellationToken cancel)
    {
        await using var loader = await RowLoader.OpenAsync(request.LoadAs is { } user ? target with { User = user } : target, SessionSettings.Loading(serverMajor), cancel);
        while (queue.Next() is { } load)
        {
            try
            {
                await LoadAsync(loader, load, load.Freeze, cancel);
            }
            catch (BackupException e) when (load.Freeze && e.InnerException is PostgresException { SqlState: PostgresErrorCodes.DeadlockDetected })
            {
                // Checks may call functions that read the table of another session. What is not frozen needs no table for itself, so nobody waits for it.
                await LoadAsync(loader, load, freeze: false, cancel);
            }

            queue.Loaded(load);
        }
    }

    private async Task LoadAsync(RowLoader loader, RowLoad load, bool freeze, CancellationToken cancel)
    {
        var table = load.Chunks[0].LoadInto!;
        await loader.TransactionAsync(table, async () =>
        {
            var emptied = freeze && await loader.TryEmptyAsync(table, cancel);
            await using var readers = new ReadAhead(load.Chunks, chunk => ArtifactReader.OpenAsync(request.Vault, tools, chunk, raw: true, count, cancel, request.Unlocked, new RowMeter(hashing: false)));
            foreach (var chunk in load.Chunks) await LoadAsync(loader, chunk, await readers.NextAsync(), emptied, cancel);
        }, cancel);
    }

    private async Task LoadAsync(RowLoader loader, Artifact chunk, ArtifactReader opened, bool freeze, CancellationToken cancel)
    {
        await using var reader = opened;
        await using var tapped = new TapStream(reader, bytes =>
        {
            progress.Add(bytes.Length, 0);
            return ValueTask.CompletedTask;
        });
        try
        {
            // COPY would take half a chunk, and half a last line, for a whole one.
            await loader.CopyAsync(chunk.LoadInto!, RestoreByHand.CopySql(chunk, encoding, freeze), tapped, () =>
            {
                if (reader.Difference() is { } difference) throw ArtifactReader.Damaged(difference);
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
