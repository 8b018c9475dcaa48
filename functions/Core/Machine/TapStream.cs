using System.Diagnostics;

namespace Backup.Core.Machine;

/// <summary>Shows every byte to a tap as it passes, in order. A tap that throws fails the stream.</summary>
/// <param name="waited">Told how long each read waited for the source.</param>
/// <param name="tapped">Told how long each tap took.</param>
public sealed class TapStream(
    Stream source, Func<ReadOnlyMemory<byte>, ValueTask> tap, Action<TimeSpan>? waited = null, Action<TimeSpan>? tapped = null) : ReadOnlyStream
{
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var started = Stopwatch.GetTimestamp();
        var count = await source.ReadAsync(buffer, cancellationToken);
        waited?.Invoke(Stopwatch.GetElapsedTime(started));
        if (count == 0) return 0;
        started = Stopwatch.GetTimestamp();
        await tap(buffer[..count]);
        tapped?.Invoke(Stopwatch.GetElapsedTime(started));
        return count;
    }

    public override async ValueTask DisposeAsync()
    {
        await source.DisposeAsync();
        await base.DisposeAsync();
    }
}
