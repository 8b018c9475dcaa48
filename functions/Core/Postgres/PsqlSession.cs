using System.Globalization;
using System.Text;
using Backup.Core.Machine;
using Backup.Core.Model;

namespace Backup.Core.Postgres;

/// <summary>
/// A psql that stays open and does one thing at a time: statements, and COPY out through a FIFO. On the way out the server sends a message per
/// row, and psql moves them at a quarter of the processor time that a driver needs. Any error ends it (ON_ERROR_STOP) and becomes an exception.
/// </summary>
public sealed class PsqlSession : IAsyncDisposable
{
    private readonly ToolProcess _process;
    private readonly StreamReader _answers;
    private readonly string _folder;
    private int _sequence;

    private PsqlSession(ToolProcess process, string folder)
    {
        _process = process;
        _folder = folder;
        _answers = new StreamReader(process.Output, Encoding.UTF8);
    }

    /// <param name="folder">For the FIFO; must exist and be private to this user.</param>
    public static PsqlSession Start(string psql, IReadOnlyDictionary<string, string> environment, string folder) =>
        new(ToolProcess.Start(new ToolCommand
        {
            Path = psql,
            Arguments = ["-X", "-q", "-A", "-t", "-w", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=verbose"],
            Environment = new Dictionary<string, string>(environment, StringComparer.Ordinal) { ["PGCLIENTENCODING"] = "UTF8" },
        }), folder);

    /// <summary>Runs statements and returns what they print.</summary>
    public async Task<string> ExecuteAsync(string sql, CancellationToken cancel)
    {
        var mark = NextMark();
        await SendAsync($"{sql}\n\\echo {mark}\n", cancel);
        return await AnswerAsync(mark, cancel);
    }

    /// <summary>
    /// The bytes of a COPY … TO STDOUT. The stream reports its end only after psql has confirmed the statement; an error of the server, or
    /// the death of psql, throws. Dispose it before the next call; disposing early ends the session.
    /// </summary>
    public async Task<Stream> CopyOutAsync(string copySql, CancellationToken cancel)
    {
        var mark = NextMark();
        var fifo = Path.Combine(_folder, $"{mark}.fifo");
        Native.MakeFifo(fifo);
        await SendAsync($"{copySql}\n\\g '{fifo}'\n\\echo {mark}\n", cancel);
        var opening = Task.Run(() => new FileStream(fifo, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0), CancellationToken.None);
        await using var stop = cancel.UnsafeRegister(static p => ((ToolProcess)p!).Kill(), _process);
        // psql opens its end only when the server has accepted the statement. If it dies before, nobody would.
        if (await Task.WhenAny(opening, _process.Exited) != opening && !opening.IsCompleted)
            await using (new FileStream(fifo, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 0)) await opening;
        var rows = await opening;
        Native.WidenPipe(rows.SafeFileHandle);
        return new CopyOutStream(this, rows, fifo, mark);
    }

    public async ValueTask DisposeAsync()
    {
        await _process.DisposeAsync();
        _answers.Dispose();
    }

    private string NextMark() => string.Create(CultureInfo.InvariantCulture, $"done-{Environment.ProcessId}-{_process.ProcessId}-{++_sequence}");

    private async Task SendAsync(string text, CancellationToken cancel)
    {
        try
        {
            await _process.Input.WriteAsync(Encoding.UTF8.GetBytes(text), cancel);
            await _process.Input.FlushAsync(cancel);
        }
        catch (IOException)
        {
            throw await FailedAsync();
        }
    }

    private async Task<string> AnswerAsync(string mark, CancellationToken cancel)
    {
        var answer = new StringBuilder();
        while (await _answers.ReadLineAsync(cancel) is { } line)
        {
            if (line == mark) return answer.ToString().TrimEnd('\n');
            answer.Append(line).Append('\n');
        }

        throw await FailedAsync();
    }

    private async Task<BackupException> FailedAsync() => _process.Failure(await _process.Exited);

    private sealed class CopyOutStream(PsqlSession session, FileStream fifo, string path, string mark) : ReadOnlyStream
    {
        private bool _ended;

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (_ended) return 0;
            cancellationToken.ThrowIfCancellationRequested();
            int count;
            // A read from a FIFO cannot be cancelled, and a server that hangs sends nothing: only psql's end wakes the reader.
            await using (cancellationToken.UnsafeRegister(static p => ((ToolProcess)p!).Kill(), session._process))
                count = await fifo.ReadAsync(buffer, CancellationToken.None);
            if (count > 0) return count;
            await session.AnswerAsync(mark, cancellationToken);
            _ended = true;
            return 0;
        }

        public override async ValueTask DisposeAsync()
        {
            if (!_ended) session._process.Kill();
            await fifo.DisposeAsync();
            File.Delete(path);
            await base.DisposeAsync();
        }
    }
}
