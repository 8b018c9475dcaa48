using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Backup.Core.Model;

namespace Backup.Core.Postgres;

/// <summary>
/// A database's login as a secret store keeps it: a connection URL, or JSON with host, port, user (or username), password, dbname (or database) and, if wanted,
/// libpq's ssl settings. Fields that other programs put there (engine, …) are kept. No message repeats the text.
/// </summary>
public static class SecretText
{
    private static readonly string[] _userNames = ["user", "username"];
    private static readonly string[] _databaseNames = ["dbname", "database"];
    private static readonly string[] _others = ["host", "port", "password", "sslmode", "sslrootcert", "sslcert", "sslkey", "channel_binding", "options", "connect_timeout"];

    /// <param name="text">The secret's value.</param>
    /// <param name="origin">What to call it in an error, for example <c>the secret bloom/database-url</c>.</param>
    public static ConnectionTarget Parse(string text, string origin)
    {
        if (Object(text, origin) is not { } json) return ConnectionText.Parse(text, origin, user: "postgres");
        var missing = new[] { Name(json, ["host"]), Name(json, _userNames), Name(json, ["password"]), Name(json, _databaseNames) }
            .Zip(["host", "user", "password", "dbname"]).Where(x => x.First is null).Select(x => x.Second).ToList();
        if (missing.Count > 0) throw Bad(origin, $"is JSON without {string.Join(", ", missing)}");
        var words = new List<string>();
        foreach (var (name, value) in json)
        {
            var keyword = _userNames.Contains(name) ? "user" : _databaseNames.Contains(name) ? "dbname" : _others.Contains(name) ? name : null;
            if (keyword is not null && Text(value) is { Length: > 0 } word)
                words.Add($"{keyword}='{word.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "\\'", StringComparison.Ordinal)}'");
        }

        return ConnectionText.Parse(string.Join(' ', words), origin, user: "postgres");
    }

    /// <summary>The same text, in the same form, with another user and password.</summary>
    public static string WithLogin(string text, string user, string password, string origin)
    {
        if (Object(text, origin) is { } json)
        {
            json[Name(json, _userNames) ?? _userNames[0]] = user;
            json["password"] = password;
            return json.ToJsonString();
        }

        var trimmed = (text ?? "").Trim();
        var scheme = trimmed.IndexOf("://", StringComparison.Ordinal);
        if (scheme < 0) throw Bad(origin, "is neither a connection URL nor JSON, so no login can be put into it");
        var rest = trimmed[(scheme + 3)..];
        var query = rest.IndexOf('?', StringComparison.Ordinal);
        var login = rest.LastIndexOf('@', (query < 0 ? rest.Length : query) - 1);
        return $"{trimmed[..(scheme + 3)]}{Uri.EscapeDataString(user)}:{Uri.EscapeDataString(password)}@{rest[(login + 1)..]}";
    }

    private static JsonObject? Object(string text, string origin)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (!text.TrimStart().StartsWith('{')) return null;
        try
        {
            var json = JsonNode.Parse(text)!.AsObject();
            _ = json.Count; // finds a name that is there twice
            return json;
        }
        catch (Exception e) when (e is JsonException or ArgumentException)
        {
            throw Bad(origin, "begins like JSON and is none"); // the parser's message would quote it
        }
    }

    private static string? Name(JsonObject json, IEnumerable<string> names) => names.FirstOrDefault(n => Text(json[n]) is { Length: > 0 });

    private static string? Text(JsonNode? value) => value switch
    {
        JsonValue v when v.TryGetValue<string>(out var text) => text,
        JsonValue v when v.TryGetValue<long>(out var number) => number.ToString(CultureInfo.InvariantCulture),
        _ => null,
    };

    private static BackupException Bad(string origin, string why) => new(ErrorCode.SecretUnusable, $"{origin} {why}",
        """Store a URL, postgres://user:password@host:5432/database?sslmode=verify-full, or {"host":…,"port":5432,"user":…,"password":…,"dbname":…}: backup secret set NAME.""");
}
