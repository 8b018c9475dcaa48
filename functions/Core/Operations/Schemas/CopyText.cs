using System.Text;
using Backup.Core.Machine;
using Backup.Core.Model;

namespace Backup.Core.Operations.Schemas;

/// <summary>
/// The rows of one table in what pg_restore prints as a script: settings, the COPY statement, the rows, <c>\.</c>. Reading gives the rows alone, and
/// reports their end only when the program has ended well.
/// </summary>
internal sealed class CopyText(Stream script) : ReadOnlyStream
{
    private readonly byte[] _buffer = new byte[64 * 1024];
    private int _start;
    private int _end;

    /// <summary>Bytes at the start that have been given out.</summary>
    private int _skip;
    private bool _ended;

    /// <summary>The statement without its semicolon; what is read from then on are the rows.</summary>
    public async Task<string> StatementAsync(CancellationToken cancel)
    {
        string? statement = null;
        while (await LineAsync(cancel) is { } line)
        {
            // A name may hold newlines, and the statement then has several lines.
            statement = statement is not null ? $"{statement}\n{line}" : line.StartsWith("COPY ", StringComparison.Ordinal) ? line : null;
            if (statement?.EndsWith(" FROM stdin;", StringComparison.Ordinal) != true) continue;
            _start--; // the newline stays: what ends the rows begins with one
            _skip = 1;
            return statement[..^1];
        }

        throw Cut();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (!_ended && buffer.Length > 0)
        {
            var text = _buffer.AsMemory(_start, _end - _start);
            var at = text.Span.IndexOf("\n\\.\n"u8);
            // Up to the newline before the end mark, else all but what may be the beginning of one.
            var ready = (at >= 0 ? at + 1 : text.Length - 3) - _skip;
            if (ready > 0)
            {
                var count = Math.Min(ready, buffer.Length);
                text.Slice(_skip, count).CopyTo(buffer);
                // One byte stays behind: the end mark begins with the newline of the last row.
                _start += _skip + count - 1;
                _skip = 1;
                return count;
            }

            if (at >= 0)
            {
                while (await FillAsync(cancellationToken)) _start = _end;
                _ended = true;
            }
            else if (!await FillAsync(cancellationToken))
            {
                throw Cut();
            }
        }

        return 0;
    }

    private static BackupException Cut() => new(ErrorCode.ToolFailed, "pg_restore printed rows without their beginning or end", "Run the restore again; if it happens twice, verify the backup.");

    private async Task<string?> LineAsync(CancellationToken cancel)
    {
        var line = new List<byte>();
        while (true)
        {
            var at = _buffer.AsSpan(_start, _end - _start).IndexOf((byte)'\n');
            line.AddRange(_buffer.AsSpan(_start, at < 0 ? _end - _start : at));
            _start = at < 0 ? _end : _start + at + 1;
            if (at >= 0) return Encoding.UTF8.GetString([.. line]);
            if (!await FillAsync(cancel)) return null;
        }
    }

    /// <returns>False at the end of a script whose program has ended well.</returns>
    private async Task<bool> FillAsync(CancellationToken cancel)
    {
        if (_start > 0)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            _end -= _start;
            _start = 0;
        }

        var count = await script.ReadAsync(_buffer.AsMemory(_end), cancel);
        _end += count;
        return count > 0;
    }
}
