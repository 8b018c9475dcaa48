using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace Backup.Tests.Support;

/// <summary>One connection of <see cref="ScriptedS3"/>: reads HTTP/1.1 requests one after another and answers as S3 does.</summary>
internal sealed class ScriptedConnection(ScriptedS3 server, TcpClient client, CancellationToken stop)
{
    private readonly NetworkStream _wire = client.GetStream();
    private readonly byte[] _buffer = new byte[64 * 1024];
    private int _start;
    private int _end;
    private bool _isHead;

    public async Task<bool> ServeOneAsync()
    {
        if (await ReadLineAsync() is not { Length: > 0 } first) return false;
        var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        while (await ReadLineAsync() is { Length: > 0 } line) headers[line[..line.IndexOf(':')]] = line[(line.IndexOf(':') + 1)..].Trim();
        var request = Parse(first, headers);
        server.Requests.Enqueue(request);
        _isHead = request.Name == "Head";
        var misbehaviour = server.Script(request);
        if (headers.GetValueOrDefault("Expect") == "100-continue" && misbehaviour is not Misbehaviour.Answer)
            await _wire.WriteAsync("HTTP/1.1 100 Continue\r\n\r\n"u8.ToArray(), stop);
        switch (misbehaviour)
        {
            case Misbehaviour.ResetWhileReceiving reset:
                await ReadBytesAsync(new MemoryStream(), Math.Min(reset.AfterBytes, request.BodyBytes));
                Reset();
                return false;
            case Misbehaviour.Stall stall:
                await Task.Delay(stall.For, stop);
                break;
        }

        var body = new MemoryStream();
        await ReadBytesAsync(body, request.BodyBytes);
        if (misbehaviour is Misbehaviour.Answer answer)
        {
            await AnswerAsync(answer.Status, Error(answer.Code, answer.Message));
            return true;
        }

        if (misbehaviour is Misbehaviour.ErrorInOk error)
        {
            await AnswerAsync(200, Error(error.Code, "scripted"));
            return true;
        }

        var (status, text, extra) = Act(request, Unchunk(body.ToArray(), headers));
        if (misbehaviour is Misbehaviour.LoseAnswer)
        {
            Reset();
            return false;
        }

        if (misbehaviour is Misbehaviour.ResetWhileSending sending)
        {
            await AnswerAsync(status, text, extra, sending.AfterBytes);
            if (!sending.Politely) Reset();
            return false;
        }

        await AnswerAsync(status, text, extra);
        return true;
    }

    private static S3Request Parse(string first, Dictionary<string, string> headers)
    {
        var (method, target) = (first.Split(' ')[0], first.Split(' ')[1]);
        var cut = target.IndexOf('?');
        var path = Uri.UnescapeDataString(cut < 0 ? target : target[..cut]).TrimStart('/');
        var query = (cut < 0 ? "" : target[(cut + 1)..]).Split('&', StringSplitOptions.RemoveEmptyEntries).Select(p => p.Split('=', 2))
            .ToDictionary(p => Uri.UnescapeDataString(p[0]), p => p.Length > 1 ? Uri.UnescapeDataString(p[1]) : "", StringComparer.Ordinal);
        var key = path.Contains('/') ? path[(path.IndexOf('/') + 1)..] : "";
        var name = (method, key.Length > 0) switch
        {
            ("PUT", true) when query.ContainsKey("partNumber") => headers.ContainsKey("x-amz-copy-source") ? "CopyPart" : "UploadPart",
            ("PUT", true) when query.ContainsKey("tagging") => "Tag",
            ("PUT", true) when query.Count == 0 || query.ContainsKey("x-id") => "Put",
            ("POST", true) when query.ContainsKey("uploads") => "Initiate",
            ("POST", true) when query.ContainsKey("uploadId") => "Complete",
            ("DELETE", true) when query.ContainsKey("uploadId") => "Abort",
            ("GET", true) => "Get",
            ("HEAD", true) => "Head",
            ("GET", false) when query.ContainsKey("uploads") => "ListUploads",
            ("GET", false) => "List",
            _ => "Other",
        };
        var length = long.Parse(headers.GetValueOrDefault("Content-Length", "0"), System.Globalization.CultureInfo.InvariantCulture);
        return new S3Request(name, key, query, headers, length);
    }

    private (int Status, byte[] Body, Dictionary<string, string> Headers) Act(S3Request request, byte[] body)
    {
        var headers = new Dictionary<string, string>();
        var metadata = request.Headers.Where(h => h.Key.StartsWith("x-amz-meta-", StringComparison.OrdinalIgnoreCase)).ToDictionary();
        var upload = request.Query.GetValueOrDefault("uploadId", "");
        switch (request.Name)
        {
            case "Put":
                if (!server.Objects.TryAdd(request.Key, body)) return (412, Error("PreconditionFailed", "exists"), headers);
                server.Metadata[request.Key] = metadata;
                headers["ETag"] = "\"e-1\""; // a dash: not an MD5, which the SDK would check
                return (200, [], headers);
            case "Initiate":
                upload = Guid.NewGuid().ToString("n");
                server.Uploads[upload] = new ScriptedUpload(request.Key, metadata, new());
                return (200, Xml($"<InitiateMultipartUploadResult><Bucket>b</Bucket><Key>{request.Key}</Key><UploadId>{upload}</UploadId></InitiateMultipartUploadResult>"), headers);
            case "UploadPart":
                if (!server.Uploads.TryGetValue(upload, out var open)) return (404, Error("NoSuchUpload", "gone"), headers);
                open.Parts[request.PartNumber] = body;
                headers["ETag"] = $"\"{Convert.ToHexStringLower(SHA256.HashData(body))[..32]}\"";
                headers["x-amz-checksum-sha256"] = Convert.ToBase64String(SHA256.HashData(body));
                return (200, [], headers);
            case "CopyPart":
                var source = Uri.UnescapeDataString(request.Headers["x-amz-copy-source"]).TrimStart('/');
                if (!server.Objects.TryGetValue(source[(source.IndexOf('/') + 1)..], out var copied)) return (404, Error("NoSuchKey", "none"), headers);
                server.Uploads[upload].Parts[request.PartNumber] = copied;
                return (200, Xml($"<CopyPartResult><ETag>\"e\"</ETag><ChecksumSHA256>{Convert.ToBase64String(SHA256.HashData(copied))}</ChecksumSHA256></CopyPartResult>"), headers);
            case "Complete":
                if (server.Objects.ContainsKey(request.Key)) return (412, Error("PreconditionFailed", "exists"), headers);
                if (!server.Uploads.TryRemove(upload, out var done)) return (404, Error("NoSuchUpload", "gone"), headers);
                server.Objects[request.Key] = [.. done.Parts.OrderBy(p => p.Key).SelectMany(p => p.Value)];
                server.Metadata[request.Key] = done.Metadata;
                return (200, Xml($"<CompleteMultipartUploadResult><Key>{request.Key}</Key><ETag>\"e-{done.Parts.Count}\"</ETag></CompleteMultipartUploadResult>"), headers);
            case "Abort":
                return server.Uploads.TryRemove(upload, out _) ? (204, [], headers) : (404, Error("NoSuchUpload", "gone"), headers);
            case "Get" or "Head":
                if (!server.Objects.TryGetValue(request.Key, out var bytes)) return (404, Error("NoSuchKey", "none"), headers);
                headers["ETag"] = "\"e-1\""; // a dash: not an MD5, which the SDK would check
                foreach (var (name, value) in server.Metadata.GetValueOrDefault(request.Key) ?? new Dictionary<string, string>()) headers[name] = value;
                if (!request.Headers.TryGetValue("Range", out var range)) return (200, bytes, headers);
                var from = int.Parse(range["bytes=".Length..].TrimEnd('-'), System.Globalization.CultureInfo.InvariantCulture);
                headers["Content-Range"] = $"bytes {from}-{bytes.Length - 1}/{bytes.Length}";
                return from < bytes.Length ? (206, bytes[from..], headers) : (416, Error("InvalidRange", "beyond"), headers);
            case "List":
                var found = server.Objects.Where(o => o.Key.StartsWith(request.Query.GetValueOrDefault("prefix", ""), StringComparison.Ordinal)).OrderBy(o => o.Key, StringComparer.Ordinal);
                var items = found.Select(o => $"<Contents><Key>{o.Key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><Size>{o.Value.Length}</Size><StorageClass>STANDARD</StorageClass></Contents>");
                return (200, Xml($"<ListBucketResult><IsTruncated>false</IsTruncated>{string.Concat(items)}</ListBucketResult>"), headers);
            case "ListUploads":
                var uploads = server.Uploads.Select(u => $"<Upload><Key>{u.Value.Key}</Key><UploadId>{u.Key}</UploadId></Upload>");
                return (200, Xml($"<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>{string.Concat(uploads)}</ListMultipartUploadsResult>"), headers);
            default:
                return (200, [], headers);
        }
    }

    /// <summary>Takes the signed frames of aws-chunked apart: <c>{hex size};chunk-signature=…\r\n{bytes}\r\n</c>.</summary>
    private static byte[] Unchunk(byte[] body, Dictionary<string, string> headers)
    {
        if (!headers.GetValueOrDefault("x-amz-content-sha256", "").StartsWith("STREAMING-", StringComparison.Ordinal)) return body;
        var result = new MemoryStream();
        for (var at = 0; ;)
        {
            var line = Array.IndexOf(body, (byte)'\n', at);
            var size = Convert.ToInt32(Encoding.ASCII.GetString(body, at, line - at).Split(';')[0].Trim(), 16);
            if (size == 0) return result.ToArray();
            result.Write(body, line + 1, size);
            at = line + 1 + size + 2;
        }
    }

    private static byte[] Xml(string text) => Encoding.UTF8.GetBytes($"<?xml version=\"1.0\" encoding=\"UTF-8\"?>{text}");

    private static byte[] Error(string code, string message) =>
        Xml($"<Error><Code>{code}</Code><Message>{message}</Message><RequestId>1</RequestId></Error>");

    private async Task AnswerAsync(int status, byte[] body, Dictionary<string, string>? headers = null, long cutAfter = long.MaxValue)
    {
        var isHead = _isHead;
        var head = new StringBuilder($"HTTP/1.1 {status} X\r\nContent-Length: {body.Length}\r\nx-amz-request-id: 1\r\n");
        foreach (var (name, value) in headers ?? []) head.Append($"{name}: {value}\r\n");
        await _wire.WriteAsync(Encoding.ASCII.GetBytes(head.Append("\r\n").ToString()), stop);
        if (!isHead) await _wire.WriteAsync(body.AsMemory(0, (int)Math.Min(body.Length, cutAfter)), stop);
    }

    private void Reset()
    {
        client.LingerState = new LingerOption(true, 0);
        client.Close();
    }

    private async Task<string?> ReadLineAsync()
    {
        var line = new StringBuilder();
        while (true)
        {
            if (_start == _end && !await FillAsync()) return null;
            var c = (char)_buffer[_start++];
            if (c == '\n') return line.ToString().TrimEnd('\r');
            line.Append(c);
        }
    }

    private async Task ReadBytesAsync(Stream into, long count)
    {
        while (count > 0)
        {
            if (_start == _end && !await FillAsync()) throw new IOException("the client stopped in mid-body");
            var take = (int)Math.Min(count, _end - _start);
            into.Write(_buffer, _start, take);
            (_start, count) = (_start + take, count - take);
        }
    }

    private async Task<bool> FillAsync()
    {
        (_start, _end) = (0, await _wire.ReadAsync(_buffer, stop));
        return _end > 0;
    }
}
