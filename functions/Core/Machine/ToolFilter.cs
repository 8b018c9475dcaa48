using System.Buffers;
using System.Diagnostics;
using Backup.Core.Model;

namespace Backup.Core.Machine;

/// <summary>
/// A stream through a program: bytes of the source go to its standard input in the background, its standard output is read here.
/// A failure of the source kills the program and comes out of the reader as it was.
/// </summary>
public sealed class ToolFilter : ReadOnlyStream
{
    private const int BufferSize = 256 * 1024;

    private readonly ToolProcess _process;
    private readonly ToolOutput _output;
    private readonly CancellationTokenSource _stop;
    private readonly Task _feed;
    private int _disposed;

    private ToolFilter(Stream source, ToolProcess process, Action<TimeSpan>? wrote, bool mayBeEmpty, CancellationToken cancel)
    {
        _process = process;
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        _feed = Task.Run(() => FeedAsync(source, wrote), CancellationToken.None);
        _output = new ToolOutput(process, _feed, mayBeEmpty: mayBeEmpty);
    }

    /// <param name="wrote">Told how long each write waited for the program: the slow stage shows there.</param>
    /// <param name="mayBeEmpty">No output is no failure: what comes out is rows, of which there may be none.</param>
    public static ToolFilter Start(Stream source, ToolCommand command, Action<TimeSpan>? wrote, CancellationToken cancel, bool mayBeEmpty = false) =>
        new(source, ToolProcess.Start(command), wrote, mayBeEmpty, cancel);

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        _output.ReadAsync(buffer, cancellationToken);

    public override async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0) return;
        await _stop.CancelAsync();
        await _process.DisposeAsync();
        await _feed.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
        await base.DisposeAsync();
    }

    private async Task FeedAsync(Stream source, Action<TimeSpan>? wrote)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
        try
        {
            int count;
            while ((count = await source.ReadAsync(buffer, _stop.Token)) > 0)
            {
                var started = Stopwatch.GetTimestamp();
                await WriteAsync(buffer.AsMemory(0, count));
                wrote?.Invoke(Stopwatch.GetElapsedTime(started));
            }

            await CloseInputAsync();
        }
        catch
        {
            // Closing its input would tell the program that the data was complete.
            _process.Kill();
            throw;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private async Task WriteAsync(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            await _process.Input.WriteAsync(bytes, _stop.Token);
        }
        catch (IOException)
        {
            throw await EndedEarlyAsync();
        }
    }

    private async Task CloseInputAsync()
    {
        try
        {
            await _process.Input.DisposeAsync();
        }
        catch (IOException)
        {
            throw await EndedEarlyAsync();
        }
    }

    // A broken pipe says only that it stopped reading; its exit code and its message say why.
    private async Task<BackupException> EndedEarlyAsync() => _process.Failure(await _process.Exited);
}
