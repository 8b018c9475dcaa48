using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;

namespace Backup.Tests.Support;

/// <summary>
/// The S3 of moto as a process of its own on a free port, with buckets on request. Where moto is not installed a test skips on a
/// laptop and fails in CI.
/// </summary>
public sealed class MotoServer : IAsyncDisposable
{
    private const string Fix = "moto_server is not on PATH; install it with: pip install 'moto[server]'";
    private readonly Process _process;

    private MotoServer(Process process, int port)
    {
        _process = process;
        Endpoint = new Uri($"http://127.0.0.1:{port}");
        Client = new AmazonS3Client(Credentials, new AmazonS3Config
        {
            ServiceURL = Endpoint.ToString(),
            ForcePathStyle = true,
            AuthenticationRegion = "eu-central-1",
        });
    }

    public static AWSCredentials Credentials { get; } = new BasicAWSCredentials("AKIAIOSFODNN7EXAMPLE", "hunter2");

    public Uri Endpoint { get; }

    /// <summary>A plain client, to look behind the vault's back.</summary>
    public AmazonS3Client Client { get; }

    /// <summary>What keeps the tests that need it from running, or null; in CI it throws instead.</summary>
    public static string? WhyNot()
    {
        var path = Environment.GetEnvironmentVariable("PATH") ?? "";
        if (path.Split(':').Any(folder => File.Exists(Path.Combine(folder, "moto_server")))) return null;
        return Environment.GetEnvironmentVariable("CI") == "true" ? throw new InvalidOperationException(Fix) : Fix;
    }

    public static async Task<MotoServer> StartAsync()
    {
        if (WhyNot() is { } reason) throw new InvalidOperationException(reason);
        for (var attempt = 1; ; attempt++)
        {
            var port = FreePort();
            var info = new ProcessStartInfo("moto_server", ["-H", "127.0.0.1", "-p", $"{port}"])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            var process = Process.Start(info)!;
            process.OutputDataReceived += (_, _) => { };
            process.ErrorDataReceived += (_, _) => { };
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
            if (await AnswersAsync(process, port)) return new MotoServer(process, port);
            process.Kill(entireProcessTree: true);
            process.Dispose();
            if (attempt == 3) throw new InvalidOperationException("moto_server does not answer within 60 s");
        }
    }

    /// <summary>Makes a bucket with a new name.</summary>
    public async Task<string> MakeBucketAsync(bool versioned = false, bool objectLock = false)
    {
        var name = $"vault-{Guid.NewGuid():n}"[..30];
        await Client.PutBucketAsync(new PutBucketRequest { BucketName = name, BucketRegionName = "eu-central-1", ObjectLockEnabledForBucket = objectLock });
        if (versioned || objectLock)
        {
            await Client.PutBucketVersioningAsync(new PutBucketVersioningRequest
            {
                BucketName = name,
                VersioningConfig = new S3BucketVersioningConfig { Status = VersionStatus.Enabled },
            });
        }

        return name;
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        if (!_process.HasExited) _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static async Task<bool> AnswersAsync(Process process, int port)
    {
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}"), Timeout = TimeSpan.FromSeconds(5) };
        var clock = Stopwatch.StartNew();
        while (clock.Elapsed < TimeSpan.FromSeconds(60) && !process.HasExited)
        {
            try
            {
                using var answer = await http.GetAsync(new Uri("/moto-api/", UriKind.Relative));
                if (answer.IsSuccessStatusCode) return true;
            }
            catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
            {
                // It is still starting.
            }

            await Task.Delay(100);
        }

        return false;
    }
}
