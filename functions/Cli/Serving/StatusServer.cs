using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Backup.Core.Model;
using Backup.Core.Operations.Serving;
using Backup.Core.Operations.Status;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Backup.Cli.Serving;

/// <summary>
/// The page, its buttons, /healthz and /metrics over HTTP. Reads no environment and no file, keeps no session. What is shown is a pure function of the status.
/// </summary>
public sealed class StatusServer : IAsyncDisposable
{
    private const int LargestForm = 4096;
    private const string Policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

    /// <summary>A wrong token costs this much time, and one guess is judged at a time.</summary>
    private static readonly TimeSpan _wrongToken = TimeSpan.FromSeconds(1);

    private readonly WebApplication _app;
    private readonly ListenAddress _listen;
    private readonly Func<ServiceStatus> _status;
    private readonly Action<Work> _ask;
    private readonly ActionToken? _token;
    private readonly TimeProvider _clock;
    private readonly SemaphoreSlim _oneGuess = new(1);

    private StatusServer(ListenAddress listen, Func<ServiceStatus> status, Action<Work> ask, ActionToken? token, TimeProvider clock, Action<string> note)
    {
        (_listen, _status, _ask, _token, _clock) = (listen, status, ask, token, clock);
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(o =>
        {
            o.AddServerHeader = false;
            o.Limits.MaxRequestBodySize = LargestForm;
            o.Listen(listen.EndPoint);
        });
        builder.Logging.AddProvider(new NotedErrors(note)).SetMinimumLevel(LogLevel.Error);
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>(); // signals are the verb's
        _app = builder.Build();
        _app.Run(AnswerAsync);
    }

    /// <summary>With the port that was taken.</summary>
    public Uri Address { get; private set; } = null!;

    /// <param name="ask">What a button asks for; must return at once.</param>
    /// <param name="token">Null: the page is read-only.</param>
    /// <exception cref="BackupException">usage: the address cannot be listened on.</exception>
    public static async Task<StatusServer> StartAsync(
        ListenAddress listen, Func<ServiceStatus> status, Action<Work> ask, ActionToken? token, TimeProvider clock, Action<string> note, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(listen);
        var server = new StatusServer(listen, status, ask, token, clock, note);
        try
        {
            await server._app.StartAsync(cancel);
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            await server.DisposeAsync();
            throw new BackupException(ErrorCode.UsageWrong, $"{listen.EndPoint} cannot be listened on: {e.Message.TrimEnd('.')}", "Stop what listens there, or choose another port with --listen.", e);
        }

        server.Address = new Uri(server._app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());
        return server;
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _oneGuess.Dispose();
    }

    private async Task AnswerAsync(HttpContext http)
    {
        var (request, response) = (http.Request, http.Response);
        response.Headers.ContentSecurityPolicy = Policy;
        response.Headers.XContentTypeOptions = "nosniff";
        response.Headers.CacheControl = "no-store";
        response.Headers["Referrer-Policy"] = "same-origin";
        var path = request.Path.Value ?? "/";
        if (!_listen.Answers(request.Host.Host)) await TextAsync(response, 421, "This name is not served here. Use 127.0.0.1, or start the service with --allow-host NAME.");
        else if (HttpMethods.IsPost(request.Method) && path == "/act") await ActAsync(http);
        else if (!HttpMethods.IsGet(request.Method) && !HttpMethods.IsHead(request.Method)) await TextAsync(response, 405, "Only GET is answered here.");
        else if (path == "/") await WriteAsync(response, 200, "text/html; charset=utf-8", StatusPage.Write(Status()));
        else if (path == "/metrics") await WriteAsync(response, 200, PrometheusText.ContentType, PrometheusText.Write(Status()));
        else if (path == "/healthz") await TextAsync(response, Status().Illness is null ? 200 : 503, Status().Illness ?? "ok");
        else if (DatabaseOf(path) is { } database) await DatabaseAsync(request, response, database);
        else await TextAsync(response, 404, "There is no such page. The first one is /.");
    }

    private ServiceStatus Status() => _status() with { AllowsActions = _token is not null };

    private string? DatabaseOf(string path)
    {
        const string folder = "/database/";
        return path.StartsWith(folder, StringComparison.Ordinal) ? _status().Policy.Databases.FirstOrDefault(d => d.Name == path[folder.Length..])?.Name : null;
    }

    private Task DatabaseAsync(HttpRequest request, HttpResponse response, string database)
    {
        var page = int.TryParse(request.Query["page"], NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 1;
        var said = Kind(request.Query["asked"]) is { } kind ? $"Asked for: {Words.Of(kind)}. It begins as soon as its turn comes; this page shows it under Now when it is loaded again." : null;
        return WriteAsync(response, 200, "text/html; charset=utf-8", DatabasePage.Write(Status(), database, page, said));
    }

    private async Task ActAsync(HttpContext http)
    {
        var (request, response) = (http.Request, http.Response);
        if (_token is null) await TextAsync(response, 403, "This service is read-only. Start it with --allow-actions to have buttons.");
        else if (!IsOwnPage(request)) await TextAsync(response, 403, "Only the page of this service may ask for that.");
        else
        {
            var form = await FormAsync(request, http.RequestAborted);
            if (!await IsTokenAsync(form["token"], http.RequestAborted)) await TextAsync(response, 403, "The token is wrong. Nothing was done.");
            else if (Kind(form["action"]) is { } kind && DatabaseOf($"/database/{form["database"]}") is { } database)
            {
                _ask(new Work(kind, database));
                response.StatusCode = 303;
                response.Headers.Location = $"/database/{Uri.EscapeDataString(database)}?asked={Words.Of(kind)}";
            }
            else await TextAsync(response, 400, "There is no such action or database.");
        }
    }

    /// <summary>Whatever was sent: the reader of the framework throws at what no browser sends, and each would be a trace in the log.</summary>
    private static async Task<IQueryCollection> FormAsync(HttpRequest request, CancellationToken cancel)
    {
        using var body = new StreamReader(request.Body);
        return new QueryCollection(QueryHelpers.ParseQuery($"?{await body.ReadToEndAsync(cancel)}"));
    }

    private static WorkKind? Kind(string? word) => Words.TryParse<WorkKind>(word, out var kind) && kind is WorkKind.Backup or WorkKind.Verify or WorkKind.Drill ? kind : null;

    /// <summary>A browser says where a form comes from; the token is what protects, this keeps it from being tried by foreign pages.</summary>
    private static bool IsOwnPage(HttpRequest request)
    {
        if (request.Headers["Sec-Fetch-Site"].FirstOrDefault() is { } site && site is not ("same-origin" or "none")) return false;
        return request.Headers.Origin.FirstOrDefault() is not { } origin || Uri.TryCreate(origin, UriKind.Absolute, out var from) && from.Authority == request.Host.Value;
    }

    private async Task<bool> IsTokenAsync(string? typed, CancellationToken cancel)
    {
        await _oneGuess.WaitAsync(cancel);
        try
        {
            if (_token!.Is(typed)) return true;
            await Task.Delay(_wrongToken, _clock, cancel);
            return false;
        }
        finally
        {
            _oneGuess.Release();
        }
    }

    private static Task TextAsync(HttpResponse response, int status, string text) => WriteAsync(response, status, "text/plain; charset=utf-8", text + "\n");

    private static Task WriteAsync(HttpResponse response, int status, string type, string text)
    {
        response.StatusCode = status;
        response.ContentType = type;
        return response.WriteAsync(text);
    }

    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }

    private sealed class NotedErrors(Action<string> note) : ILoggerProvider, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Error;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            // Whoever asked has gone, sends too slowly or too much: no fault of the page.
            if (exception is BadHttpRequestException or ConnectionResetException or OperationCanceledException) return;
            if (IsEnabled(logLevel)) note($"the page: {formatter(state, exception)} {exception}");
        }

        public void Dispose()
        {
        }
    }
}
