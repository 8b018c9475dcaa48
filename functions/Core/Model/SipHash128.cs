using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace Backup.Core.Model;

/// <summary>
/// SipHash-2-4 with 128-bit output (Aumasson and Bernstein, reference implementation of 2016) under the published key
/// 00 01 … 0f. It finds accidents; it is no proof against tampering (the key is public), which is what SHA-256 and locks are for.
/// </summary>
public struct SipHash128
{
    private const ulong K0 = 0x0706050403020100UL;
    private const ulong K1 = 0x0f0e0d0c0b0a0908UL;

    private ulong _v0, _v1, _v2, _v3;
    private ulong _tail;
    private ulong _length;

    public static SipHash128 Create() => new()
    {
        _v0 = K0 ^ 0x736f6d6570736575UL,
        _v1 = K1 ^ 0x646f72616e646f6dUL ^ 0xee,
        _v2 = K0 ^ 0x6c7967656e657261UL,
        _v3 = K1 ^ 0x7465646279746573UL,
    };

    public static UInt128 Hash(ReadOnlySpan<byte> data)
    {
        var state = Create();
        state.Append(data);
        return state.Finish();
    }

    /// <summary>May be called with pieces of any size: a line of a gigabyte needs no buffer.</summary>
    public void Append(ReadOnlySpan<byte> data)
    {
        var filled = (int)(_length & 7);
        _length += (ulong)data.Length;
        if (filled != 0)
        {
            while (filled < 8 && data.Length > 0)
            {
                _tail |= (ulong)data[0] << (8 * filled++);
                data = data[1..];
            }

            if (filled < 8) return;
            Block(_tail);
            _tail = 0;
        }

        while (data.Length >= 8)
        {
            Block(BinaryPrimitives.ReadUInt64LittleEndian(data));
            data = data[8..];
        }

        for (var i = 0; i < data.Length; i++) _tail |= (ulong)data[i] << (8 * i);
    }

    public UInt128 Finish()
    {
        Block(_tail | (_length << 56));
        _v2 ^= 0xee;
        for (var i = 0; i < 4; i++) Round();
        var low = _v0 ^ _v1 ^ _v2 ^ _v3;
        _v1 ^= 0xdd;
        for (var i = 0; i < 4; i++) Round();
        var high = _v0 ^ _v1 ^ _v2 ^ _v3;
        return new UInt128(high, low);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Block(ulong word)
    {
        _v3 ^= word;
        Round();
        Round();
        _v0 ^= word;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Round()
    {
        _v0 += _v1;
        _v2 += _v3;
        _v1 = BitOperations.RotateLeft(_v1, 13) ^ _v0;
        _v3 = BitOperations.RotateLeft(_v3, 16) ^ _v2;
        _v0 = BitOperations.RotateLeft(_v0, 32);
        _v2 += _v1;
        _v0 += _v3;
        _v1 = BitOperations.RotateLeft(_v1, 17) ^ _v2;
        _v3 = BitOperations.RotateLeft(_v3, 21) ^ _v0;
        _v2 = BitOperations.RotateLeft(_v2, 32);
    }
}
