using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.RegularExpressions;
using Backup.Core.Model;

namespace Backup.Core.Signals;

/// <summary>
/// Where mail is handed in: <c>smtps://user:password@host:465</c> (TLS from the first byte) or <c>smtp://user:password@host:587</c> (STARTTLS).
/// <c>?from=address</c> is the sender, <c>?ca=FILE</c> a certificate to trust besides the system's. There is no way to send without TLS.
/// </summary>
public sealed partial record SmtpServer
{
    public required string Host { get; init; }
    public required int Port { get; init; }
    public required bool TlsAtOnce { get; init; }
    public string? User { get; init; }
    public string? Password { get; init; }
    public required string From { get; init; }
    public X509Certificate2? TrustedRoot { get; init; }

    // A record prints its members, and one of them is a password.
    public override string ToString() => $"{Host}:{Port}";

    /// <exception cref="BackupException">usage: says what is wrong without repeating the text.</exception>
    public static SmtpServer Parse(string text, string variable)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out var uri) || uri.Scheme is not ("smtp" or "smtps") || uri.Host.Length == 0)
            throw Wrong(variable, "is no smtp:// or smtps:// URL");
        var user = uri.UserInfo.Split(':', 2);
        var settings = uri.Query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries).Select(p => p.Split('=', 2)).ToList();
        if (settings.Find(s => s.Length != 2 || s[0] is not ("from" or "ca")) is not null) throw Wrong(variable, "has a parameter that is neither from nor ca");
        string? Setting(string name) => settings.Find(s => s[0] == name) is { } s ? Uri.UnescapeDataString(s[1]) : null;
        var (name, password) = (Uri.UnescapeDataString(user[0]), user.Length == 2 ? Uri.UnescapeDataString(user[1]) : null);
        if (name.Length > 0 && password is null) throw Wrong(variable, "has a user without a password");
        var from = Setting("from") ?? (name.Contains('@', StringComparison.Ordinal) ? name : null) ?? throw Wrong(variable, "does not say who sends: add ?from=backup@example.com");
        if (!Address().IsMatch(from)) throw Wrong(variable, "has a from that is no address");
        return new SmtpServer
        {
            Host = uri.IdnHost,
            Port = uri.Port > 0 ? uri.Port : uri.Scheme == "smtps" ? 465 : 587,
            TlsAtOnce = uri.Scheme == "smtps",
            User = name.Length > 0 ? name : null,
            Password = password,
            From = from,
            TrustedRoot = Setting("ca") is { } file ? Root(file, variable) : null,
        };
    }

    /// <summary>An address that is also safe between the angle brackets of the protocol.</summary>
    [GeneratedRegex(@"^[^@\s<>\x00-\x1f]+@[^@\s<>\x00-\x1f]+\z")]
    private static partial Regex Address();

    private static X509Certificate2 Root(string file, string variable)
    {
        try
        {
            return X509CertificateLoader.LoadCertificateFromFile(file);
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw Wrong(variable, "names a ca file that is no certificate");
        }
    }

    private static BackupException Wrong(string variable, string what) =>
        new(ErrorCode.UsageWrong, $"the mail server in the environment variable {variable} {what}", $"Write {variable}=smtps://user:password@host:465?from=backup@example.com, with special characters as %XX.");
}
