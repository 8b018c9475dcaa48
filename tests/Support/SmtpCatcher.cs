using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Backup.Tests.Support;

/// <summary>One mail as the server took it.</summary>
public sealed record CaughtMail(string From, IReadOnlyList<string> To, string Text, string? Login, bool Encrypted);

/// <summary>A mail server on a free port of this machine, with STARTTLS or TLS from the first byte, and a certificate of its own making.</summary>
public sealed class SmtpCatcher : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly X509Certificate2 _certificate;
    private readonly Task _serving;
    private readonly bool _tlsAtOnce;
    private readonly bool _offersTls;

    public SmtpCatcher(bool tlsAtOnce, bool offersTls = true)
    {
        (_tlsAtOnce, _offersTls) = (tlsAtOnce, offersTls);
        _certificate = MakeCertificate();
        CertificateFile = Path.Combine(Path.GetTempPath(), $"smtp-{Guid.NewGuid():n}.pem");
        File.WriteAllText(CertificateFile, _certificate.ExportCertificatePem());
        _listener.Start();
        _serving = ServeAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public string CertificateFile { get; }

    public ConcurrentQueue<CaughtMail> Mails { get; } = new();

    /// <summary>Everything that clients said before a session was encrypted.</summary>
    public ConcurrentQueue<string> InClear { get; } = new();

    /// <summary>Replies to the next RCPT commands; 250 when it is empty.</summary>
    public ConcurrentQueue<string> Recipients { get; } = new();

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        await _serving;
        _certificate.Dispose();
        File.Delete(CertificateFile);
    }

    private static X509Certificate2 MakeCertificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        using var made = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        return X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pfx), null);
    }

    private async Task ServeAsync()
    {
        while (true)
        {
            try
            {
                using var client = await _listener.AcceptTcpClientAsync();
                await SessionAsync(client.GetStream());
            }
            catch (Exception e) when (e is IOException or System.Security.Authentication.AuthenticationException)
            {
                // The client did not like what it saw and left.
            }
            catch (Exception e) when (e is SocketException or InvalidOperationException) // stopped, or stopped and disposed
            {
                return;
            }
        }
    }

    private async Task SessionAsync(Stream stream)
    {
        var encrypted = false;
        async Task SecureAsync()
        {
            var tls = new SslStream(stream);
            stream = tls;
            await tls.AuthenticateAsServerAsync(_certificate);
            encrypted = true;
        }

        async Task SayAsync(string text) => await stream.WriteAsync(Encoding.ASCII.GetBytes(text + "\r\n"));
        if (_tlsAtOnce) await SecureAsync();
        await SayAsync("220 localhost");
        var (from, to, login) = ("", new List<string>(), (string?)null);
        while (await LineAsync(stream) is { } line)
        {
            if (!encrypted) InClear.Enqueue(line);
            switch (line.Split(' ', ':')[0].ToUpperInvariant())
            {
                case "EHLO":
                    await SayAsync($"250-localhost\r\n{(!encrypted && _offersTls ? "250-STARTTLS\r\n" : "")}250 AUTH PLAIN LOGIN");
                    break;
                case "STARTTLS":
                    await SayAsync("220 go");
                    await SecureAsync();
                    break;
                case "AUTH":
                    login = Encoding.UTF8.GetString(Convert.FromBase64String(line.Split(' ')[2])).Replace('\0', '|');
                    await SayAsync("235 ok");
                    break;
                case "MAIL":
                    from = line["MAIL FROM:".Length..].Trim('<', '>');
                    await SayAsync("250 ok");
                    break;
                case "RCPT":
                    to.Add(line["RCPT TO:".Length..].Trim('<', '>'));
                    await SayAsync(Recipients.TryDequeue(out var reply) ? reply : "250 ok");
                    break;
                case "DATA":
                    await SayAsync("354 go");
                    var text = new StringBuilder();
                    while (await LineAsync(stream) is { } part and not ".") text.Append(part.StartsWith('.') ? part[1..] : part).Append("\r\n");
                    Mails.Enqueue(new CaughtMail(from, to, text.ToString(), login, encrypted));
                    await SayAsync("250 taken");
                    break;
                default:
                    await SayAsync("221 bye");
                    return;
            }
        }
    }

    private static async Task<string?> LineAsync(Stream stream)
    {
        var line = new List<byte>();
        var one = new byte[1];
        while (await stream.ReadAsync(one) == 1)
        {
            if (one[0] == '\n') return Encoding.UTF8.GetString([.. line]).TrimEnd('\r');
            line.Add(one[0]);
        }

        return null;
    }
}
