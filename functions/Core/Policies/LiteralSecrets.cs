using System.Text.RegularExpressions;

namespace Backup.Core.Policies;

/// <summary>
/// Recognizes credentials that were typed where a reference belongs. Errs towards suspicion for database URLs; a placeholder
/// (<c>${NAME}</c>, <c>&lt;password&gt;</c>, <c>***</c>) is no secret.
/// </summary>
internal static partial class LiteralSecrets
{
    public static bool IsIn(string text) =>
        Holds(DatabaseUrl(), text) || Holds(OtherUrl(), text) || Holds(UrlParameter(), text) || Token().IsMatch(text)
        // "password = ''" is also SQL; only beside other connection words is it a connection string.
        || (ConnectionWord().IsMatch(text) && Holds(PasswordWord(), text));

    private static bool Holds(Regex shape, string text) => shape.Matches(text).Any(m => !IsPlaceholder(m.Groups["secret"].Value));

    private static bool IsPlaceholder(string secret) => Placeholder().IsMatch(secret);

    // People paste passwords with '@', '/' and spaces unescaped, so the secret reaches to the last '@'.
    [GeneratedRegex(@"postgres(ql)?://[^\s:/@]*:(?<secret>.+)@", RegexOptions.IgnoreCase | RegexOptions.Singleline | RegexOptions.CultureInvariant)]
    private static partial Regex DatabaseUrl();

    [GeneratedRegex(@"\b[a-z][a-z0-9+.\-]{0,20}://[^\s:/@]*:(?<secret>[^\s/@]+)@", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex OtherUrl();

    [GeneratedRegex(@"://\S*[?&](ssl)?password=(?<secret>[^\s&]+)", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex UrlParameter();

    [GeneratedRegex(@"\b(host|server|dbname|database|user|username|user id)\s*=", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex ConnectionWord();

    [GeneratedRegex(@"\b(password|pwd)\s*=\s*(?<secret>('[^']+'|[^\s;'""]+))", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex PasswordWord();

    // AWS access keys, Slack webhooks and tokens, private keys: each has a shape of its own.
    [GeneratedRegex(@"\b(AKIA|ASIA)[A-Z0-9]{16}\b|hooks\.slack\.com/services/T|\bxox[a-z]-\w|-----BEGIN [A-Z ]*PRIVATE KEY", RegexOptions.CultureInvariant)]
    private static partial Regex Token();

    [GeneratedRegex(@"^(\$\{\w+\}|<[^>]*>|\*+|\.{3}|…)$", RegexOptions.CultureInvariant)]
    private static partial Regex Placeholder();
}
