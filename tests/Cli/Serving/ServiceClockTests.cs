using System.Collections.Concurrent;
using Backup.Cli.Serving;
using Backup.Core.Operations.Serving;
using Backup.Core.Policies;
using Backup.Tests.Support;

namespace Backup.Cli.Tests.Serving;

/// <summary>Quartz does what the policy's schedule says, no matter what the clock does.</summary>
public sealed class ServiceClockTests
{
    // Far from any daylight saving rule that a machine could have; a Friday.
    private static readonly DateTimeOffset _noon = new(2030, 3, 1, 12, 0, 0, TimeSpan.Zero);

    private readonly ConcurrentQueue<Work> _asked = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task It_fires_next_when_the_schedule_says_weekdays_and_either_day_and_month_ends_included()
    {
        string[] crons = ["0 2 * * *", "*/5 * * * *", "30 4 * * 0", "30 4 * * 7", "0 3 * * MON-FRI", "0 0 1 * *", "0 0 13 * 5", "15 1 */2 * 1", "59 23 31 * *", "0 0 29 2 *", "0 12 * JAN,JUL SAT"];
        PlannedWork[] plan = [.. crons.Select(c => new PlannedWork(WorkKind.Backup, c, Timetable.Of(c))), new(WorkKind.Increment, "90m", Timetable.Every([TimeSpan.FromMinutes(90)]))];
        await using var clock = await ServiceClock.StartAsync(plan, new ShiftedClock(_noon), _asked.Enqueue, Cancel);
        Assert.True(clock.IsRunning);
        for (var i = 0; i < crons.Length; i++) Assert.Equal(Schedule.Parse(crons[i]).Next(_noon.AddSeconds(5)), await clock.NextAsync(i, Cancel));
        Assert.Equal(_noon.AddMinutes(90), await clock.NextAsync(crons.Length, Cancel));
    }

    [Fact]
    public async Task A_time_fires_once_with_that_time_and_times_that_were_slept_through_fire_once_as_the_latest()
    {
        var time = new ShiftedClock(_noon);
        await using var clock = await ServiceClock.StartAsync([new PlannedWork(WorkKind.Backup, "db", Timetable.Of("0 * * * *"))], time, _asked.Enqueue, Cancel);
        time.JumpTo(_noon.AddHours(1).AddMilliseconds(-50));
        await AskedAsync(1);
        Assert.Equal(_noon.AddHours(2), await NextAsync(clock, _noon.AddHours(2)));
        time.JumpTo(_noon.AddHours(50).AddMinutes(20)); // a laptop that was shut for two days
        await AskedAsync(2);
        Assert.Equal(_noon.AddHours(51), await NextAsync(clock, _noon.AddHours(51)));
        Assert.Equal([_noon.AddHours(1), _noon.AddHours(50)], _asked.Select(w => w.ScheduledTime));
    }

    [Fact]
    public async Task A_clock_that_was_years_ahead_and_is_set_right_does_not_silence_the_service()
    {
        var time = new ShiftedClock(_noon.AddYears(6));
        await using var clock = await ServiceClock.StartAsync([new PlannedWork(WorkKind.Backup, "db", Timetable.Of("0 * * * *"))], time, _asked.Enqueue, Cancel);
        Assert.Equal(_noon.AddYears(6).AddHours(1), await clock.NextAsync(0, Cancel));
        time.SetBack(_noon.AddYears(6) - _noon);
        Assert.Equal(_noon.AddHours(1), await NextAsync(clock, _noon.AddHours(1)));
        time.JumpTo(_noon.AddHours(1).AddMilliseconds(-50));
        await AskedAsync(1);
        Assert.Equal([_noon.AddHours(1)], _asked.Select(w => w.ScheduledTime));
        Assert.True(clock.IsRunning);
    }

    private async Task AskedAsync(int count)
    {
        while (_asked.Count < count) await Task.Delay(20, Cancel);
    }

    // The next trigger is set before the work is asked for; the scheduler may show the old one for a moment longer.
    private static async Task<DateTimeOffset?> NextAsync(ServiceClock clock, DateTimeOffset expected)
    {
        for (var i = 0; i < 200 && await clock.NextAsync(0, Cancel) != expected; i++) await Task.Delay(20, Cancel);
        return await clock.NextAsync(0, Cancel);
    }
}
