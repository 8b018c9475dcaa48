using Backup.Core.Machine;
using Backup.Core.Operations;
using Backup.Core.Storage;
using Backup.Core.Tests.Support;

namespace Backup.Core.Tests.Faults;

/// <summary>
/// A vault that waits for the test before it stores the first object whose key holds a word, or in the middle of reading it: the operation stands still
/// in that stage. With <paramref name="holdsAll"/> every other object waits for it too: nothing of the run ends meanwhile.
/// </summary>
internal sealed class GateVault(IVault inner, string word, Func<Task> gate, bool reading = false, bool holdsAll = false) : PassingVault(inner)
{
    private readonly TaskCompletionSource _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _used;

    public override async Task<long> PutAsync(string key, Stream content, ObjectState state, RetainUntil? retain, CancellationToken cancel)
    {
        if (!reading && key.Contains(word, StringComparison.Ordinal) && Interlocked.Exchange(ref _used, 1) == 0)
        {
            try
            {
                await gate();
            }
            finally
            {
                _opened.TrySetResult();
            }
        }
        else if (holdsAll)
        {
            await _opened.Task.WaitAsync(cancel);
        }

        return await base.PutAsync(key, content, state, retain, cancel);
    }

    public override async Task<Stream> OpenAsync(string key, long offset, CancellationToken cancel)
    {
        var stream = await base.OpenAsync(key, offset, cancel);
        return reading && key.Contains(word, StringComparison.Ordinal) && Interlocked.Exchange(ref _used, 1) == 0 ? new HalfStream(stream, gate) : stream;
    }
}

/// <summary>The first part of a stream, then the gate, then the rest.</summary>
internal sealed class HalfStream(Stream inner, Func<Task> gate) : ReadOnlyStream
{
    private const int Half = 200_000;
    private long _position;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_position == Half) await gate();
        var count = await inner.ReadAsync(_position < Half ? buffer[..(int)Math.Min(buffer.Length, Half - _position)] : buffer, cancellationToken);
        _position += count;
        return count;
    }

    public override async ValueTask DisposeAsync()
    {
        await inner.DisposeAsync();
        await base.DisposeAsync();
    }
}

/// <summary>Calls the test in the middle of a step; the run goes on when the call returns.</summary>
internal sealed class StepHook(string beginning, Func<Task> action) : IProgress<Progress>
{
    private int _used;

    public void Report(Progress value)
    {
        if (value.What.StartsWith(beginning, StringComparison.Ordinal) && Interlocked.Exchange(ref _used, 1) == 0) action().GetAwaiter().GetResult();
    }
}
