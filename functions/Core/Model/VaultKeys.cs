using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Backup.Core.Model;

/// <summary>Every key of a vault, spelled once. See docs/FORMAT.md.</summary>
public static class VaultKeys
{
    public const string ManifestName = "manifest.json";
    public const string TombstoneName = "expired.json";
    public const string LockedName = "locked.json";

    /// <summary>Longest escaped schema or table name inside a key; longer ones are cut and marked. Both are one file name, which ends at 255 bytes.</summary>
    private const int NameLimit = 100;

    /// <summary>Everything of one database in one tier, with a final '/': one database is never a prefix of another.</summary>
    public static string DatabasePrefix(string environment, Tier tier, string database) =>
        $"{Escape(environment)}/{Words.Of(tier)}/{Escape(database)}/";

    /// <summary>The environment's second folder beside its tiers: no tier has this name.</summary>
    public const string AuditFolder = "audit";

    /// <summary>The evidence trails of an environment, with a final '/'.</summary>
    public static string AuditPrefix(string environment) => $"{Escape(environment)}/{AuditFolder}/";

    /// <summary>The evidence trail of one database, with a final '/'.</summary>
    public static string AuditPrefix(string environment, string database) => $"{AuditPrefix(environment)}{Escape(database)}/";

    public static string EnvironmentOf(string key) => Unescape(key[..key.IndexOf('/', StringComparison.Ordinal)]);

    public static IReadOnlyList<string> DatabasePrefixes(string environment, string database) =>
        [.. Enum.GetValues<Tier>().Select(t => DatabasePrefix(environment, t, database))];

    /// <summary>What the writer of a backup claims. Increments have a place of their own: they go on while a backup runs for hours.</summary>
    public static IReadOnlyList<string> WriterPrefixes(string environment, string database, bool increments) =>
        [.. Enum.GetValues<Tier>().Where(t => (t == Tier.Incremental) == increments).Select(t => DatabasePrefix(environment, t, database))];

    /// <summary>Everything of one backup, with a final '/'.</summary>
    public static string BackupPrefix(string environment, Tier tier, BackupId id) => string.Create(CultureInfo.InvariantCulture,
        $"{DatabasePrefix(environment, tier, id.Database)}{id.Time.UtcDateTime:yyyy/MM}/{Escape(id.ToString())}/");

    /// <summary>Takes a key of something that belongs to a backup apart: <c>{environment}/{tier}/{database}/{yyyy}/{MM}/{id}/{file…}</c>.</summary>
    public static bool TryBackup(string key, out string prefix, out Tier tier, out BackupId id)
    {
        ArgumentNullException.ThrowIfNull(key);
        (prefix, tier, id) = ("", default, null!);
        var parts = key.Split('/', 7);
        if (parts.Length < 7 || !Words.TryParse(parts[1], out tier) || !BackupId.TryParse(Unescape(parts[5]), out id)) return false;
        prefix = key[..^parts[6].Length];
        return prefix == BackupPrefix(Unescape(parts[0]), tier, id); // nothing else is a place that this program writes to
    }

    public static bool IsAttempt(string name) => name is { Length: 8 } && name.All(char.IsAsciiLetterOrDigit);

    public static string Base(string prefix, string attempt, IEnumerable<string> filters) =>
        $"{prefix}{attempt}/base.dump{Suffix(filters)}";

    public static string Globals(string prefix, string attempt, IEnumerable<string> filters) =>
        $"{prefix}{attempt}/globals.sql{Suffix(filters)}";

    /// <param name="number">Counts all chunks of the backup, so two names that differ only in case never meet.</param>
    public static string Chunk(string prefix, string attempt, TableName table, int number, IEnumerable<string> filters) =>
        string.Create(CultureInfo.InvariantCulture,
            $"{prefix}{attempt}/data/{Limit(Escape(table.Schema, '.'))}.{Limit(Escape(table.Name, '.'))}.{number:0000}.copy{Suffix(filters)}");

    /// <summary>
    /// A reversible form that every key and file name can hold: letters, digits, '-', '_' and '.' stay, every other byte of the
    /// UTF-8 text becomes %XX. The names "." and ".." are escaped too.
    /// </summary>
    public static string Escape(string text, char also = '\0')
    {
        var dotsOnly = text.All(c => c == '.');
        var result = new StringBuilder(text.Length);
        foreach (var b in Encoding.UTF8.GetBytes(text))
        {
            var c = (char)b;
            var plain = char.IsAsciiLetterOrDigit(c) || c is '-' or '_' || (c == '.' && !dotsOnly);
            if (plain && c != also) result.Append(c);
            else result.Append('%').Append(b.ToString("X2", CultureInfo.InvariantCulture));
        }

        return result.ToString();
    }

    public static string Unescape(string text) => Uri.UnescapeDataString(text);

    /// <summary>8 random characters: two attempts at one id never share an artifact key.</summary>
    public static string NewAttempt() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4));

    private static string Suffix(IEnumerable<string> filters) => string.Concat(filters.Select(f => f == "zstd" ? ".zst" : $".{f}"));

    // The manifest holds the exact name; the key is for people, so a very long one is cut and made unique by a hash.
    private static string Limit(string escaped) => escaped.Length <= NameLimit
        ? escaped
        : $"{escaped[..NameLimit].TrimEnd('%')}~{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(escaped)))[..8]}";
}
