namespace Backup.Lambda.Tests;

/// <summary>Real time, in which waiting takes a hundredth: pauses between attempts are passed, not waited for.</summary>
internal sealed class HurriedClock : TimeProvider
{
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        base.CreateTimer(callback, state, dueTime == Timeout.InfiniteTimeSpan ? dueTime : dueTime / 100, period == Timeout.InfiniteTimeSpan ? period : period / 100);
}
