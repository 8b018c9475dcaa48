using Amazon.S3.Model;
using Backup.Core.Machine;
using Backup.Core.Model;

namespace Backup.Core.Storage;

/// <summary>
/// The bytes of one object from an offset to its end. A connection that breaks or ends early is opened again where it stopped, for the same
/// version of the object.
/// </summary>
internal sealed class S3ReadStream : ReadOnlyStream
{
    private const int MaxFailures = 6;
    private const long WorthwhileProgress = 1 << 20;

    private readonly Func<long, CancellationToken, Task<GetObjectResponse>> _open;
    private readonly string _what;
    private readonly TimeProvider _time;
    private readonly long _end;
    private GetObjectResponse? _response;
    private long _position;
    private long _lastFailure;
    private int _failures;

    /// <param name="open">Asks for the same version from a given position.</param>
    public S3ReadStream(GetObjectResponse response, long offset, string what, TimeProvider time,
        Func<long, CancellationToken, Task<GetObjectResponse>> open)
    {
        _response = response;
        _position = offset;
        _end = offset + response.ContentLength;
        _what = what;
        _time = time;
        _open = open;
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (buffer.Length == 0 || _position >= _end) return 0;
        while (true)
        {
            Exception? cause = null;
            try
            {
                _response ??= await _open(_position, cancellationToken);
                var count = await _response.ResponseStream.ReadAsync(buffer, cancellationToken);
                _position += count;
                if (count > 0) return count;
            }
            catch (Exception e) when (S3Errors.IsTransport(e) && !cancellationToken.IsCancellationRequested)
            {
                cause = e;
            }

            await RecoverAsync(cause, cancellationToken);
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) Drop();
        base.Dispose(disposing);
    }

    private async Task RecoverAsync(Exception? cause, CancellationToken cancel)
    {
        Drop();
        _failures = _position - _lastFailure >= WorthwhileProgress ? 1 : _failures + 1;
        _lastFailure = _position;
        if (_failures > MaxFailures)
        {
            throw new BackupException(ErrorCode.VaultUnreachable, $"reading {_what} stopped at byte {_position} of {_end} and {MaxFailures} new connections did not help",
                "Check the network; then run it again.", cause) { IsTransient = true };
        }

        await Task.Delay(TimeSpan.FromMilliseconds(100 << _failures), _time, cancel);
    }

    private void Drop()
    {
        _response?.Dispose();
        _response = null;
    }
}
