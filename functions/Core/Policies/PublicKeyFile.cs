using System.Text;

namespace Backup.Core.Policies;

/// <summary>
/// Tells a file with an OpenPGP public key from everything else, above all from a private key, which must never lie
/// beside a policy. Looks at packet headers only; gpg judges the rest when it encrypts.
/// </summary>
internal static class PublicKeyFile
{
    private const int LargestFile = 1 << 20;
    private const int SecretKey = 5;
    private const int PublicKey = 6;
    private const int SecretSubkey = 7;
    private const string Armor = "-----BEGIN PGP PUBLIC KEY BLOCK-----";

    /// <summary>What is wrong with the file, to stand behind its name, or null.</summary>
    public static string? Problem(string path)
    {
        try
        {
            var file = new FileInfo(path);
            if (!file.Exists) return "does not exist";
            return file.Length > LargestFile ? "is too large for a public key" : ProblemOf(File.ReadAllBytes(path));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "cannot be read";
        }
    }

    private static string? ProblemOf(byte[] content)
    {
        var text = Encoding.Latin1.GetString(content);
        if (text.Contains("PRIVATE KEY", StringComparison.Ordinal)) return "holds a private key";
        var packets = text.Contains(Armor, StringComparison.Ordinal) ? Unarmored(text) : content;
        var tags = Tags(packets);
        if (tags.Contains(SecretKey) || tags.Contains(SecretSubkey)) return "holds a private key";
        return tags is [PublicKey, ..] ? null : "is not a public key";
    }

    /// <summary>The bytes of the first armored block: base64 between the empty line after the headers and the checksum or end.</summary>
    private static byte[] Unarmored(string text)
    {
        var lines = text[text.IndexOf(Armor, StringComparison.Ordinal)..].Split('\n').Select(l => l.Trim()).Skip(1)
            .SkipWhile(l => l.Length > 0).TakeWhile(l => !l.StartsWith('=') && !l.StartsWith('-'));
        var base64 = string.Concat(lines);
        var bytes = new byte[base64.Length];
        return Convert.TryFromBase64String(base64, bytes, out var count) ? bytes[..count] : [];
    }

    /// <summary>The tags of the packets, up to the first header that is none (RFC 4880, section 4.2).</summary>
    private static List<int> Tags(ReadOnlySpan<byte> packets)
    {
        var tags = new List<int>();
        while (packets.Length >= 2 && (packets[0] & 0x80) != 0)
        {
            var isNew = (packets[0] & 0x40) != 0;
            tags.Add(isNew ? packets[0] & 0x3f : (packets[0] >> 2) & 0x0f);
            var (header, body) = isNew ? NewLength(packets) : OldLength(packets);
            if (header == 0 || header + body > packets.Length) break;
            packets = packets[(int)(header + body)..];
        }

        return tags;
    }

    /// <summary>Header and body length; a header of 0 means that the packet has no definite length.</summary>
    private static (int Header, long Body) OldLength(ReadOnlySpan<byte> p)
    {
        var bytes = (p[0] & 3) switch { 0 => 1, 1 => 2, 2 => 4, _ => 0 };
        return bytes == 0 || p.Length < 1 + bytes ? (0, 0) : (1 + bytes, BigEndian(p.Slice(1, bytes)));
    }

    private static (int Header, long Body) NewLength(ReadOnlySpan<byte> p) => p[1] switch
    {
        < 192 => (2, p[1]),
        < 224 when p.Length >= 3 => (3, ((p[1] - 192) << 8) + p[2] + 192),
        255 when p.Length >= 6 => (6, BigEndian(p.Slice(2, 4))),
        _ => (0, 0),
    };

    private static long BigEndian(ReadOnlySpan<byte> bytes)
    {
        long value = 0;
        foreach (var b in bytes) value = (value << 8) | b;
        return value;
    }
}
