using System.Security.Cryptography;

namespace Backup.Core.Storage;

/// <summary>One part of an upload in memory: filled once from the content, then read as often as the transport retries.</summary>
internal sealed class PartBuffer : IDisposable
{
    private readonly SegmentPool _pool;
    private IReadOnlyList<byte[]> _segments;

    private PartBuffer(SegmentPool pool, IReadOnlyList<byte[]> segments)
    {
        _pool = pool;
        _segments = segments;
    }

    public long Length { get; private set; }

    /// <summary>Base64 SHA-256 of the bytes, as S3 writes it.</summary>
    public string Sha256 { get; private set; } = "";

    /// <summary>True when the content did not fill the part, so it has ended.</summary>
    public bool IsLast { get; private set; }

    /// <summary>Reads content until the part is full or the content ends. The content's exception passes through unchanged.</summary>
    public static async Task<PartBuffer> FillAsync(SegmentPool pool, int partNumber, Stream content, CancellationToken cancel)
    {
        var part = new PartBuffer(pool, await pool.RentAsync(PartPlan.SegmentsOf(partNumber), cancel));
        var isFilled = false;
        try
        {
            await part.ReadAsync(content, cancel);
            isFilled = true;
            return part;
        }
        finally
        {
            if (!isFilled) part.Dispose();
        }
    }

    public Stream OpenRead() => new View(this);

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _segments, []) is { Count: > 0 } segments) _pool.Return(segments);
    }

    private async Task ReadAsync(Stream content, CancellationToken cancel)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var segment in _segments)
        {
            var filled = 0;
            while (filled < segment.Length && !IsLast)
            {
                var count = await content.ReadAsync(segment.AsMemory(filled), cancel);
                if (count == 0) IsLast = true;
                hash.AppendData(segment, filled, count);
                filled += count;
            }

            Length += filled;
            if (IsLast) break;
        }

        Sha256 = Convert.ToBase64String(hash.GetHashAndReset());
    }

    /// <summary>
    /// The segments as one seekable stream. Closing it leaves them alone, since the transport closes streams as it likes; after the part was
    /// given back a request that lives on must not read what is by then another part.
    /// </summary>
    private sealed class View(PartBuffer part) : Stream
    {
        public override bool CanRead => true;
        public override bool CanSeek => true;
        public override bool CanWrite => false;
        public override long Length => part.Length;
        public override long Position { get; set; }

        public override int Read(Span<byte> buffer)
        {
            var segments = part._segments;
            if (segments.Count == 0) throw new IOException("the part was given back");
            var (index, offset) = Math.DivRem(Position, PartPlan.Segment);
            var count = (int)Math.Min(Math.Min(buffer.Length, Length - Position), PartPlan.Segment - offset);
            if (count <= 0) return 0;
            segments[(int)index].AsSpan((int)offset, count).CopyTo(buffer);
            Position += count;
            return count;
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            cancellationToken.IsCancellationRequested ? ValueTask.FromCanceled<int>(cancellationToken) : ValueTask.FromResult(Read(buffer.Span));

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override long Seek(long offset, SeekOrigin origin) => Position = origin switch
        {
            SeekOrigin.Begin => offset,
            SeekOrigin.Current => Position + offset,
            _ => Length + offset,
        };

        public override void Flush()
        {
        }

        public override void SetLength(long value) => throw new NotSupportedException();
        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
