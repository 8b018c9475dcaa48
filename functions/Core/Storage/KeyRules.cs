using System.Security.Cryptography;
using System.Text;
using Backup.Core.Model;

namespace Backup.Core.Storage;

/// <summary>What every vault asks of a key, and the one order in which all vaults list.</summary>
public static class KeyRules
{
    /// <summary>S3's limit, in UTF-8 bytes; folders get the same so that a vault can be copied either way.</summary>
    private const int MaxBytes = 1024;

    /// <summary>Order of the UTF-8 bytes, as S3 lists; it differs from .NET's ordinal order beyond the basic plane only.</summary>
    public static IComparer<string> Order { get; } = Comparer<string>.Create(Compare);

    /// <summary>Refuses keys that a folder would resolve to another place. They are made by this program: a bad one is a defect.</summary>
    public static string Check(string key)
    {
        ArgumentNullException.ThrowIfNull(key);
        var bad = key.Length == 0 || Encoding.UTF8.GetByteCount(key) > MaxBytes
            || key.Split('/').Any(s => s is "" or "." or "..") || key.Any(char.IsControl)
            || key.StartsWith('.'); // the folder vault's own files
        return bad
            ? throw new BackupException(ErrorCode.Internal, $"\"{Printable(key)}\" is not a key that a vault can hold",
                "Report it: keys have 1 to 1024 bytes and no empty, '.' or '..' segment.")
            : key;
    }

    /// <summary>A prefix may end anywhere, but must not climb out either.</summary>
    public static string CheckPrefix(string prefix)
    {
        ArgumentNullException.ThrowIfNull(prefix);
        if (prefix.Length > 0) Check(prefix.EndsWith('/') ? prefix[..^1] : prefix);
        return prefix;
    }

    /// <summary>The folders of a claim, each with its closing slash, sorted; without it bloom would include bloom2.</summary>
    public static IReadOnlyList<string> Folders(IReadOnlyCollection<string> prefixes) =>
        [.. prefixes.Select(p => CheckPrefix(p).TrimEnd('/') + "/").Distinct(StringComparer.Ordinal).Order(Order)];

    /// <summary>A short file name for a set of folders, the same in every process.</summary>
    public static string ClaimName(IReadOnlyList<string> folders) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', folders))))[..16];

    private static string Printable(string key) => string.Concat(key.Take(80).Select(c => char.IsControl(c) ? '?' : c));

    private static int Compare(string? left, string? right)
    {
        if (left is null || right is null) return string.CompareOrdinal(left, right);
        var same = left.AsSpan().CommonPrefixLength(right);
        if (same == left.Length || same == right.Length) return left.Length - right.Length;
        var (a, b) = (left[same], right[same]);
        // Surrogates stand for code points above everything else in UTF-16, yet sort below U+E000.
        return char.IsSurrogate(a) == char.IsSurrogate(b) ? a - b : char.IsSurrogate(a) ? 1 : -1;
    }
}
