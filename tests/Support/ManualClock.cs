namespace Backup.Tests.Support;

/// <summary>A clock that moves only when told to. Timers are not provided: code under test that waits gets real time elsewhere.</summary>
public sealed class ManualClock(DateTimeOffset start) : TimeProvider
{
    public DateTimeOffset Now { get; set; } = start;

    public override DateTimeOffset GetUtcNow() => Now;

    public void Advance(TimeSpan by) => Now += by;
}
