using System.Text;
using Backup.Core.Model;

namespace Backup.Core.Tests.Manifests;

public sealed class FingerprintTests
{
    /// <summary>The first vectors of the reference implementation: key 00…0f, messages of 0, 1, 2 … bytes 00 01 02 ….</summary>
    [Theory]
    [InlineData(0, "a3817f04ba25a8e66df67214c7550293")]
    [InlineData(1, "da87c1d86b99af44347659119b22fc45")]
    [InlineData(2, "8177228da4a45dc7fca38bdef60affe4")]
    public void The_hash_is_SipHash_as_its_authors_publish_it(int length, string expected)
    {
        var hash = SipHash128.Hash([.. Enumerable.Range(0, length).Select(i => (byte)i)]);
        Assert.Equal(expected, Convert.ToHexStringLower([.. BitConverter.GetBytes((ulong)hash), .. BitConverter.GetBytes((ulong)(hash >> 64))]));
    }

    [Fact]
    public void Pieces_of_any_size_give_the_hash_and_the_rows_of_the_whole()
    {
        var random = new Random(7);
        for (var round = 0; round < 300; round++)
        {
            var text = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Range(0, random.Next(0, 40)).Select(_ => new string('x', random.Next(0, 30)) + random.Next() + "\n")));
            var whole = new RowMeter(hashing: true);
            whole.Read(text);
            var pieces = new RowMeter(hashing: true);
            for (var at = 0; at < text.Length;)
            {
                var length = Math.Min(random.Next(0, 20), text.Length - at);
                pieces.Read(text.AsSpan(at, length));
                at += length;
            }

            Assert.Equal((whole.Rows, whole.Bytes, whole.Sum, false), (pieces.Rows, pieces.Bytes, pieces.Sum, pieces.EndsInMidLine));
        }
    }

    [Fact]
    public void The_order_of_rows_does_not_matter_but_every_row_does()
    {
        Assert.Equal(Sum("a\nb\nc\n"), Sum("c\na\nb\n"));
        Assert.NotEqual(Sum("a\nb\nc\n"), Sum("a\nb\n"));
        Assert.NotEqual(Sum("a\nb\n"), Sum("a\na\nb\n"));
        Assert.NotEqual(Sum("1\t2\n"), Sum("2\t1\n"));
        Assert.NotEqual(Sum("\n"), Sum(""));
    }

    private static UInt128 Sum(string text)
    {
        var meter = new RowMeter(hashing: true);
        meter.Read(Encoding.ASCII.GetBytes(text));
        return meter.Sum;
    }
}
