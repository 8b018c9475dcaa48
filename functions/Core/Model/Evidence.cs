using System.Globalization;
using System.Security.Cryptography;

namespace Backup.Core.Model;

/// <summary>One entry of a database's evidence trail: something was changed or proven. Written once; holds no secret.</summary>
public sealed record Evidence
{
    public required DateTimeOffset At { get; init; }

    /// <summary>user@host of the process.</summary>
    public required string Operator { get; init; }

    /// <summary>Of this program.</summary>
    public required string Version { get; init; }

    /// <summary>run, verify, restore, prune, …</summary>
    public required string Verb { get; init; }

    /// <summary>Ids of the backups.</summary>
    public required IReadOnlyList<string> On { get; init; }

    /// <summary>One word: committed, pass, fail, restored, expired, or the code of an error.</summary>
    public required string Result { get; init; }
    public string? Detail { get; init; }

    /// <summary>SHA-256 of the entry before it; null for the first.</summary>
    public string? Previous { get; init; }
}

/// <summary>
/// Name of an entry: <c>{time}-{SHA-256 of its bytes}.json</c>. So the next entry learns the hash of this one from a listing, and whoever changes the
/// bytes contradicts the name.
/// </summary>
public sealed record EvidenceName(DateTimeOffset At, string Sha256)
{
    private const string Extension = ".json";

    public static EvidenceName Of(DateTimeOffset at, ReadOnlySpan<byte> content) => new(at, Convert.ToHexStringLower(SHA256.HashData(content)));

    public static bool TryParse(string key, out EvidenceName name)
    {
        ArgumentNullException.ThrowIfNull(key);
        name = null!;
        var parts = key[(key.LastIndexOf('/') + 1)..].Split('-');
        if (parts.Length != 2 || !parts[1].EndsWith(Extension, StringComparison.Ordinal) || !BackupId.TryParseTime(parts[0], out var at)) return false;
        var hash = parts[1][..^Extension.Length];
        if (hash.Length != 64 || !hash.All(char.IsAsciiHexDigitLower)) return false;
        name = new EvidenceName(at, hash);
        return true;
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{BackupId.FormatTime(At)}-{Sha256}{Extension}");
}
