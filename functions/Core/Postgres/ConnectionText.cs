using System.Globalization;
using Backup.Core.Model;

namespace Backup.Core.Postgres;

/// <summary>Reads <c>postgres://user:password@host:port/db?sslmode=…</c> and <c>host=… dbname=…</c>. No message repeats the text.</summary>
public static class ConnectionText
{
    // What Prisma and other drivers put into URLs and no server ever sees.
    private static readonly HashSet<string> _driverOnly = new(StringComparer.Ordinal)
    {
        "schema", "connection_limit", "pool_timeout", "statement_cache_size", "sslaccept", "socket_timeout", "application_name",
        "fallback_application_name", "target_session_attrs", "gssencmode", "keepalives", "keepalives_idle", "keepalives_interval",
        "keepalives_count", "client_encoding", "supa", "uselibpqcompat", "sslnegotiation", "load_balance_hosts",
    };

    /// <param name="text">The URL or keyword string.</param>
    /// <param name="origin">What to call it in an error, for example <c>--source</c> or <c>${DATABASE_URL}</c>.</param>
    /// <param name="user">Login name when the text has none.</param>
    public static ConnectionTarget Parse(string text, string origin, string user)
    {
        var trimmed = text.Trim();
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        if (trimmed.StartsWith("postgres://", StringComparison.Ordinal) || trimmed.StartsWith("postgresql://", StringComparison.Ordinal))
            ReadUrl(trimmed[(trimmed.IndexOf("//", StringComparison.Ordinal) + 2)..], values, origin);
        else if (trimmed.Contains('=', StringComparison.Ordinal) && !trimmed.Contains("://", StringComparison.Ordinal))
            ReadKeywords(trimmed, values, origin);
        else
            throw Bad(origin, "is not a PostgreSQL connection URL");
        return ToTarget(values, origin, user);
    }

    private static ConnectionTarget ToTarget(Dictionary<string, string> values, string origin, string user)
    {
        string? Take(string key) => values.Remove(key, out var value) && value.Length > 0 ? value : null;
        var host = Take("host") ?? Take("hostaddr") ?? "localhost";
        if (host.Contains(',', StringComparison.Ordinal)) throw Bad(origin, "names several hosts; a backup needs one session on one server");
        var login = Take("user") ?? user;
        var mode = Take("sslmode");
        if (mode is not (null or "disable" or "allow" or "prefer" or "require" or "verify-ca" or "verify-full"))
            throw Bad(origin, "has an sslmode that is none of disable, allow, prefer, require, verify-ca, verify-full");
        var binding = Take("channel_binding");
        if (binding is not (null or "disable" or "prefer" or "require"))
            throw Bad(origin, "has a channel_binding that is none of disable, prefer, require");
        var target = new ConnectionTarget
        {
            Host = host,
            Port = Number(Take("port") ?? "5432", 1, 65535, "port", origin),
            User = login,
            Database = Take("dbname") ?? login,
            Password = Take("password"),
            SslMode = mode,
            ChannelBinding = binding,
            SslRootCert = Take("sslrootcert"),
            SslCert = Take("sslcert"),
            SslKey = Take("sslkey"),
            Options = Take("options"),
            ConnectTimeout = Number(Take("connect_timeout") ?? "15", 0, 3600, "connect_timeout", origin),
            SaysPooled = Take("pgbouncer") == "true",
        };
        var unknown = values.Keys.Where(k => !_driverOnly.Contains(k)).Order(StringComparer.Ordinal).ToList();
        return unknown.Count == 0 ? target : throw Bad(origin, $"has a parameter that is not known: {string.Join(", ", unknown)}");
    }

    private static int Number(string text, int min, int max, string what, string origin) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value >= min && value <= max
            ? value
            : throw Bad(origin, $"has a {what} that is not a number from {min} to {max}");

    private static void ReadUrl(string rest, Dictionary<string, string> values, string origin)
    {
        var queryAt = rest.IndexOf('?', StringComparison.Ordinal);
        var query = queryAt < 0 ? "" : rest[(queryAt + 1)..];
        if (queryAt >= 0) rest = rest[..queryAt];
        // The last '@', so that a password with an unescaped '@' still works.
        var loginEnd = rest.LastIndexOf('@');
        if (loginEnd >= 0)
        {
            var login = rest[..loginEnd];
            rest = rest[(loginEnd + 1)..];
            var colon = login.IndexOf(':', StringComparison.Ordinal);
            values["user"] = Decode(colon < 0 ? login : login[..colon], origin);
            if (colon >= 0) values["password"] = Decode(login[(colon + 1)..], origin);
        }

        var slash = rest.IndexOf('/', StringComparison.Ordinal);
        if (slash >= 0)
        {
            values["dbname"] = Decode(rest[(slash + 1)..], origin);
            rest = rest[..slash];
        }

        ReadHost(rest, values, origin);
        foreach (var pair in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = pair.IndexOf('=', StringComparison.Ordinal);
            if (equals < 0) throw Bad(origin, "has a parameter without '='");
            values[Decode(pair[..equals], origin)] = Decode(pair[(equals + 1)..], origin);
        }
    }

    private static void ReadHost(string text, Dictionary<string, string> values, string origin)
    {
        var portAt = text.StartsWith('[') ? text.IndexOf("]:", StringComparison.Ordinal) + 1 : text.LastIndexOf(':');
        if (text.StartsWith('[') && !text.Contains(']', StringComparison.Ordinal)) throw Bad(origin, "has an IPv6 address without ']'");
        if (portAt > 0 || (portAt == 0 && !text.StartsWith('[')))
        {
            values["port"] = text[(portAt + 1)..];
            text = text[..portAt];
        }

        var host = Decode(text.Trim('[', ']'), origin);
        if (host.Length > 0) values["host"] = host;
    }

    private static void ReadKeywords(string text, Dictionary<string, string> values, string origin)
    {
        var i = 0;
        while (i < text.Length)
        {
            while (i < text.Length && char.IsWhiteSpace(text[i])) i++;
            var equals = text.IndexOf('=', i);
            if (i == text.Length) return;
            if (equals < 0) throw Bad(origin, "has a keyword without '='");
            var key = text[i..equals].Trim();
            i = equals + 1;
            while (i < text.Length && char.IsWhiteSpace(text[i])) i++;
            var quoted = i < text.Length && text[i] == '\'';
            if (quoted) i++;
            var value = new System.Text.StringBuilder();
            while (i < text.Length && (quoted ? text[i] != '\'' : !char.IsWhiteSpace(text[i])))
            {
                if (text[i] == '\\' && i + 1 < text.Length) i++;
                value.Append(text[i++]);
            }

            if (quoted && i++ >= text.Length) throw Bad(origin, "has a quoted value without its closing quote");
            values[key] = value.ToString();
        }
    }

    private static string Decode(string text, string origin)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '%' && (i + 2 >= text.Length || !char.IsAsciiHexDigit(text[i + 1]) || !char.IsAsciiHexDigit(text[i + 2])))
                throw Bad(origin, "has a '%' that is not followed by two hex digits; write %25 for a percent sign");
        }

        return Uri.UnescapeDataString(text);
    }

    private static BackupException Bad(string origin, string why) => new(ErrorCode.UsageWrong, $"{origin} {why}",
        "Write postgres://user:password@host:5432/database; quote it in the shell, and percent-encode special characters of the password.");
}
