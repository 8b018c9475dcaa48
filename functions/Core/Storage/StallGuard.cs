using System.Diagnostics;

namespace Backup.Core.Storage;

/// <summary>
/// A connection that fails with <see cref="IOException"/> when nothing moves in either direction for a while. A limit on the whole request
/// would have to grow with the part and would still take minutes to notice a dead peer.
/// </summary>
internal sealed class StallGuard(Stream inner, TimeSpan limit) : Stream
{
    private long _lastProgress = Stopwatch.GetTimestamp();

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => true;
    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        GuardAsync(token => inner.ReadAsync(buffer, token), cancellationToken);

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        await GuardAsync(async token =>
        {
            await inner.WriteAsync(buffer, token);
            return 0;
        }, cancellationToken);
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => inner.Read(buffer, offset, count);

    public override void Write(byte[] buffer, int offset, int count) => inner.Write(buffer, offset, count);

    public override void Flush() => inner.Flush();

    public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing) inner.Dispose();
        base.Dispose(disposing);
    }

    private async ValueTask<int> GuardAsync(Func<CancellationToken, ValueTask<int>> action, CancellationToken cancel)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        // The other direction's progress counts too: a read may be pending during a long upload.
        using var timer = new Timer(_ => StopWhenStalled(stop), null, limit, limit / 4);
        try
        {
            var result = await action(stop.Token);
            Interlocked.Exchange(ref _lastProgress, Stopwatch.GetTimestamp());
            return result;
        }
        catch (OperationCanceledException e) when (!cancel.IsCancellationRequested)
        {
            throw new IOException($"nothing moved on the connection for {limit.TotalSeconds:0} s", e);
        }
    }

    private void StopWhenStalled(CancellationTokenSource stop)
    {
        if (Stopwatch.GetElapsedTime(Interlocked.Read(ref _lastProgress)) < limit) return;
        try
        {
            stop.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The call ended while this timer fired.
        }
    }
}
