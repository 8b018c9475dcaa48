using System.Collections.Concurrent;
using System.Net;

namespace Backup.Tests.Support;

/// <summary>What a webhook received.</summary>
public sealed record CaughtRequest(string Method, string Path, string ContentType, string Body);

/// <summary>A small HTTP server on a free port of this machine that keeps what it gets and answers as told.</summary>
public sealed class HttpCatcher : IAsyncDisposable
{
    private readonly HttpListener _listener;
    private readonly Task _serving;

    public HttpCatcher()
    {
        (_listener, Address) = Start();
        _serving = ServeAsync();
    }

    /// <summary>http://127.0.0.1:port/</summary>
    public Uri Address { get; }

    public ConcurrentQueue<CaughtRequest> Requests { get; } = new();

    /// <summary>Status of the next answers; 200 when it is empty.</summary>
    public ConcurrentQueue<int> Answers { get; } = new();

    /// <summary>Of every answer.</summary>
    public string Body { get; set; } = "";

    public async ValueTask DisposeAsync()
    {
        _listener.Close();
        await _serving;
    }

    private static (HttpListener, Uri) Start()
    {
        for (var attempt = 1; ; attempt++)
        {
            var address = new Uri($"http://127.0.0.1:{Random.Shared.Next(20_000, 32_000)}/");
            var listener = new HttpListener();
            listener.Prefixes.Add(address.ToString());
            try
            {
                listener.Start();
                return (listener, address);
            }
            catch (HttpListenerException) when (attempt < 50)
            {
                listener.Close(); // the port is taken
            }
        }
    }

    private async Task ServeAsync()
    {
        while (true)
        {
            HttpListenerContext context;
            try
            {
                context = await _listener.GetContextAsync();
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
            {
                return;
            }

            using var reader = new StreamReader(context.Request.InputStream);
            Requests.Enqueue(new CaughtRequest(context.Request.HttpMethod, context.Request.RawUrl ?? "", context.Request.ContentType ?? "", await reader.ReadToEndAsync()));
            context.Response.StatusCode = Answers.TryDequeue(out var status) ? status : 200;
            context.Response.Close(System.Text.Encoding.UTF8.GetBytes(Body), willBlock: true);
        }
    }
}
