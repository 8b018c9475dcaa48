namespace Backup.Core.Model;

/// <summary>Where a backup stands in the retention scheme. The name is part of every key.</summary>
public enum Tier
{
    Daily,
    Weekly,
    Monthly,
    Annual,
    PreDeploy,
    Manual,
    Incremental,
}

public enum BackupKind
{
    Manual,
    Scheduled,
    PreDeploy,
    Incremental,
}

public enum Provider
{
    Postgres,
    Neon,
    Supabase,
    Rds,
}

public enum LockMode
{
    None,
    Governance,
    Compliance,
}

public enum CopyMode
{
    None,
    Region,
    Account,
}

public enum Runner
{
    Auto,
    Lambda,
    Fargate,
}

/// <summary>How an increment takes a table: the rows that appeared or changed, or all of them.</summary>
public enum IncrementMode
{
    Changes,
    Full,
}

public enum FingerprintMode
{
    Full,
    Critical,
    Counts,
    Off,
}

/// <summary>The spelling of the words above in policies, keys, manifests and on the command line: kebab-case.</summary>
public static class Words
{
    public static string Of<T>(T value) where T : struct, Enum => Kebab(value.ToString());

    public static IReadOnlyList<string> All<T>() where T : struct, Enum => [.. Enum.GetNames<T>().Select(Kebab)];

    public static bool TryParse<T>(string? text, out T value) where T : struct, Enum
    {
        foreach (var candidate in Enum.GetValues<T>())
        {
            if (!string.Equals(Of(candidate), text, StringComparison.Ordinal)) continue;
            value = candidate;
            return true;
        }

        value = default;
        return false;
    }

    /// <exception cref="BackupException">usage, naming the words that are known.</exception>
    public static T Parse<T>(string? text, string origin) where T : struct, Enum => TryParse<T>(text, out var value)
        ? value
        : throw new BackupException(ErrorCode.UsageWrong, $"{origin} is \"{text}\"", $"Give one of {string.Join(", ", All<T>())}.");

    private static string Kebab(string name) =>
        string.Concat(name.Select((c, i) => char.IsUpper(c) && i > 0 ? $"-{char.ToLowerInvariant(c)}" : $"{char.ToLowerInvariant(c)}"));
}
