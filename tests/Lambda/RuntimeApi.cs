using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Threading.Channels;

namespace Backup.Lambda.Tests;

/// <summary>Lambda's Runtime API for one function process: it asks for the next event, and posts a response or an error.</summary>
internal sealed class RuntimeApi : IAsyncDisposable
{
    private readonly HttpListener _listener = new();
    private readonly Channel<string> _events = Channel.CreateUnbounded<string>();
    private readonly Channel<(string Kind, string Body)> _answers = Channel.CreateUnbounded<(string, string)>();
    private readonly Task _serving;

    public RuntimeApi()
    {
        Address = $"127.0.0.1:{FreePort()}";
        _listener.Prefixes.Add($"http://{Address}/");
        _listener.Start();
        _serving = ServeAsync();
    }

    public string Address { get; }

    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>Delivers one event and returns what the process posts for it: <c>response</c> or <c>error</c>, and the body.</summary>
    public async Task<(string Kind, string Body)> InvokeAsync(string json)
    {
        await _events.Writer.WriteAsync(json);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(120));
        return await _answers.Reader.ReadAsync(limit.Token);
    }

    public async ValueTask DisposeAsync()
    {
        _events.Writer.Complete();
        _listener.Close();
        await _serving;
    }

    private async Task ServeAsync()
    {
        try
        {
            while (true)
            {
                var context = await _listener.GetContextAsync();
                _ = Task.Run(() => AnswerAsync(context));
            }
        }
        catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
        {
            // the test is over
        }
    }

    private async Task AnswerAsync(HttpListenerContext context)
    {
        try
        {
            var path = context.Request.Url!.AbsolutePath;
            if (path.EndsWith("/invocation/next", StringComparison.Ordinal)) await NextAsync(context.Response);
            else
            {
                using var reader = new StreamReader(context.Request.InputStream);
                _answers.Writer.TryWrite((path.Split('/')[^1], await reader.ReadToEndAsync()));
                context.Response.StatusCode = 202;
            }

            context.Response.Close();
        }
        catch (Exception e) when (e is HttpListenerException or ObjectDisposedException or ChannelClosedException)
        {
            // the process or the test is gone
        }
    }

    private async Task NextAsync(HttpListenerResponse response)
    {
        var json = await _events.Reader.ReadAsync();
        response.Headers["Lambda-Runtime-Aws-Request-Id"] = Guid.NewGuid().ToString();
        response.Headers["Lambda-Runtime-Deadline-Ms"] = DateTimeOffset.UtcNow.AddMinutes(10).ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture);
        response.Headers["Lambda-Runtime-Invoked-Function-Arn"] = "arn:aws:lambda:eu-central-1:123456789012:function:dump";
        response.ContentType = "application/json";
        await response.OutputStream.WriteAsync(Encoding.UTF8.GetBytes(json));
    }
}
