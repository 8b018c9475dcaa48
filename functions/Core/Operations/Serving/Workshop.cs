using Backup.Core.Model;

namespace Backup.Core.Operations.Serving;

/// <summary>Does one work. Failures are exceptions or results.</summary>
public delegate Task<WorkResult> WorkAction(Work work, IProgress<Progress> progress, CancellationToken cancel);

/// <summary>
/// Does works side by side: those of one lane one after the other, a few heavy ones at a time. What is asked for twice is done once. Nothing that a work throws gets out
/// of here.
/// </summary>
public sealed class Workshop : IDisposable
{
    private const int MostRecords = 100;

    private readonly TimeProvider _clock;
    private readonly WorkAction _execute;
    private readonly Action<WorkRecord> _ended;
    private readonly Func<WorkRecord, CancellationToken, Task> _after;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, SemaphoreSlim> _lanes = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _heavy;
    private readonly List<Item> _items = [];
    private readonly List<WorkRecord> _records = [];
    private readonly Dictionary<(WorkKind, string?), WorkCount> _counts = [];
    private readonly CancellationTokenSource _closed = new();
    private readonly CancellationTokenSource _abort = new();

    /// <param name="together">Heavy works side by side.</param>
    /// <param name="ended">Called with each record, also of a follow-up that failed.</param>
    /// <param name="after">Called after each end, when the lane is free again; may ask for more.</param>
    public Workshop(TimeProvider clock, int together, WorkAction execute, Action<WorkRecord> ended, Func<WorkRecord, CancellationToken, Task> after)
    {
        (_clock, _execute, _ended, _after) = (clock, execute, ended, after);
        _heavy = new SemaphoreSlim(together);
    }

    public IReadOnlyList<RunningWork> Running => Locked(() => _items.Where(i => i.StartedAt is not null && !i.HasEnded).Select(i => new RunningWork(i.Work, i.StartedAt!.Value, i.Step)).ToList());

    public IReadOnlyList<Work> Waiting => Locked(() => _items.Where(i => i.StartedAt is null).Select(i => i.Work).ToList());

    /// <summary>Newest first.</summary>
    public IReadOnlyList<WorkRecord> Records => Locked(() => _records.AsEnumerable().Reverse().ToList());

    public IReadOnlyList<WorkCount> Counts => Locked(() => _counts.Values.ToList());

    /// <summary>Takes a work, unless it is being done or the workshop is closed. One like it that still waits becomes this one.</summary>
    public void Add(Work work)
    {
        ArgumentNullException.ThrowIfNull(work);
        lock (_gate)
        {
            if (_closed.IsCancellationRequested) return;
            if (work.ScheduledTime is not null && _items.Exists(i => i.StartedAt is not null && !i.HasEnded && i.Work == work)) return;
            if (_items.Find(i => i.StartedAt is null && i.Work.IsLike(work)) is { } waiting)
            {
                waiting.Work = work;
                return;
            }

            var item = new Item(work);
            _items.Add(item);
            item.Task = RunAsync(item);
        }
    }

    /// <summary>Until nothing waits, runs or is being followed up.</summary>
    public async Task IdleAsync()
    {
        while (Locked(() => _items.Select(i => i.Task).ToList()) is { Count: > 0 } tasks) await Task.WhenAll(tasks);
    }

    /// <summary>Takes nothing more, drops what waits, gives what runs some time, then stops it.</summary>
    /// <param name="grace">How long running works may go on.</param>
    /// <param name="atOnce">Ends the grace.</param>
    public async Task CloseAsync(TimeSpan grace, CancellationToken atOnce)
    {
        await _closed.CancelAsync();
        var idle = IdleAsync();
        using (var end = CancellationTokenSource.CreateLinkedTokenSource(atOnce))
        {
            await Task.WhenAny(idle, Task.Delay(grace, _clock, end.Token));
            await end.CancelAsync();
        }

        await _abort.CancelAsync();
        await idle;
    }

    public void Dispose()
    {
        foreach (var lane in _lanes.Values) lane.Dispose();
        _heavy.Dispose();
        _closed.Dispose();
        _abort.Dispose();
    }

    private async Task RunAsync(Item item)
    {
        try
        {
            // Up to the first wait this still is within Add, so that works queue in the order in which they were asked for.
            var lane = Locked(() => _lanes.TryGetValue(item.Work.Lane, out var known) ? known : _lanes[item.Work.Lane] = new SemaphoreSlim(1));
            var record = await InTurnAsync(lane, () => item.Work.IsHeavy ? InTurnAsync(_heavy, () => DoAsync(item)) : DoAsync(item));
            if (record is null) return;
            var followed = await GuardAsync(async () =>
            {
                await _after(record, _abort.Token);
                return record.Result;
            });
            if (followed != record.Result) Record(record with { EndedAt = _clock.GetUtcNow(), Result = followed });
        }
        finally
        {
            lock (_gate) _items.Remove(item);
        }
    }

    /// <returns>Null when the workshop was closed before its turn came.</returns>
    private async Task<WorkRecord?> InTurnAsync(SemaphoreSlim turn, Func<Task<WorkRecord?>> act)
    {
        try
        {
            await turn.WaitAsync(_closed.Token);
        }
        catch (OperationCanceledException)
        {
            return null;
        }

        try
        {
            return _closed.IsCancellationRequested ? null : await act();
        }
        finally
        {
            turn.Release();
        }
    }

    private async Task<WorkRecord?> DoAsync(Item item)
    {
        await Task.Yield(); // Add may still hold the gate
        var work = Locked(() =>
        {
            item.StartedAt = _clock.GetUtcNow();
            return item.Work;
        });
        var result = await GuardAsync(() => _execute(work, new StepProgress(item), _abort.Token));
        var record = new WorkRecord(work, item.StartedAt!.Value, _clock.GetUtcNow(), result);
        lock (_gate) item.HasEnded = true;
        Record(record);
        return record;
    }

    private async Task<WorkResult> GuardAsync(Func<Task<WorkResult>> act)
    {
        WorkResult result;
        try
        {
            result = await act();
        }
        catch (BackupException e)
        {
            result = WorkResult.Of(e);
        }
#pragma warning disable CA1031 // whatever one work does, the others must go on; the page and the log say what it was
        catch (Exception e)
#pragma warning restore CA1031
        {
            result = new WorkResult(WorkOutcome.Failed, e.Message, "Report this with the lines of the log.", ErrorCode.Internal.Name) { Detail = e.ToString() };
        }

        // Ctrl-C reaches the programs of a work too: whatever it says then is about being stopped.
        return result.Outcome == WorkOutcome.Failed && _closed.IsCancellationRequested
            ? new WorkResult(WorkOutcome.Stopped, "stopped before it was done; nothing was committed")
            : result;
    }

    private void Record(WorkRecord record)
    {
        lock (_gate)
        {
            _records.Add(record);
            if (_records.Count > MostRecords) _records.RemoveAt(0);
            if (record.Result.Outcome is WorkOutcome.Done or WorkOutcome.Failed) Count(record);
        }

        _ended(record);
    }

    private void Count(WorkRecord record)
    {
        var key = (record.Work.Kind, record.Work.Database);
        var known = _counts.GetValueOrDefault(key);
        var good = record.Result.Outcome == WorkOutcome.Done;
        _counts[key] = new WorkCount(record.Work.Kind, record.Work.Database, (known?.Succeeded ?? 0) + (good ? 1 : 0), (known?.Failed ?? 0) + (good ? 0 : 1), record);
    }

    private T Locked<T>(Func<T> read)
    {
        lock (_gate) return read();
    }

    private sealed class Item(Work work)
    {
        public Work Work { get; set; } = work;
        public Task Task { get; set; } = Task.CompletedTask;
        public DateTimeOffset? StartedAt { get; set; }
        public string Step { get; set; } = "";
        public bool HasEnded { get; set; }
    }

    private sealed class StepProgress(Item item) : IProgress<Progress>
    {
        public void Report(Progress value) => item.Step = value.StoredBytes > 0 ? $"{value.What}, {Bytes.Text(value.StoredBytes)} stored" : value.What;
    }
}
