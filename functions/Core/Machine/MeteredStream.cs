using System.Diagnostics;
using System.Security.Cryptography;

namespace Backup.Core.Machine;

/// <summary>Counts and hashes the bytes that pass, at the point where they leave for the vault or come from it.</summary>
public sealed class MeteredStream(Stream source, Action<int>? passed = null) : ReadOnlyStream
{
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private byte[]? _digest;

    public long Bytes { get; private set; }

    /// <summary>Time spent in the source, so that the rest of a transfer's time is the vault's.</summary>
    public TimeSpan Waited { get; private set; }

    /// <summary>Lower-case hex of everything that has passed. Ends the hash.</summary>
    public string Sha256 => Convert.ToHexStringLower(_digest ??= _hash.GetHashAndReset());

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var started = Stopwatch.GetTimestamp();
        var count = await source.ReadAsync(buffer, cancellationToken);
        _hash.AppendData(buffer.Span[..count]);
        Bytes += count;
        Waited += Stopwatch.GetElapsedTime(started);
        if (count > 0) passed?.Invoke(count);
        return count;
    }

    public override async ValueTask DisposeAsync()
    {
        _hash.Dispose();
        await source.DisposeAsync();
        await base.DisposeAsync();
    }
}
