using Backup.Core.Operations.Serving;
using Microsoft.Extensions.DependencyInjection;
using Quartz;

namespace Backup.Cli.Serving;

/// <summary>
/// Quartz, as the clock of a service. Each planned work has one trigger, for its next time; when it fires, the one after it is set. The times themselves come from the
/// policy's schedule, which so has one meaning only. A time that was slept through fires once, as the latest one.
/// </summary>
public sealed class ServiceClock : IAsyncDisposable
{
    private const string Index = "planned";

    /// <summary>A clock that jumps, after a suspend for example, is noticed within this time.</summary>
    private static readonly TimeSpan _look = TimeSpan.FromSeconds(1);

    private readonly IReadOnlyList<PlannedWork> _plan;
    private readonly TimeProvider _clock;
    private readonly Action<Work> _ask;
    private readonly PeriodicTimer _timer;
    private IScheduler _scheduler = null!;
    private Task _review = Task.CompletedTask;

    private ServiceClock(IReadOnlyList<PlannedWork> plan, TimeProvider clock, Action<Work> ask) => (_plan, _clock, _ask, _timer) = (plan, clock, ask, new PeriodicTimer(_look, clock));

    public bool IsRunning => _scheduler.Status == SchedulerStatus.Running && !_review.IsCompleted;

    /// <param name="ask">Called at each time; must return at once.</param>
    public static async Task<ServiceClock> StartAsync(IReadOnlyList<PlannedWork> plan, TimeProvider clock, Action<Work> ask, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(plan);
        var service = new ServiceClock(plan, clock, ask);
        service._scheduler = await QuartzSchedulerBuilder.Create(q =>
        {
            q.UseTimeProvider(clock).ConfigureScheduler(o =>
            {
                o.InstanceName = $"backup-{Guid.NewGuid():n}";
                o.IdleWaitTime = _look;
            });
            q.UseDefaultThreadPool(2);
            q.Services.AddSingleton(service);
        }).BuildScheduler(cancel);
        for (var i = 0; i < plan.Count; i++)
        {
            await service._scheduler.AddJob(JobBuilder.Create<Tick>().WithIdentity($"{i}").UsingJobData(Index, i).StoreDurably().Build(), cancellationToken: cancel);
            await service.SetAsync(i, clock.GetUtcNow(), cancel);
        }

        await service._scheduler.Start(cancel);
        service._review = service.ReviewAsync();
        return service;
    }

    /// <summary>When a planned work fires next.</summary>
    public async Task<DateTimeOffset?> NextAsync(int index, CancellationToken cancel) =>
        (await _scheduler.GetTrigger(new TriggerKey($"{index}"), cancel))?.NextFireTimeUtc;

    public async ValueTask DisposeAsync()
    {
        _timer.Dispose();
        await _review;
        await _scheduler.Shutdown(waitForJobsToComplete: true, CancellationToken.None);
    }

    /// <summary>A machine that started with a wrong clock and then set it back has its next times far ahead, and would do nothing until then.</summary>
    private async Task ReviewAsync()
    {
        while (await _timer.WaitForNextTickAsync(CancellationToken.None))
        {
            var now = _clock.GetUtcNow();
            for (var i = 0; i < _plan.Count; i++)
            {
                // Less than a look ahead is a time that was just fired, early.
                if (await NextAsync(i, CancellationToken.None) > _plan[i].Times.Next(now + _look)) await SetAsync(i, now, CancellationToken.None);
            }
        }
    }

    private async Task SetAsync(int index, DateTimeOffset after, CancellationToken cancel)
    {
        var trigger = TriggerBuilder.Create<Tick>(_clock).WithIdentity($"{index}").ForJob($"{index}").StartAt(_plan[index].Times.Next(after))
            .WithSimpleSchedule(s => s.WithMisfireInstruction(SimpleTriggerMisfireInstruction.FireNow)).Build();
        if (await _scheduler.Exists(trigger.Key, cancel)) await _scheduler.RescheduleJob(trigger.Key, trigger, cancel);
        else await _scheduler.ScheduleJob(trigger, cancellationToken: cancel);
    }

    private async Task FireAsync(IJobExecutionContext context, CancellationToken cancel)
    {
        var index = Convert.ToInt32(context.MergedJobDataMap[Index], System.Globalization.CultureInfo.InvariantCulture);
        var now = _clock.GetUtcNow();
        var time = _plan[index].Times.Latest(now);
        // Quartz may fire some milliseconds early.
        if (context.ScheduledFireTimeUtc is { } planned && planned > time) time = planned;
        await SetAsync(index, time > now ? time : now, cancel);
        _ask(_plan[index].At(time));
    }

    private sealed class Tick(ServiceClock service) : IJob
    {
        public async ValueTask Execute(IJobExecutionContext context, CancellationToken cancellationToken = default) => await service.FireAsync(context, cancellationToken);
    }
}
