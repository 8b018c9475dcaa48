using System.Net;
using System.Text;
using Backup.Core.Model;
using Polly;
using Polly.Retry;

namespace Backup.Core.Signals;

/// <summary>How patiently notices are delivered. Tests make it quick.</summary>
public sealed record DeliveryTuning
{
    public int Retries { get; init; } = 4;

    /// <summary>Before the first repetition; doubles each time, with some chance in it.</summary>
    public TimeSpan FirstDelay { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>For one attempt.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Repeats what is transient. The failure that remains is the last one.</summary>
    internal ResiliencePipeline Pipeline() => new ResiliencePipelineBuilder()
        .AddRetry(new RetryStrategyOptions
        {
            ShouldHandle = new PredicateBuilder().Handle<BackupException>(e => e.IsTransient),
            MaxRetryAttempts = Retries,
            BackoffType = DelayBackoffType.Exponential,
            UseJitter = true,
            Delay = FirstDelay,
            MaxDelay = TimeSpan.FromSeconds(30),
        })
        .Build();
}

/// <summary>Posts to webhooks. The address is a secret: no error repeats any part of it, and redirects, which would carry it elsewhere, are not followed.</summary>
public sealed class HttpDelivery : IDisposable
{
    private readonly HttpClient _http;
    private readonly ResiliencePipeline _pipeline;
    private readonly DeliveryTuning _tuning;

    public HttpDelivery(DeliveryTuning? tuning = null)
    {
        _tuning = tuning ?? new DeliveryTuning();
        _pipeline = _tuning.Pipeline();
        _http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, ConnectTimeout = _tuning.Timeout }) { Timeout = _tuning.Timeout };
    }

    /// <param name="who">For messages: "Slack".</param>
    public Task PostAsync(string who, Uri address, string json, CancellationToken cancel) =>
        _pipeline.ExecuteAsync(async token => await SendAsync(who, HttpMethod.Post, address, json, token), cancel).AsTask();

    public Task GetAsync(string who, Uri address, CancellationToken cancel) =>
        _pipeline.ExecuteAsync(async token => await SendAsync(who, HttpMethod.Get, address, null, token), cancel).AsTask();

    public void Dispose() => _http.Dispose();

    /// <exception cref="BackupException">usage: it is no http(s) URL. The text is not repeated.</exception>
    public static Uri Address(string text, string variable) =>
        Uri.TryCreate(text, UriKind.Absolute, out var uri) && (uri.Scheme == Uri.UriSchemeHttps || (uri.Scheme == Uri.UriSchemeHttp && uri.IsLoopback))
            ? uri
            : throw new BackupException(ErrorCode.UsageWrong, $"the environment variable {variable} holds no https:// URL", $"Set {variable} to the URL that the service shows.");

    private async Task SendAsync(string who, HttpMethod method, Uri address, string? json, CancellationToken cancel)
    {
        using var request = new HttpRequestMessage(method, address);
        if (json is not null) request.Content = new StringContent(json, Encoding.UTF8, "application/json");
        try
        {
            using var answer = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancel);
            if (answer.IsSuccessStatusCode) return;
            throw Failed(who, $"answered {(int)answer.StatusCode}", answer.StatusCode is HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests || (int)answer.StatusCode >= 500);
        }
        catch (HttpRequestException e)
        {
            // The exception's own text names the host, and a webhook's host and path are its password.
            throw Failed(who, $"could not be reached ({e.HttpRequestError})", transient: true);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw Failed(who, $"did not answer within {_tuning.Timeout.TotalSeconds:0.#} s", transient: true);
        }
    }

    private static BackupException Failed(string who, string what, bool transient) =>
        new(ErrorCode.NoticeFailed, $"{who} {what}", $"Check the address of {who} in the environment, and whether the service is up.") { IsTransient = transient };
}
