using System.Globalization;

namespace Backup.Core.Model;

/// <summary>
/// Reads COPY text as it passes: bytes, rows (lines) and, if wanted, the sum mod 2^128 of the SipHash of each line without its
/// newline. The sum does not depend on the order of rows, and sums of parts add up. COPY text escapes newlines, so one line is one row.
/// </summary>
public sealed class RowMeter(bool hashing)
{
    private SipHash128 _line = SipHash128.Create();
    private UInt128 _sum;
    private bool _inLine;

    public long Bytes { get; private set; }
    public long Rows { get; private set; }

    /// <summary>COPY accepts a last line that was cut off; this tells that it was.</summary>
    public bool EndsInMidLine => _inLine;

    public UInt128 Sum => _sum;

    public static string Format(UInt128 sum) => sum.ToString("x32", CultureInfo.InvariantCulture);

    public void Read(ReadOnlySpan<byte> bytes)
    {
        Bytes += bytes.Length;
        while (true)
        {
            var end = bytes.IndexOf((byte)'\n');
            if (end < 0)
            {
                if (bytes.Length == 0) return;
                if (hashing) _line.Append(bytes);
                _inLine = true;
                return;
            }

            Rows++;
            if (hashing) Hash(bytes[..end]);
            _inLine = false;
            bytes = bytes[(end + 1)..];
        }
    }

    private void Hash(ReadOnlySpan<byte> lineEnd)
    {
        if (!_inLine)
        {
            _sum += SipHash128.Hash(lineEnd);
            return;
        }

        _line.Append(lineEnd);
        _sum += _line.Finish();
        _line = SipHash128.Create();
    }
}
