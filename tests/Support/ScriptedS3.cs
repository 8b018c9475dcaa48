using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Backup.Tests.Support;

/// <summary>One request as the server saw it. Names: Put, Initiate, UploadPart, CopyPart, Complete, Abort, List, ListUploads, Get, Head, Tag, Other.</summary>
public sealed record S3Request(string Name, string Key, IReadOnlyDictionary<string, string> Query, IReadOnlyDictionary<string, string> Headers, long BodyBytes)
{
    public int PartNumber => Query.TryGetValue("partNumber", out var text) ? int.Parse(text, System.Globalization.CultureInfo.InvariantCulture) : 0;
}

/// <summary>What the server does instead of a good answer.</summary>
public abstract record Misbehaviour
{
    /// <summary>An error answer in S3's form.</summary>
    public sealed record Answer(int Status, string Code, string Message = "scripted") : Misbehaviour;

    /// <summary>The object or part is stored, but the answer is an error document with status 200, as Complete may do.</summary>
    public sealed record ErrorInOk(string Code) : Misbehaviour;

    /// <summary>Closes the connection after so many bytes of the request's body, with a reset.</summary>
    public sealed record ResetWhileReceiving(long AfterBytes) : Misbehaviour;

    /// <summary>Closes the connection after so many bytes of the answer's body.</summary>
    public sealed record ResetWhileSending(long AfterBytes, bool Politely = false) : Misbehaviour;

    /// <summary>Does what was asked, then closes the connection without an answer.</summary>
    public sealed record LoseAnswer : Misbehaviour;

    /// <summary>Stops reading the request for so long.</summary>
    public sealed record Stall(TimeSpan For) : Misbehaviour;
}

/// <summary>
/// A small S3 on a free port that can be told to misbehave as a good server never does. It records every request, so a test can say that
/// Abort came and Complete never did. Signatures are not checked.
/// </summary>
public sealed class ScriptedS3 : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _accepting;

    public ScriptedS3(Func<S3Request, Misbehaviour?> script)
    {
        Script = script;
        _listener.Start();
        Endpoint = new Uri($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}");
        _accepting = AcceptAsync();
    }

    public Uri Endpoint { get; }

    /// <summary>Asked when a request's head has arrived; null means: behave.</summary>
    public Func<S3Request, Misbehaviour?> Script { get; set; }

    public ConcurrentQueue<S3Request> Requests { get; } = new();

    public ConcurrentDictionary<string, byte[]> Objects { get; } = new(StringComparer.Ordinal);

    /// <summary>User metadata of the stored objects, by key.</summary>
    public ConcurrentDictionary<string, IReadOnlyDictionary<string, string>> Metadata { get; } = new(StringComparer.Ordinal);

    internal ConcurrentDictionary<string, ScriptedUpload> Uploads { get; } = new(StringComparer.Ordinal);

    public int OpenUploads => Uploads.Count;

    public int Count(string name) => Requests.Count(r => r.Name == name);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await _accepting;
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                var client = await _listener.AcceptTcpClientAsync(_stop.Token);
                _ = Task.Run(() => ServeAsync(client));
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using (client)
        {
            try
            {
                var connection = new ScriptedConnection(this, client, _stop.Token);
                while (await connection.ServeOneAsync())
                {
                }
            }
            catch (Exception e) when (e is IOException or OperationCanceledException or SocketException or ObjectDisposedException)
            {
                // The client went away, or the script closed the connection.
            }
        }
    }
}

internal sealed record ScriptedUpload(string Key, IReadOnlyDictionary<string, string> Metadata, ConcurrentDictionary<int, byte[]> Parts);
