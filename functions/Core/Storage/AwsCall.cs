using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Nodes;
using Amazon;
using Amazon.Runtime;
using Amazon.Runtime.Credentials;
using Amazon.Runtime.Signing;
using Backup.Core.Machine;
using Backup.Core.Model;

namespace Backup.Core.Storage;

/// <summary>
/// One signed JSON request to a service of AWS, for the few calls that are not worth a client package of their own. Credentials, region and endpoint come
/// from where the SDK finds them. Throttling, server errors and a lost connection are tried again.
/// </summary>
public sealed class AwsCall(MachineEnvironment machine, TimeProvider clock)
{
    private const int Attempts = 4;
    private static readonly TimeSpan _firstPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan _limit = TimeSpan.FromSeconds(30);
    private static readonly string[] _throttles = ["ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded", "LimitExceededException"];

    /// <summary>Services of the JSON 1.1 protocol, for example <c>AmazonEC2ContainerServiceV20141113.RunTask</c>.</summary>
    /// <exception cref="AwsCallException">The service said no, or could not be reached.</exception>
    public Task<JsonObject> PostAsync(string service, string target, JsonObject body, CancellationToken cancel) =>
        SendAsync(service, "/", body, [new("X-Amz-Target", target)], "application/x-amz-json-1.1", cancel);

    /// <summary>Services of the REST protocol. The answer of an empty body is an empty object.</summary>
    /// <exception cref="AwsCallException">The service said no, or could not be reached.</exception>
    public Task<JsonObject> PostPathAsync(string service, string path, JsonObject body, IEnumerable<KeyValuePair<string, string>> headers, CancellationToken cancel) =>
        SendAsync(service, path, body, headers, "application/json", cancel);

    private async Task<JsonObject> SendAsync(
        string service, string path, JsonObject body, IEnumerable<KeyValuePair<string, string>> headers, string type, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(body);
        var region = FallbackRegionFactory.GetRegionEndpoint(false)
            ?? throw new BackupException(ErrorCode.UsageWrong, $"the AWS region of {service} is not known", "Set AWS_REGION.");
        using var http = new HttpClient(new SigV4SigningHandler(Credentials(service), region, service, new SocketsHttpHandler { AllowAutoRedirect = false })) { Timeout = _limit };
        var address = new Uri(Endpoint(service, region), path);
        var content = JsonSerializer.SerializeToUtf8Bytes(body, JsonNodes.Default.JsonObject);
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await SendOnceAsync(http, address, service, content, headers, type, cancel);
            }
            catch (AwsCallException e) when (e.MayPass && attempt < Attempts)
            {
                await Task.Delay(_firstPause * Math.Pow(2, attempt - 1), clock, cancel);
            }
        }
    }

    private static async Task<JsonObject> SendOnceAsync(
        HttpClient http, Uri address, string service, byte[] content, IEnumerable<KeyValuePair<string, string>> headers, string type, CancellationToken cancel)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, address) { Content = new ByteArrayContent(content) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue(type);
        foreach (var (name, value) in headers) request.Headers.Add(name, value);
        try
        {
            using var answer = await http.SendAsync(request, cancel);
            var text = await answer.Content.ReadAsStringAsync(cancel);
            if (answer.IsSuccessStatusCode) return text.Length == 0 ? [] : JsonNode.Parse(text) as JsonObject ?? [];
            throw Refused(service, answer, text);
        }
        catch (HttpRequestException e)
        {
            throw new AwsCallException(service, "", e.Message, mayPass: true, e);
        }
        catch (TaskCanceledException e) when (!cancel.IsCancellationRequested)
        {
            throw new AwsCallException(service, "", $"no answer within {_limit.TotalSeconds:0} s", mayPass: true, e);
        }
    }

    private static AwsCallException Refused(string service, HttpResponseMessage answer, string text)
    {
        JsonObject? body = null;
        try
        {
            body = JsonNode.Parse(text) as JsonObject;
        }
        catch (JsonException)
        {
            // A proxy or load balancer answered; the status has to do.
        }

        var header = answer.Headers.TryGetValues("x-amzn-ErrorType", out var types) ? types.First() : null;
        var code = (header ?? (string?)body?["__type"] ?? $"{(int)answer.StatusCode}").Split('#')[^1].Split(':')[0];
        var message = (string?)(body?["message"] ?? body?["Message"]) ?? answer.ReasonPhrase ?? "";
        var mayPass = answer.StatusCode >= HttpStatusCode.InternalServerError || answer.StatusCode == HttpStatusCode.TooManyRequests || _throttles.Contains(code);
        return new AwsCallException(service, code, message, mayPass, null);
    }

    private static AWSCredentials Credentials(string service)
    {
        try
        {
            return DefaultAWSCredentialsIdentityResolver.GetCredentials(null);
        }
        catch (AmazonClientException e)
        {
            throw new BackupException(ErrorCode.UsageWrong, $"no AWS credentials were found for {service}", "Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.", e);
        }
    }

    private Uri Endpoint(string service, RegionEndpoint region) => new(
        machine[$"AWS_ENDPOINT_URL_{service.ToUpperInvariant().Replace("SECRETSMANAGER", "SECRETS_MANAGER", StringComparison.Ordinal)}"]
        ?? machine["AWS_ENDPOINT_URL"] ?? $"https://{service}.{region.SystemName}.{region.PartitionDnsSuffix}");
}

/// <summary>A service's refusal. <see cref="Code"/> is its own word, empty when it could not be reached.</summary>
public sealed class AwsCallException(string service, string code, string message, bool mayPass, Exception? cause)
    : Exception($"{service} answers {(code.Length == 0 ? message : $"{code}: {message}")}", cause)
{
    public string Code { get; } = code;

    /// <summary>The same call may succeed later.</summary>
    public bool MayPass { get; } = mayPass;
}

[System.Text.Json.Serialization.JsonSerializable(typeof(JsonObject))]
internal sealed partial class JsonNodes : System.Text.Json.Serialization.JsonSerializerContext;
