using System.Security.Cryptography;
using Backup.Core.Machine;

namespace Backup.Core.Tests.Storage;

/// <summary>Bytes that can be predicted at every offset, produced without being held in memory; may throw or pause at a point.</summary>
internal sealed class PatternStream(long length, long failAt = long.MaxValue, Func<CancellationToken, Task>? atFailure = null) : ReadOnlyStream
{
    private long _position;

    public long BytesRead => _position;

    public static byte At(long position) => (byte)((position * 31) ^ (position >> 8) ^ (position >> 16));

    public static byte[] Bytes(int length, long from = 0)
    {
        var bytes = new byte[length];
        for (var i = 0; i < length; i++) bytes[i] = At(from + i);
        return bytes;
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (_position >= failAt)
        {
            if (atFailure is not null) await atFailure(cancellationToken);
            throw new ContentException();
        }

        var count = (int)Math.Min(Math.Min(buffer.Length, 50_000), Math.Min(length, failAt) - _position);
        for (var i = 0; i < count; i++) buffer.Span[i] = At(_position + i);
        _position += count;
        return count;
    }
}

internal sealed class ContentException() : IOException("the dump died");

internal static class StreamAssert
{
    /// <summary>The stream holds the pattern from an offset to a length, and nothing more.</summary>
    public static async Task HoldsPatternAsync(Stream stream, long from, long length, CancellationToken cancel)
    {
        var (ours, theirs) = (SHA256.Create(), SHA256.Create());
        using (ours)
        using (theirs)
        {
            var buffer = new byte[100_000];
            var position = from;
            int count;
            while ((count = await stream.ReadAsync(buffer, cancel)) > 0)
            {
                theirs.TransformBlock(buffer, 0, count, null, 0);
                ours.TransformBlock(PatternStream.Bytes(count, position), 0, count, null, 0);
                position += count;
            }

            ours.TransformFinalBlock([], 0, 0);
            theirs.TransformFinalBlock([], 0, 0);
            Assert.Equal(length, position);
            Assert.Equal(ours.Hash, theirs.Hash);
        }
    }
}
