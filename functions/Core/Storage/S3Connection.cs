using System.Net;
using System.Net.Sockets;
using Amazon;
using Amazon.Runtime;
using Amazon.S3;
using Backup.Core.Model;

namespace Backup.Core.Storage;

/// <summary>What tests set otherwise than production.</summary>
public sealed record S3Tuning
{
    /// <summary>Null: the SDK's chain (environment, profile, container, instance).</summary>
    public AWSCredentials? Credentials { get; init; }

    /// <summary>A connection on which no byte moves for so long is given up; the SDK then retries. Not a limit on a whole request.</summary>
    public TimeSpan Stall { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Retries of one request, all made by the SDK with growing pauses: together about half a minute.</summary>
    public int Retries { get; init; } = 6;
}

/// <summary>An S3 client with this project's rules for endpoints, signing, retries and stalled connections.</summary>
internal sealed class S3Connection : HttpClientFactory, IDisposable
{
    private readonly HttpClient _http;

    public S3Connection(S3Location location, S3Tuning tuning)
    {
        _http = MakeHttpClient(tuning.Stall);
        var config = new AmazonS3Config
        {
            HttpClientFactory = this,
            RetryMode = RequestRetryMode.Standard,
            MaxErrorRetry = tuning.Retries,
            ResponseChecksumValidation = ResponseChecksumValidation.WHEN_REQUIRED, // readers compare the manifest's SHA-256
            ThrottleRetries = false, // the budget that it keeps is shared by the whole process: one bad object would fail its neighbours
        };
        if (location.Endpoint is not null) config.ServiceURL = location.Endpoint.ToString();
        var endpoint = config.ServiceURL; // also where AWS_ENDPOINT_URL(_S3) or the profile put it
        if (string.IsNullOrEmpty(endpoint))
        {
            if (location.Region is not null) config.RegionEndpoint = RegionEndpoint.GetBySystemName(location.Region);
            SignsPayload = false;
        }
        else
        {
            config.ServiceURL = endpoint; // one that was merely found does not pass the SDK's own validation
            // An endpoint signs for us-east-1 whatever the region of the bucket, unless told.
            config.AuthenticationRegion = location.Region ?? FallbackRegionFactory.GetRegionEndpoint(false)?.SystemName ?? "us-east-1";
            config.ForcePathStyle = true;
            SignsPayload = endpoint.StartsWith("http://", StringComparison.OrdinalIgnoreCase);
        }

        Endpoint = endpoint ?? "";
        try
        {
            Client = tuning.Credentials is null ? new AmazonS3Client(config) : new AmazonS3Client(tuning.Credentials, config);
        }
        catch (AmazonClientException e)
        {
            throw new BackupException(ErrorCode.UsageWrong, $"the AWS region of {location} is not known",
                "Set AWS_REGION, or add ?region=… to the vault's URL.", e);
        }
    }

    public AmazonS3Client Client { get; }

    /// <summary>Empty for AWS.</summary>
    public string Endpoint { get; }

    /// <summary>TLS protects the payload and our SHA-256 checks it; only plain http needs it signed as well.</summary>
    public bool SignsPayload { get; }

    public override HttpClient CreateHttpClient(IClientConfig clientConfig) => _http;

    public override bool UseSDKHttpClientCaching(IClientConfig clientConfig) => false;

    public override bool DisposeHttpClientsAfterUse(IClientConfig clientConfig) => false;

    public void Dispose()
    {
        Client.Dispose();
        _http.Dispose();
    }

    private static HttpClient MakeHttpClient(TimeSpan stall)
    {
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false, // a redirect must be signed anew, by the SDK
            ConnectTimeout = TimeSpan.FromSeconds(10),
            PooledConnectionIdleTimeout = TimeSpan.FromSeconds(15), // below Stall: an idle connection is not a stalled one
            PooledConnectionLifetime = TimeSpan.FromMinutes(5), // follows S3's DNS
            ConnectCallback = async (context, cancel) => new StallGuard(await ConnectAsync(context.DnsEndPoint, cancel), stall),
        };
        return new HttpClient(handler, disposeHandler: true) { Timeout = Timeout.InfiniteTimeSpan };
    }

    private static async Task<NetworkStream> ConnectAsync(DnsEndPoint endPoint, CancellationToken cancel)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(endPoint, cancel);
            return new NetworkStream(socket, ownsSocket: true);
        }
        finally
        {
            if (!socket.Connected) socket.Dispose();
        }
    }
}
