using Backup.Core.Machine;
using Npgsql;

namespace Backup.Core.Postgres;

/// <summary>The raw bytes of a COPY … TO STDOUT on an open session. Disposing early cancels the statement instead of reading its rest.</summary>
public sealed class CopyOutStream : ReadOnlyStream
{
    private readonly NpgsqlCopyTextReader _reader;
    private bool _ended;

    private CopyOutStream(NpgsqlCopyTextReader reader) => _reader = reader;

    public static async Task<CopyOutStream> OpenAsync(NpgsqlConnection session, string copySql, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(session);
        return new CopyOutStream((NpgsqlCopyTextReader)await session.BeginTextExportAsync(copySql, cancel));
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var count = await _reader.BaseStream.ReadAsync(buffer, cancellationToken);
        _ended |= count == 0 && buffer.Length > 0;
        return count;
    }

    public override async ValueTask DisposeAsync()
    {
        if (_ended) _reader.Dispose();
        else await CancelAsync();
        await base.DisposeAsync();
    }

    private async Task CancelAsync()
    {
        try
        {
            await _reader.CancelAsync();
            _reader.Dispose();
        }
        catch (Exception e) when (e is NpgsqlException or InvalidOperationException or OperationCanceledException)
        {
            // The session has ended or the server has cancelled: what led here is the error to tell.
        }
    }
}
