using Npgsql;

namespace Backup.Tests.Support;

/// <summary>A database of a test's own. Disposing drops it, whoever is connected.</summary>
public sealed class TestDatabase : IAsyncDisposable
{
    private readonly string _maintenanceUrl;

    internal TestDatabase(string name, string url, string maintenanceUrl)
    {
        Name = name;
        Url = url;
        _maintenanceUrl = maintenanceUrl;
    }

    public string Name { get; }

    /// <summary>As a policy would name it: <c>postgres://postgres@/name?host=/tmp/bk.1-0a&amp;port=5432</c>.</summary>
    public string Url { get; }

    public async ValueTask DisposeAsync() =>
        await Database.SqlAsync(_maintenanceUrl, $"DROP DATABASE IF EXISTS {Database.Quoted(Name)} WITH (FORCE)");
}

/// <summary>Small steps with a database by its URL. None of it uses the product's own reading of URLs.</summary>
public static class Database
{
    public static string Quoted(string identifier) => $"\"{identifier.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    /// <summary>Npgsql's form of <c>postgres://user:password@host:port/database?host=…&amp;port=…</c>.</summary>
    public static string ConnectionString(string url)
    {
        var uri = new Uri(url.Replace("@/", "@localhost/", StringComparison.Ordinal)); // Uri refuses an empty host behind a user
        var user = uri.UserInfo.Split(':', 2);
        var builder = new NpgsqlConnectionStringBuilder
        {
            Host = uri.Host,
            Port = uri.Port > 0 ? uri.Port : 5432,
            Username = Uri.UnescapeDataString(user[0]),
            Database = Uri.UnescapeDataString(uri.AbsolutePath.TrimStart('/')),
            Pooling = false,
            CommandTimeout = 120,
        };
        if (user.Length == 2) builder.Password = Uri.UnescapeDataString(user[1]);
        foreach (var pair in uri.Query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries).Select(p => p.Split('=', 2)))
        {
            if (pair[0] == "host") builder.Host = Uri.UnescapeDataString(pair[1]);
            if (pair[0] == "port") builder.Port = int.Parse(pair[1], System.Globalization.CultureInfo.InvariantCulture);
        }

        return builder.ConnectionString;
    }

    public static async Task<NpgsqlConnection> OpenAsync(string url)
    {
        var connection = new NpgsqlConnection(ConnectionString(url));
        await connection.OpenAsync();
        return connection;
    }

    /// <summary>Runs one or more statements in one implicit transaction.</summary>
    public static async Task SqlAsync(string url, string sql)
    {
        await using var connection = await OpenAsync(url);
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    public static async Task<T> ScalarAsync<T>(string url, string sql)
    {
        await using var connection = await OpenAsync(url);
        await using var command = new NpgsqlCommand(sql, connection);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    /// <summary>
    /// Loads everything that makes a copy hard (Sql/torture.sql) into an empty UTF8 database. Needs a superuser.
    /// 125,000 big rows are about 40 MB.
    /// </summary>
    public static Task LoadTortureAsync(string url, int bigRows = 125_000) =>
        SqlAsync(url, string.Create(System.Globalization.CultureInfo.InvariantCulture, $"SET backup.big_rows = {bigRows};\n{Resource("torture.sql")}"));

    /// <summary>Runs one of the files of Sql.</summary>
    public static Task LoadAsync(string url, string file) => SqlAsync(url, Resource(file));

    private static string Resource(string name)
    {
        using var reader = new StreamReader(typeof(Database).Assembly.GetManifestResourceStream(name)!);
        return reader.ReadToEnd();
    }
}
