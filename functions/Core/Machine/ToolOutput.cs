using System.Diagnostics;
using Backup.Core.Model;

namespace Backup.Core.Machine;

/// <summary>
/// Standard output of a program as a stream that reports its end only after the program has ended with exit code 0 and after
/// everything that feeds it has succeeded. Otherwise reading throws, so that no consumer can take a dead dump for a finished one.
/// For programs whose output always has a header (pg_dump, zstd, gpg): no output is a failure too, unless told otherwise.
/// </summary>
/// <param name="mayBeEmpty">The output is rows, of which there may be none.</param>
public sealed class ToolOutput(ToolProcess process, Task? feed = null, Action<TimeSpan>? waited = null, bool mayBeEmpty = false) : ReadOnlyStream
{
    private bool _any;
    private bool _ended;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_ended || buffer.Length == 0) return 0;
        var started = Stopwatch.GetTimestamp();
        var count = await process.Output.ReadAsync(buffer, cancellationToken);
        waited?.Invoke(Stopwatch.GetElapsedTime(started));
        if (count > 0)
        {
            _any = true;
            return count;
        }

        // The cause before the symptom: a filter whose source failed was killed and has nothing to say itself.
        if (feed is not null) await feed.WaitAsync(cancellationToken);
        var code = await process.Exited.WaitAsync(cancellationToken);
        if (code != 0) throw process.Failure(code);
        if (!_any && !mayBeEmpty)
        {
            throw new BackupException(ErrorCode.ToolFailed, $"{process.Command.Name} ended without an error and without any output",
                "Run it again; if it happens twice, run the program by hand and look.");
        }

        _ended = true;
        return 0;
    }
}
