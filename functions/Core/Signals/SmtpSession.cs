using System.Globalization;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Backup.Core.Model;

namespace Backup.Core.Signals;

/// <summary>
/// One hand-in of one message (RFC 5321) over TLS. System.Net.Mail cannot speak TLS from the first byte, which RFC 8314 prefers and port 465 wants, nor
/// trust a private root; these few commands can. Nothing but EHLO and STARTTLS is ever said in clear.
/// </summary>
internal sealed class SmtpSession : IAsyncDisposable
{
    private const int LongestReply = 64 * 1024;

    private readonly SmtpServer _server;
    private readonly TcpClient _tcp = new();
    private readonly byte[] _one = new byte[1];
    private Stream _stream = Stream.Null;

    private SmtpSession(SmtpServer server) => _server = server;

    /// <exception cref="BackupException">notice.failed: transient for the network and for 4xx replies.</exception>
    public static async Task SendAsync(SmtpServer server, IReadOnlyList<string> to, string message, CancellationToken cancel)
    {
        try
        {
            await using var session = new SmtpSession(server);
            await session.OpenAsync(cancel);
            await session.HandInAsync(to, message, cancel);
        }
        catch (AuthenticationException e)
        {
            throw Failed(server, $"could not be trusted: {e.Message}", transient: false);
        }
        catch (Exception e) when (e is SocketException or IOException)
        {
            throw Failed(server, $"could not be reached: {e.Message}", transient: true);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stream.DisposeAsync();
        _tcp.Dispose();
    }

    private async Task OpenAsync(CancellationToken cancel)
    {
        await _tcp.ConnectAsync(_server.Host, _server.Port, cancel);
        _stream = _tcp.GetStream();
        if (_server.TlsAtOnce) await SecureAsync(cancel);
        await ExpectAsync(220, "the greeting", cancel);
        var offers = await CommandAsync("EHLO backup.invalid", 250, "EHLO", cancel);
        if (!_server.TlsAtOnce)
        {
            if (!offers.Contains("STARTTLS", StringComparison.OrdinalIgnoreCase)) throw Failed(_server, "offers no STARTTLS, and nothing is sent in clear", transient: false);
            await CommandAsync("STARTTLS", 220, "STARTTLS", cancel);
            await SecureAsync(cancel);
            offers = await CommandAsync("EHLO backup.invalid", 250, "EHLO", cancel); // what was offered in clear is not believed
        }

        if (_server.User is null) return;
        if (!offers.Contains("AUTH", StringComparison.OrdinalIgnoreCase)) throw Failed(_server, "accepts no login", transient: false);
        if (offers.Contains("PLAIN", StringComparison.OrdinalIgnoreCase))
        {
            await CommandAsync("AUTH PLAIN " + Base64($"\0{_server.User}\0{_server.Password}"), 235, "the login", cancel);
            return;
        }

        await CommandAsync("AUTH LOGIN", 334, "the login", cancel);
        await CommandAsync(Base64(_server.User), 334, "the login", cancel);
        await CommandAsync(Base64(_server.Password!), 235, "the login", cancel);
    }

    private async Task HandInAsync(IReadOnlyList<string> to, string message, CancellationToken cancel)
    {
        await CommandAsync($"MAIL FROM:<{_server.From}>", 250, "the sender", cancel);
        foreach (var address in to) await CommandAsync($"RCPT TO:<{address}>", 250, $"the recipient {address}", cancel);
        await CommandAsync("DATA", 354, "DATA", cancel);
        await WriteAsync(message.ReplaceLineEndings("\r\n").Replace("\r\n.", "\r\n..", StringComparison.Ordinal) + "\r\n.\r\n", cancel);
        await ExpectAsync(250, "the message", cancel);
        await WriteAsync("QUIT\r\n", cancel); // it has the message; whether it says goodbye does not matter
    }

    private async Task SecureAsync(CancellationToken cancel)
    {
        var options = new SslClientAuthenticationOptions { TargetHost = _server.Host, EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13 };
        if (_server.TrustedRoot is { } root)
        {
            options.CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            options.CertificateChainPolicy.CustomTrustStore.Add(root);
        }

        var tls = new SslStream(_stream);
        _stream = tls;
        await tls.AuthenticateAsClientAsync(options, cancel);
    }

    private async Task<string> CommandAsync(string line, int expected, string what, CancellationToken cancel)
    {
        await WriteAsync(line + "\r\n", cancel);
        return await ExpectAsync(expected, what, cancel);
    }

    private async Task WriteAsync(string text, CancellationToken cancel)
    {
        await _stream.WriteAsync(Encoding.UTF8.GetBytes(text), cancel);
        await _stream.FlushAsync(cancel);
    }

    /// <summary>The whole reply. Its text is never repeated: a server may quote what it was sent, and that includes a password.</summary>
    private async Task<string> ExpectAsync(int expected, string what, CancellationToken cancel)
    {
        var reply = new StringBuilder();
        while (true)
        {
            var line = await LineAsync(cancel);
            reply.Append(line).Append('\n');
            if (reply.Length > LongestReply || line.Length < 3 || !int.TryParse(line.AsSpan(0, 3), NumberStyles.None, CultureInfo.InvariantCulture, out var code))
                throw Failed(_server, "does not speak SMTP", transient: false);
            if (line.Length > 3 && line[3] == '-') continue;
            return code == expected ? reply.ToString() : throw Failed(_server, $"refused {what} with {code}", transient: code is >= 400 and < 500);
        }
    }

    // Byte by byte, so that nothing behind the reply to STARTTLS is taken from the clear text into the encrypted session.
    private async Task<string> LineAsync(CancellationToken cancel)
    {
        var line = new StringBuilder();
        while (await _stream.ReadAsync(_one, cancel) == 1)
        {
            if (_one[0] == '\n') return line.ToString().TrimEnd('\r');
            line.Append((char)_one[0]);
            if (line.Length > LongestReply) break;
        }

        throw new IOException("the connection ended in the middle of a reply");
    }

    private static string Base64(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));

    private static BackupException Failed(SmtpServer server, string what, bool transient) =>
        new(ErrorCode.NoticeFailed, $"the mail server {server} {what}", "Check the URL of the mail server in the environment, and the server's log.") { IsTransient = transient };
}
