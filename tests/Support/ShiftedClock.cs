namespace Backup.Tests.Support;

/// <summary>Real time, as it will be some time from now: for what waits by itself and must still be led to a certain hour.</summary>
public sealed class ShiftedClock(DateTimeOffset start) : TimeProvider
{
    private long _shift = (start - System.GetUtcNow()).Ticks;

    public override DateTimeOffset GetUtcNow() => System.GetUtcNow().AddTicks(Interlocked.Read(ref _shift));

    /// <summary>Never back.</summary>
    public void JumpTo(DateTimeOffset time)
    {
        var ahead = time - GetUtcNow();
        if (ahead > TimeSpan.Zero) Interlocked.Add(ref _shift, ahead.Ticks);
    }

    public void SetBack(TimeSpan by) => Interlocked.Add(ref _shift, -by.Ticks);
}
