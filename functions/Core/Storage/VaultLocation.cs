using Backup.Core.Model;

namespace Backup.Core.Storage;

/// <summary>
/// Where a vault is, read from a policy or an argument: <c>s3://bucket/prefix?region=…&amp;endpoint=…&amp;kmsKey=…&amp;tags=off</c>, or the path of a folder.
/// Holds no credential: the AWS SDK finds those by its own rules.
/// </summary>
public abstract record VaultLocation
{
    /// <summary>Reads a location; a mistake in it is the error <c>usage</c>, which never repeats what could be a secret.</summary>
    /// <param name="relativeTo">The folder that relative paths start from; null for the current one.</param>
    public static VaultLocation Parse(string text, string? relativeTo)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.StartsWith("s3://", StringComparison.Ordinal)) return S3Location.ParseUrl(text);
        if (text.Trim().Length == 0) throw Wrong("the vault is empty");
        if (text.Contains("://", StringComparison.Ordinal)) throw Wrong($"a vault cannot be at {text[..text.IndexOf("://", StringComparison.Ordinal)]}://");
        return new FolderLocation(Path.GetFullPath(text, relativeTo is null ? Path.GetFullPath(".") : Path.GetFullPath(relativeTo)));
    }

    private protected static BackupException Wrong(string sentence) => new(ErrorCode.UsageWrong, sentence,
        "Write s3://bucket/prefix, with ?region=, endpoint=, kmsKey= or tags=off where needed, or the path of a folder.");
}

public sealed record FolderLocation(string Path) : VaultLocation;

public sealed record S3Location : VaultLocation
{
    private static readonly string[] s_known = ["region", "endpoint", "kmsKey", "tags"];

    public required string Bucket { get; init; }

    /// <summary>Empty, or ends with '/'.</summary>
    public string Prefix { get; init; } = "";

    /// <summary>Null: the SDK's own rules (AWS_REGION, the profile).</summary>
    public string? Region { get; init; }

    /// <summary>Null: AWS, or what AWS_ENDPOINT_URL_S3 and AWS_ENDPOINT_URL say.</summary>
    public Uri? Endpoint { get; init; }

    /// <summary>Key id, alias or ARN for SSE-KMS; null: the bucket's default encryption.</summary>
    public string? KmsKey { get; init; }

    /// <summary>False for stores without object tags; expiry by lifecycle rules is then impossible.</summary>
    public bool Tags { get; init; } = true;

    public override string ToString() => $"s3://{Bucket}/{Prefix}".TrimEnd('/');

    internal static S3Location ParseUrl(string text)
    {
        var (path, query) = Cut(text["s3://".Length..], '?');
        if (path.Contains('@') || text.Contains('#')) throw Wrong("an s3:// URL holds a bucket and a prefix, and never credentials");
        var (bucket, prefix) = Cut(path, '/');
        if (bucket.Length is < 3 or > 63 || !bucket.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '-' or '.'))
            throw Wrong("the s3:// URL does not name a bucket");
        prefix = prefix.Trim('/');
        if (prefix.Split('/').Any(s => s is "." or "..") || prefix.Contains("//", StringComparison.Ordinal))
            throw Wrong($"s3://{bucket} has a prefix with an empty, '.' or '..' segment");
        var settings = ReadQuery(query);
        return new S3Location
        {
            Bucket = bucket,
            Prefix = prefix.Length == 0 ? "" : prefix + "/",
            Region = settings.GetValueOrDefault("region"),
            Endpoint = settings.TryGetValue("endpoint", out var endpoint) ? ReadEndpoint(endpoint) : null,
            KmsKey = settings.GetValueOrDefault("kmsKey"),
            Tags = settings.GetValueOrDefault("tags", "on") switch
            {
                "on" => true,
                "off" => false,
                _ => throw Wrong("tags= is on or off"),
            },
        };
    }

    private static Dictionary<string, string> ReadQuery(string query)
    {
        var settings = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var pair in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var (name, value) = Cut(pair, '=');
            if (!s_known.Contains(name, StringComparer.Ordinal))
                throw Wrong($"an s3:// URL knows {string.Join(", ", s_known)}, not {new string([.. name.TakeWhile(char.IsAsciiLetter).Take(20)])}");
            if (value.Length == 0) throw Wrong($"{name}= has no value");
            if (!settings.TryAdd(name, Uri.UnescapeDataString(value))) throw Wrong($"{name}= is given twice");
        }

        return settings;
    }

    private static Uri ReadEndpoint(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var url) && (url.Scheme is "http" or "https") && url.UserInfo.Length == 0 && url.Query.Length == 0
            ? url
            : throw Wrong("endpoint= is an http:// or https:// URL without credentials");

    private static (string Before, string After) Cut(string text, char at) =>
        text.IndexOf(at) is >= 0 and var i ? (text[..i], text[(i + 1)..]) : (text, "");
}
