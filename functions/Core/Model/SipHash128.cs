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
    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // runs over every byte of the database from the first second on
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
            Block(_tail, ref _v0, ref _v1, ref _v2, ref _v3);
            _tail = 0;
        }

        // In locals: fields of a struct that is passed by reference would go through memory at every step.
        var (v0, v1, v2, v3) = (_v0, _v1, _v2, _v3);
        while (data.Length >= 8)
        {
            Block(BinaryPrimitives.ReadUInt64LittleEndian(data), ref v0, ref v1, ref v2, ref v3);
            data = data[8..];
        }

        (_v0, _v1, _v2, _v3) = (v0, v1, v2, v3);
        for (var i = 0; i < data.Length; i++) _tail |= (ulong)data[i] << (8 * i);
    }

    public UInt128 Finish()
    {
        var (v0, v1, v2, v3) = (_v0, _v1, _v2, _v3);
        Block(_tail | (_length << 56), ref v0, ref v1, ref v2, ref v3);
        v2 ^= 0xee;
        for (var i = 0; i < 4; i++) Round(ref v0, ref v1, ref v2, ref v3);
        var low = v0 ^ v1 ^ v2 ^ v3;
        v1 ^= 0xdd;
        for (var i = 0; i < 4; i++) Round(ref v0, ref v1, ref v2, ref v3);
        return new UInt128(upper: v0 ^ v1 ^ v2 ^ v3, lower: low);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Block(ulong word, ref ulong v0, ref ulong v1, ref ulong v2, ref ulong v3)
    {
        v3 ^= word;
        Round(ref v0, ref v1, ref v2, ref v3);
        Round(ref v0, ref v1, ref v2, ref v3);
        v0 ^= word;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Round(ref ulong v0, ref ulong v1, ref ulong v2, ref ulong v3)
    {
        v0 += v1;
        v2 += v3;
        v1 = BitOperations.RotateLeft(v1, 13) ^ v0;
        v3 = BitOperations.RotateLeft(v3, 16) ^ v2;
        v0 = BitOperations.RotateLeft(v0, 32);
        v2 += v1;
        v0 += v3;
        v1 = BitOperations.RotateLeft(v1, 17) ^ v2;
        v3 = BitOperations.RotateLeft(v3, 21) ^ v0;
        v2 = BitOperations.RotateLeft(v2, 32);
    }
}
