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

    /// <summary>Null when the script has no rows. The statement without its semicolon.</summary>
    public async Task<string?> StatementAsync(CancellationToken cancel)
    {
        while (await LineAsync(cancel) is { } line)
        {
            if (!line.StartsWith("COPY ", StringComparison.Ordinal) || !line.EndsWith(" FROM stdin;", StringComparison.Ordinal)) continue;
            _start--; // the newline stays: what ends the rows begins with one
            _skip = 1;
            return line[..^1];
        }

        return null;
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
                throw new BackupException(ErrorCode.ToolFailed, "pg_restore ended in the middle of rows", "Run the restore again; if it happens twice, verify the backup.");
            }
        }

        return 0;
    }

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
