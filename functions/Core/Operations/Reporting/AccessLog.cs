using System.Globalization;
using System.IO.Compression;
using System.Text.Json;
using Backup.Core.Model;
using Backup.Core.Storage;

namespace Backup.Core.Operations.Reporting;

/// <summary>Who touched objects of the vault in a month, from the data events that CloudTrail has written.</summary>
/// <param name="Log">Where the log lies.</param>
/// <param name="Files">Files of the month that were read.</param>
/// <param name="Events">Of the month, on this environment of this vault.</param>
/// <param name="Lines">One per who, action and database; those who were refused first.</param>
/// <param name="Unreadable">Files that are damaged: what they hold is not in the figures.</param>
public sealed record AccessFacts(string Log, int Files, int Events, IReadOnlyList<AccessLine> Lines, IReadOnlyList<string> Unreadable);

/// <param name="Who">ARN of the user or role, or the name of the AWS service.</param>
/// <param name="Action">S3's name, for example GetObject.</param>
/// <param name="Database">Absent for what is about no backup of one, such as listing.</param>
/// <param name="Denied">How many of <paramref name="Count"/> ended in an error.</param>
public sealed record AccessLine(string Who, string Action, string? Database, int Count, int Denied, DateTimeOffset Last);

/// <summary>
/// Reads CloudTrail's files (<c>*.json.gz</c>, <c>*.json</c>) from a folder or bucket. Where the path holds the date, as CloudTrail writes it, other months are not opened.
/// </summary>
public sealed class AccessLog(IVault log, string vaultName)
{
    private const int ReadAhead = 16;

    /// <exception cref="BackupException">usage: a folder vault has no such log. With the codes of the vault when the log cannot be read.</exception>
    public async Task<AccessFacts> ReadAsync(string environment, ReportMonth month, CancellationToken cancel)
    {
        if (VaultLocation.Parse(vaultName, null) is not S3Location vault)
            throw new BackupException(ErrorCode.UsageWrong, $"{vaultName} is a folder, and an access log tells of a bucket", "Leave --access-log out, or name the bucket with --vault.");
        var tally = new Tally(vault, VaultKeys.Escape(environment) + "/", month);
        var keys = new List<string>();
        await foreach (var item in log.ListAsync("", cancel))
            if (IsAsked(item.Key, month)) keys.Add(item.Key);
        await Parallel.ForEachAsync(keys, new ParallelOptions { MaxDegreeOfParallelism = ReadAhead, CancellationToken = cancel }, async (key, token) => await ReadAsync(key, tally, token));
        return tally.Facts(log.Name, keys.Count);
    }

    private async Task ReadAsync(string key, Tally tally, CancellationToken cancel)
    {
        try
        {
            await using var file = await log.OpenAsync(key, 0, cancel);
            await using var unpacked = key.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(file, CompressionMode.Decompress) : file;
            using var document = await JsonDocument.ParseAsync(unpacked, default, cancel);
            tally.Add(document.RootElement.GetProperty("Records").EnumerateArray());
        }
        catch (Exception e) when (e is JsonException or InvalidDataException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            tally.AddUnreadable(key);
        }
    }

    /// <summary>An event of the last minutes of a month is delivered on the next day.</summary>
    private static bool IsAsked(string key, ReportMonth month)
    {
        if (!key.EndsWith(".json.gz", StringComparison.Ordinal) && !key.EndsWith(".json", StringComparison.Ordinal)) return false;
        var parts = key.Split('/');
        if (parts.Contains("CloudTrail-Digest")) return false;
        if (parts.Length < 4 || !DateTimeOffset.TryParseExact(string.Join('/', parts[^4..^1]), "yyyy/MM/dd", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var day)) return true;
        return day >= month.From && day <= month.Until;
    }

    private sealed class Tally(S3Location vault, string environmentPrefix, ReportMonth month)
    {
        private readonly Lock _gate = new();
        private readonly Dictionary<(string, string, string?), (int Count, int Denied, DateTimeOffset Last)> _lines = [];
        private readonly List<string> _unreadable = [];
        private readonly HashSet<string> _seen = new(StringComparer.Ordinal);

        public void Add(JsonElement.ArrayEnumerator records)
        {
            foreach (var record in records) Add(record);
        }

        public void AddUnreadable(string key)
        {
            lock (_gate) _unreadable.Add(key);
        }

        public AccessFacts Facts(string name, int files) => new(name, files, _lines.Values.Sum(l => l.Count),
            [
                .. _lines.Select(l => new AccessLine(l.Key.Item1, l.Key.Item2, l.Key.Item3, l.Value.Count, l.Value.Denied, l.Value.Last))
                    .OrderByDescending(l => l.Denied > 0).ThenBy(l => l.Who, StringComparer.Ordinal).ThenBy(l => l.Action, StringComparer.Ordinal).ThenBy(l => l.Database, StringComparer.Ordinal),
            ],
            [.. _unreadable.Order(StringComparer.Ordinal)]);

        private void Add(JsonElement record)
        {
            if (Text(record, "eventSource") != "s3.amazonaws.com" || !record.TryGetProperty("requestParameters", out var asked) || asked.ValueKind != JsonValueKind.Object) return;
            if (Text(asked, "bucketName") != vault.Bucket || Text(record, "eventTime") is not { } when) return;
            var at = DateTimeOffset.Parse(when, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal);
            // A listing has a prefix, everything else a key; both are full names in the bucket.
            var key = Text(asked, "key") ?? Text(asked, "prefix") ?? "";
            if (!month.Holds(at) || (key.Length > 0 && !key.StartsWith(vault.Prefix + environmentPrefix, StringComparison.Ordinal))) return;
            var parts = key.Length == 0 ? [] : key[vault.Prefix.Length..].Split('/');
            var database = parts.Length > 2 && parts[2].Length > 0 ? VaultKeys.Unescape(parts[2]) : null;
            var isDenied = Text(record, "errorCode") is not null;
            lock (_gate)
            {
                // Several trails may deliver the same event.
                if (Text(record, "eventID") is { } id && !_seen.Add(id)) return;
                var line = (Who(record), Text(record, "eventName") ?? "?", database);
                var (count, denied, last) = _lines.GetValueOrDefault(line);
                _lines[line] = (count + 1, denied + (isDenied ? 1 : 0), at > last ? at : last);
            }
        }

        /// <summary>The role rather than its session: a function has a new one each day.</summary>
        private static string Who(JsonElement record)
        {
            if (!record.TryGetProperty("userIdentity", out var identity) || identity.ValueKind != JsonValueKind.Object) return "?";
            var role = identity.TryGetProperty("sessionContext", out var session) && session.ValueKind == JsonValueKind.Object
                && session.TryGetProperty("sessionIssuer", out var issuer) && issuer.ValueKind == JsonValueKind.Object ? Text(issuer, "arn") : null;
            return role ?? Text(identity, "arn") ?? Text(identity, "invokedBy") ?? Text(identity, "accountId") ?? Text(identity, "type") ?? "?";
        }

        private static string? Text(JsonElement of, string name) =>
            of.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
    }
}
