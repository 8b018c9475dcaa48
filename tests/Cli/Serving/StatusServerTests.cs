using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Backup.Cli.Serving;
using Backup.Core.Model;
using Backup.Core.Operations.Serving;
using Backup.Core.Operations.Status;
using Backup.Tests.Support;

namespace Backup.Cli.Tests.Serving;

/// <summary>Who gets what over HTTP, and who does not.</summary>
public sealed class StatusServerTests : IDisposable
{
    private const string Token = "hunter2hunter2hunter2";

    private readonly string _folder = Directory.CreateTempSubdirectory("backup-serve-").FullName;
    private readonly ConcurrentQueue<Work> _asked = new();
    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false });

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _http.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Pages_health_and_figures_are_served_to_this_machine_and_cached_and_framed_by_nobody()
    {
        var status = StatusScenes.Healthy();
        await using var server = await StartAsync(() => status);
        using var page = await _http.GetAsync(server.Address, Cancel);
        Assert.Equal((HttpStatusCode.OK, "text/html"), (page.StatusCode, page.Content.Headers.ContentType?.MediaType));
        Assert.Contains("frame-ancestors 'none'", page.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
        Assert.True(page.Headers.CacheControl?.NoStore);
        Assert.False(page.Headers.Contains("Server"));
        Assert.Contains("ALL SAFE", await page.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
        Assert.Contains("<h1><bdi>shop</bdi></h1>", await _http.GetStringAsync(new Uri(server.Address, "database/shop"), Cancel), StringComparison.Ordinal);
        using var figures = await _http.GetAsync(new Uri(server.Address, "metrics"), Cancel);
        Assert.Equal("text/plain; version=0.0.4; charset=utf-8", figures.Content.Headers.ContentType?.ToString());
        Assert.Equal((200, "ok\n"), await GetAsync(server, "healthz"));
        status = status with { LookedAt = StatusScenes.Now.AddHours(-3) };
        Assert.Equal((503, "the last look at the vault was at 2026-03-20 09:00Z\n"), await GetAsync(server, "healthz"));
        Assert.Equal(404, (await GetAsync(server, "database/nobody")).Status);
        Assert.Equal(404, (await GetAsync(server, "favicon.ico")).Status);
        using var head = await _http.SendAsync(new HttpRequestMessage(HttpMethod.Head, server.Address), Cancel);
        Assert.Equal(HttpStatusCode.OK, head.StatusCode);
    }

    [Fact]
    public async Task A_name_that_somebody_elses_dns_points_here_is_not_answered()
    {
        await using var server = await StartAsync(StatusScenes.Healthy);
        foreach (var host in (string[])["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1", ""])
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, server.Address);
            request.Headers.TryAddWithoutValidation("Host", host.Length == 0 ? "-" : $"{host}:{server.Address.Port}");
            using var answer = await _http.SendAsync(request, Cancel);
            Assert.Equal(HttpStatusCode.MisdirectedRequest, answer.StatusCode);
            Assert.DoesNotContain("SAFE", await answer.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
        }

        Assert.Equal(200, (await GetAsync(server, "", $"localhost:{server.Address.Port}")).Status);
        Assert.Equal(200, (await GetAsync(server, "", "backups.internal")).Status); // --allow-host
    }

    [Fact]
    public async Task Without_actions_nothing_can_be_asked_for()
    {
        await using var server = await StartAsync(StatusScenes.Healthy);
        Assert.Equal((403, "This service is read-only. Start it with --allow-actions to have buttons.\n"), await PostAsync(server, "backup", "shop", Token));
        Assert.Empty(_asked);
    }

    [Fact]
    public async Task A_button_needs_the_token_and_the_services_own_page()
    {
        await using var server = await StartAsync(StatusScenes.Healthy, Read("${TOKEN}", Token));
        Assert.Equal(403, (await PostAsync(server, "backup", "shop", "hunter2hunter2hunter3")).Status);
        Assert.Equal(403, (await PostAsync(server, "backup", "shop", null)).Status);
        Assert.Equal(403, (await PostAsync(server, "backup", "shop", Token, ("Origin", "http://evil.example"))).Status);
        Assert.Equal(403, (await PostAsync(server, "backup", "shop", Token, ("Sec-Fetch-Site", "cross-site"))).Status);
        Assert.Equal(400, (await PostAsync(server, "prune", "shop", Token)).Status);
        Assert.Equal(400, (await PostAsync(server, "backup", "nobody", Token)).Status);
        Assert.Equal(405, (await PostAsync(server, "backup", "shop", Token, path: "database/shop")).Status);
        Assert.Empty(_asked);
        var own = ("Origin", server.Address.GetLeftPart(UriPartial.Authority));
        Assert.Equal((303, ""), await PostAsync(server, "drill", "shop", Token, own));
        Assert.Equal([new Work(WorkKind.Drill, "shop")], _asked);
        Assert.Contains("Asked for: drill.", (await GetAsync(server, "database/shop?asked=drill")).Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data")]
    [InlineData("application/x-www-form-urlencoded; charset=utf-7", "action=backup")]
    [InlineData("application/x-www-form-urlencoded", null)]
    public async Task What_no_browser_sends_is_a_wrong_token_and_no_line_in_the_log(string type, string? body)
    {
        var noted = new ConcurrentQueue<string>();
        await using var server = await StartAsync(StatusScenes.Healthy, Read("${TOKEN}", Token), noted.Enqueue);
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(server.Address, "act")) { Content = new ByteArrayContent(Encoding.ASCII.GetBytes(body ?? string.Join('&', Enumerable.Range(0, 1200).Select(i => $"{(char)('a' + (i % 26))}=")))) };
        request.Content.Headers.TryAddWithoutValidation("Content-Type", type);
        using var answer = await _http.SendAsync(request, Cancel);
        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        Assert.Empty(noted);
        Assert.Empty(_asked);
    }

    [Fact]
    public async Task A_client_that_goes_away_or_sends_too_much_is_no_line_in_the_log()
    {
        var noted = new ConcurrentQueue<string>();
        await using (var server = await StartAsync(StatusScenes.Healthy, Read("${TOKEN}", Token), noted.Enqueue))
        {
            Assert.Equal(413, (await PostAsync(server, new string('x', 5000), "shop", Token)).Status);
            using var client = new TcpClient();
            await client.ConnectAsync(IPAddress.Loopback, server.Address.Port, Cancel);
            await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes("POST /act HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n"), Cancel);
            Assert.True(await client.GetStream().ReadAsync(new byte[25], Cancel) > 0); // "100 Continue": the body is being read
            client.LingerState = new LingerOption(true, 0);
        }

        Assert.Empty(noted);
    }

    [Fact]
    public void A_token_comes_from_a_variable_or_a_file_of_its_owner_and_is_never_repeated()
    {
        var file = Path.Combine(_folder, "token");
        File.WriteAllText(file, Token + "\n");
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        Assert.True(Read(file).Is(Token));
        Assert.False(Read(file).Is(Token + "x"));
        Assert.False(Read(file).Is(null));
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.GroupRead);
        Assert.StartsWith("others may read", Assert.Throws<BackupException>(() => Read(file)).Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", Assert.Throws<BackupException>(() => Read(Token)).Message, StringComparison.Ordinal);
        Assert.Contains("is not set", Assert.Throws<BackupException>(() => Read("${NONE}")).Message, StringComparison.Ordinal);
        Assert.Equal("the token has 5 characters", Assert.Throws<BackupException>(() => Read("${TOKEN}", "short")).Message);
    }

    [Fact]
    public async Task Only_this_machine_is_listened_to_unless_somebody_says_so()
    {
        Assert.True(ListenAddress.Parse("localhost:8080", false, []).IsLoopback);
        Assert.True(ListenAddress.Parse("[::1]:8080", false, []).IsLoopback);
        Assert.Contains("other machines", Assert.Throws<BackupException>(() => ListenAddress.Parse("0.0.0.0:8080", false, [])).Message, StringComparison.Ordinal);
        foreach (var wrong in (string[])["8080", "127.0.0.1", "::1", "example.org:80", "", ":8080"]) Assert.Equal(ErrorCode.UsageWrong, Assert.Throws<BackupException>(() => ListenAddress.Parse(wrong, true, [])).Code);
        var exposed = ListenAddress.Parse("0.0.0.0:8080", true, []);
        Assert.True(exposed.Answers("192.0.2.7"));
        Assert.False(exposed.Answers("evil.example"));
        await using var first = await StartAsync(StatusScenes.Healthy);
        var taken = await Assert.ThrowsAsync<BackupException>(() => StatusServer.StartAsync(ListenAddress.Parse($"127.0.0.1:{first.Address.Port}", false, []), StatusScenes.Healthy, _asked.Enqueue, null, TimeProvider.System, _ => { }, Cancel));
        Assert.StartsWith($"127.0.0.1:{first.Address.Port} cannot be listened on", taken.Message, StringComparison.Ordinal);
    }

    private static ActionToken Read(string reference, string? variable = null) => ActionToken.Read(reference, Backup.Core.Machine.MachineEnvironment.Read() with
    {
        Variables = variable is null ? new Dictionary<string, string>() : new Dictionary<string, string> { ["TOKEN"] = variable },
    });

    private Task<StatusServer> StartAsync(Func<ServiceStatus> status, ActionToken? token = null, Action<string>? note = null) =>
        StatusServer.StartAsync(ListenAddress.Parse("127.0.0.1:0", false, ["backups.internal"]), status, _asked.Enqueue, token, TimeProvider.System, note ?? (_ => { }), Cancel);

    private async Task<(int Status, string Text)> GetAsync(StatusServer server, string path, string? host = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(server.Address, path));
        if (host is not null) request.Headers.Host = host;
        using var answer = await _http.SendAsync(request, Cancel);
        return ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync(Cancel));
    }

    private async Task<(int Status, string Text)> PostAsync(StatusServer server, string action, string database, string? token, (string Name, string Value)? header = null, string path = "act")
    {
        var fields = new Dictionary<string, string> { ["action"] = action, ["database"] = database };
        if (token is not null) fields["token"] = token;
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(server.Address, path)) { Content = new FormUrlEncodedContent(fields) };
        if (header is { } h) request.Headers.TryAddWithoutValidation(h.Name, h.Value);
        using var answer = await _http.SendAsync(request, Cancel);
        return ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync(Cancel));
    }
}
