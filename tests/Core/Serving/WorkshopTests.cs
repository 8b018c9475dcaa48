using System.Collections.Concurrent;
using Backup.Core.Model;
using Backup.Core.Operations.Serving;

namespace Backup.Core.Tests.Serving;

/// <summary>Works side by side, one after the other, asked for twice, failing and stopped. No time is waited for: each work ends when the test says so.</summary>
public sealed class WorkshopTests
{
    private static readonly DateTimeOffset _two = new(2026, 3, 20, 2, 0, 0, TimeSpan.Zero);

    private readonly ConcurrentDictionary<Work, TaskCompletionSource<WorkResult>> _works = new();
    private readonly List<WorkRecord> _ended = [];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task One_database_is_worked_on_once_at_a_time_and_two_side_by_side_and_an_increment_and_a_watch_wait_for_nobody()
    {
        using var shop = Workshop();
        foreach (var database in (string[])["a", "b", "c"]) shop.Add(new Work(WorkKind.Backup, database, _two));
        shop.Add(new Work(WorkKind.Drill, "a", _two));
        shop.Add(new Work(WorkKind.Increment, "a", _two));
        shop.Add(new Work(WorkKind.Watch));
        await BegunAsync(new Work(WorkKind.Backup, "a", _two), new Work(WorkKind.Backup, "b", _two), new Work(WorkKind.Increment, "a", _two), new Work(WorkKind.Watch));
        Assert.Equal(4, shop.Running.Count);
        Assert.Equal(2, shop.Waiting.Count);
        End(new Work(WorkKind.Backup, "a", _two));
        await BegunAsync(new Work(WorkKind.Backup, "c", _two));
        Assert.False(_works.ContainsKey(new Work(WorkKind.Drill, "a", _two))); // two heavy ones run
        End(new Work(WorkKind.Backup, "b", _two));
        await BegunAsync(new Work(WorkKind.Drill, "a", _two));
        foreach (var work in (Work[])[new(WorkKind.Backup, "c", _two), new(WorkKind.Drill, "a", _two), new(WorkKind.Increment, "a", _two), new(WorkKind.Watch)]) End(work);
        await shop.IdleAsync();
        Assert.Equal(6, _ended.Count);
    }

    [Fact]
    public async Task What_is_asked_for_twice_is_done_once_and_what_waits_takes_the_latest_time()
    {
        using var shop = Workshop();
        var (first, next, last) = (new Work(WorkKind.Backup, "a", _two), new Work(WorkKind.Backup, "a", _two.AddDays(1)), new Work(WorkKind.Backup, "a", _two.AddDays(2)));
        shop.Add(first);
        await BegunAsync(first);
        foreach (var work in (Work[])[first, next, last, first with { ScheduledTime = null }]) shop.Add(work);
        Assert.Equal([last, first with { ScheduledTime = null }], shop.Waiting);
        End(first);
        await BegunAsync(last);
        End(last);
        await BegunAsync(first with { ScheduledTime = null });
        End(first with { ScheduledTime = null });
        await shop.IdleAsync();
        Assert.Equal([first, last, first with { ScheduledTime = null }], _ended.Select(e => e.Work));
    }

    [Fact]
    public async Task Works_of_one_database_are_done_in_the_order_in_which_they_were_asked_for()
    {
        using var shop = Workshop();
        Work[] works = [.. new[] { WorkKind.Drill, WorkKind.Backup, WorkKind.Prune, WorkKind.Verify, WorkKind.Sync }.SelectMany(k => (Work[])[new(k, "a"), new(k, "a", _two)])];
        foreach (var work in works[1..]) _works[work] = Ended();
        foreach (var work in works) shop.Add(work);
        await BegunAsync(works[0]);
        End(works[0]);
        await shop.IdleAsync();
        Assert.Equal(works, _ended.Select(e => e.Work));
    }

    [Fact]
    public async Task A_work_that_fails_in_any_way_stops_no_other_and_is_counted()
    {
        using var shop = Workshop();
        Work[] works = [new(WorkKind.Backup, "a"), new(WorkKind.Backup, "b"), new(WorkKind.Backup, "c")];
        foreach (var work in works) shop.Add(work);
        await BegunAsync(works[..2]);
        _works[works[0]].SetException(new BackupException(ErrorCode.SourceUnreachable, "it does not answer", "Look."));
        _works[works[1]].SetException(new InvalidOperationException("a defect"));
        await BegunAsync(works[2]);
        End(works[2]);
        await shop.IdleAsync();
        Assert.Equal(["a failed source.unreachable", "b failed internal", "c done "],
            _ended.Select(e => $"{e.Work.Database} {Words.Of(e.Result.Outcome)} {e.Result.Code}").Order(StringComparer.Ordinal));
        Assert.Equal([(0, 1), (0, 1), (1, 0)], shop.Counts.OrderBy(c => c.Database, StringComparer.Ordinal).Select(c => (c.Succeeded, c.Failed)));
        Assert.Contains("InvalidOperationException", _ended.Single(e => e.Work.Database == "b").Result.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_stop_begins_nothing_lets_end_what_ends_and_calls_the_rest_stopped_not_failed()
    {
        using var shop = Workshop();
        Work[] works = [new(WorkKind.Backup, "a"), new(WorkKind.Backup, "b"), new(WorkKind.Backup, "c")];
        foreach (var work in works) shop.Add(work);
        await BegunAsync(works[..2]);
        using var again = new CancellationTokenSource();
        var closed = shop.CloseAsync(TimeSpan.FromHours(1), again.Token);
        shop.Add(new Work(WorkKind.Backup, "d"));
        End(works[0]);
        await again.CancelAsync(); // the second signal: b is cancelled, an hour early
        await closed;
        Assert.Equal(["a done", "b stopped"], _ended.Select(e => $"{e.Work.Database} {Words.Of(e.Result.Outcome)}").Order(StringComparer.Ordinal));
        Assert.Equal(2, _works.Count);
    }

    [Fact]
    public async Task What_follows_a_work_and_fails_is_told_like_a_work_that_fails()
    {
        using var shop = Workshop(_ => throw new BackupException(ErrorCode.UsageWrong, "the memory of notices cannot be used", "Name a file."));
        shop.Add(new Work(WorkKind.Watch));
        await BegunAsync(new Work(WorkKind.Watch));
        End(new Work(WorkKind.Watch));
        await shop.IdleAsync();
        Assert.Equal([(WorkOutcome.Done, null), (WorkOutcome.Failed, "usage")], _ended.Select(e => (e.Result.Outcome, e.Result.Code)));
    }

    private Workshop Workshop(Action<WorkRecord>? follow = null) => new(TimeProvider.System, 2, async (work, _, cancel) =>
    {
        var end = _works.GetOrAdd(work, _ => new TaskCompletionSource<WorkResult>(TaskCreationOptions.RunContinuationsAsynchronously));
        return await end.Task.WaitAsync(cancel);
    }, record =>
    {
        lock (_ended) _ended.Add(record);
    }, (record, _) =>
    {
        follow?.Invoke(record);
        return Task.CompletedTask;
    });

    private static TaskCompletionSource<WorkResult> Ended()
    {
        var end = new TaskCompletionSource<WorkResult>();
        end.SetResult(new WorkResult(WorkOutcome.Done, "well"));
        return end;
    }

    private void End(Work work) => _works[work].SetResult(new WorkResult(WorkOutcome.Done, "well"));

    private async Task BegunAsync(params Work[] works)
    {
        while (!works.All(_works.ContainsKey)) await Task.Delay(5, Cancel);
    }
}
