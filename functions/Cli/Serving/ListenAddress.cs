using System.Net;
using Backup.Core.Model;

namespace Backup.Cli.Serving;

/// <summary>
/// Where the page is served, and under which names. A browser can be led to this machine under any name that somebody else's DNS gives it (rebinding), so only names
/// that mean this machine, or that the operator has named, are answered.
/// </summary>
public sealed record ListenAddress(IPEndPoint EndPoint, IReadOnlyList<string> Names)
{
    public bool IsLoopback => IPAddress.IsLoopback(EndPoint.Address);

    /// <param name="text"><c>address:port</c>; localhost is 127.0.0.1, port 0 any free one.</param>
    /// <param name="expose">The operator has asked for an address that other machines reach.</param>
    /// <param name="names">Further names to answer to.</param>
    /// <exception cref="BackupException">usage</exception>
    public static ListenAddress Parse(string text, bool expose, IReadOnlyList<string> names)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (!IPEndPoint.TryParse(text.StartsWith("localhost:", StringComparison.Ordinal) ? text.Replace("localhost", "127.0.0.1", StringComparison.Ordinal) : text, out var address) || !HasPort(text))
            throw new BackupException(ErrorCode.UsageWrong, $"--listen is \"{text}\"", "Write an address and a port, for example 127.0.0.1:8080 or [::1]:8080.");
        var listen = new ListenAddress(address, names);
        if (!listen.IsLoopback && !expose)
            throw new BackupException(ErrorCode.UsageWrong, $"--listen {text} lets other machines read the page, without a login and without TLS",
                "Keep 127.0.0.1 and go there through ssh -L or a proxy with TLS and a login; or add --expose when the network itself keeps strangers out.");
        return listen;
    }

    /// <summary>Whether a request that names this host is answered.</summary>
    /// <param name="host">As the Host header has it, without the port.</param>
    public bool Answers(string host)
    {
        ArgumentNullException.ThrowIfNull(host);
        if (Names.Contains(host, StringComparer.OrdinalIgnoreCase)) return true;
        // An address is no name that anybody could point elsewhere.
        if (IPAddress.TryParse(host.Trim('[', ']'), out var address)) return IPAddress.IsLoopback(address) || !IsLoopback;
        return string.Equals(host, "localhost", StringComparison.OrdinalIgnoreCase);
    }

    private static bool HasPort(string text) => text.Length > 1 && char.IsAsciiDigit(text[^1]) && text.LastIndexOf(':') > text.LastIndexOf(']') && (text.Count(c => c == ':') == 1 || text.StartsWith('['));
}
