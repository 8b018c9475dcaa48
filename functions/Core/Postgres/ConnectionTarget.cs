using System.Globalization;
using Backup.Core.Model;
using Npgsql;

namespace Backup.Core.Postgres;

/// <summary>
/// Where a database is and how to log in, parsed once from a URL or a keyword string. The only holder of the password: it leaves by
/// <see cref="ToNpgsql"/> and <see cref="ToEnvironment"/> and is in no text.
/// </summary>
public sealed record ConnectionTarget
{
    /// <summary>Host name, address, or absolute folder of a Unix socket.</summary>
    public required string Host { get; init; }
    public required int Port { get; init; }
    public required string Database { get; init; }
    public required string User { get; init; }
    public string? Password { get; init; }

    /// <summary>libpq's sslmode word, null when the URL says nothing.</summary>
    public string? SslMode { get; init; }
    public string? SslRootCert { get; init; }
    public string? SslCert { get; init; }
    public string? SslKey { get; init; }
    public string? ChannelBinding { get; init; }

    /// <summary>Seconds; 0 = wait for ever.</summary>
    public int ConnectTimeout { get; init; } = 15;

    /// <summary>Server options of the URL, for example Neon's <c>endpoint=…</c>.</summary>
    public string? Options { get; init; }

    /// <summary>Prisma's <c>pgbouncer=true</c>: the URL itself says that it is pooled.</summary>
    public bool SaysPooled { get; init; }

    public bool IsSocket => Host.StartsWith('/');

    /// <summary>Nobody between here and the server can listen: its certificate is verified, or there is no network.</summary>
    public bool IsVerified => IsSocket || SslMode is "verify-full" or "verify-ca";

    public ConnectionTarget WithDatabase(string database) => this with { Database = database };

    /// <summary>One session outside any pool, with keep-alives below the idle limit of NAT gateways (350 s).</summary>
    public NpgsqlConnectionStringBuilder ToNpgsql(string applicationName)
    {
        var builder = new NpgsqlConnectionStringBuilder
        {
            Host = Host,
            Port = Port,
            Database = Database,
            Username = User,
            Password = Password,
            Pooling = false,
            Timeout = ConnectTimeout,
            CommandTimeout = 0,
            CancellationTimeout = 5000,
            ApplicationName = ShortName(applicationName),
            IncludeErrorDetail = false,
            MaxAutoPrepare = 0,
            ReadBufferSize = 64 * 1024,
        };
        if (!IsSocket)
        {
            builder.TcpKeepAlive = true;
            builder.TcpKeepAliveTime = 30;
            builder.TcpKeepAliveInterval = 10;
        }

        if (SslMode is not null) builder.SslMode = Enum.Parse<Npgsql.SslMode>(SslMode.Replace("-", "", StringComparison.Ordinal), ignoreCase: true);
        else if (!IsSocket) builder.SslMode = Npgsql.SslMode.Prefer;
        if (SslRootCert is not null and not "system") builder.RootCertificate = SslRootCert;
        if (SslCert is not null) builder.SslCertificate = SslCert;
        if (SslKey is not null) builder.SslKey = SslKey;
        if (ChannelBinding is not null) builder.ChannelBinding = Enum.Parse<Npgsql.ChannelBinding>(ChannelBinding, ignoreCase: true);
        // The driver asks for the server's types before any SET of ours: a database with a short default timeout would end that.
        builder.Options = $"{Options} -c statement_timeout=0".Trim();
        return builder;
    }

    /// <summary>What pg_dump, pg_restore and psql read instead of arguments. <paramref name="settings"/> become PGOPTIONS.</summary>
    public IReadOnlyDictionary<string, string> ToEnvironment(string applicationName, IEnumerable<KeyValuePair<string, string>> settings)
    {
        var result = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["PGHOST"] = Host,
            ["PGPORT"] = Port.ToString(CultureInfo.InvariantCulture),
            ["PGDATABASE"] = Database,
            ["PGUSER"] = User,
            ["PGAPPNAME"] = ShortName(applicationName),
            ["PGCONNECT_TIMEOUT"] = ConnectTimeout.ToString(CultureInfo.InvariantCulture),
            ["PGOPTIONS"] = string.Join(' ', settings.Select(s => $"-c {s.Key}={s.Value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace(" ", "\\ ", StringComparison.Ordinal)}").Prepend(Options ?? "")).Trim(),
        };
        void Set(string name, string? value)
        {
            if (value is not null) result[name] = value;
        }

        Set("PGPASSWORD", Password);
        Set("PGSSLMODE", SslMode);
        Set("PGSSLROOTCERT", SslRootCert);
        Set("PGSSLCERT", SslCert);
        Set("PGSSLKEY", SslKey);
        Set("PGCHANNELBINDING", ChannelBinding);
        return result;
    }

    /// <summary>
    /// The database as an argument of a PostgreSQL program. A bare name would not do: one that holds '=' or looks like a URL is read as a
    /// connection string.
    /// </summary>
    public string DatabaseArgument =>
        $"dbname='{Database.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "\\'", StringComparison.Ordinal)}'";

    /// <summary>Host, port and database. Never user or password.</summary>
    public override string ToString() => $"{Host}:{Port}/{Database}";

    // The server cuts at 63 bytes with a notice; cut here without one.
    private static string ShortName(string name) => name.Length <= 63 ? name : name[..63];
}
