using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Npgsql;

namespace Backup.Tests.Support;

/// <summary>What need not be equal, because the restore was told to leave it out.</summary>
public sealed record ComparisonOptions
{
    public bool Owners { get; init; } = true;
    public bool Grants { get; init; } = true;
    public bool Comments { get; init; } = true;

    /// <summary>Settings, rights and comment of the database itself, which pg_dump writes only with --create.</summary>
    public bool DatabaseLevel { get; init; }

    /// <summary>Names as format('%I.%I') prints them.</summary>
    public IReadOnlyList<string> ExceptTables { get; init; } = [];
}

/// <summary>
/// Says how two databases differ. It shares no code with the product and asks in other ways: the schema is the text of pg_dump, rows are
/// sorted and hashed one by one, so an error in the product's own fingerprints cannot hide itself here.
/// </summary>
public static partial class DatabaseComparison
{
    private const string Pins = """
        SET search_path = ''; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'iso_8601'; SET TimeZone = 'UTC'; SET extra_float_digits = 3;
        SET bytea_output = 'hex'; SET lc_monetary = 'C'; SET quote_all_identifiers = off; SET xmloption = 'content'; SET row_security = off;
        SET statement_timeout = 0
        """;

    private const string UserSchemas = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'";

    /// <summary>Empty when the databases are equal. Both must be of one major, and <paramref name="pgDump"/> of it too.</summary>
    public static async Task<IReadOnlyList<string>> CompareAsync(string pgDump, string leftUrl, string rightUrl, ComparisonOptions? options = null)
    {
        options ??= new ComparisonOptions();
        List<string> differences =
        [
            .. Differences("schema", await SchemaAsync(pgDump, leftUrl, options), await SchemaAsync(pgDump, rightUrl, options)),
        ];
        await using var left = await OpenAsync(leftUrl);
        await using var right = await OpenAsync(rightUrl);
        differences.AddRange(Differences("table", await TablesAsync(left, options), await TablesAsync(right, options)));
        differences.AddRange(Differences("sequence", await SequencesAsync(left), await SequencesAsync(right)));
        differences.AddRange(Differences("large object", await LargeObjectsAsync(left, options), await LargeObjectsAsync(right, options)));
        differences.AddRange(Differences("materialized view", await MaterializedViewsAsync(left), await MaterializedViewsAsync(right)));
        if (options.DatabaseLevel)
            differences.AddRange(Differences("database", await DatabaseLevelAsync(left), await DatabaseLevelAsync(right)));
        return differences;
    }

    private static IEnumerable<string> Differences(string kind, Dictionary<string, string> left, Dictionary<string, string> right)
    {
        foreach (var name in left.Keys.Union(right.Keys).Order(StringComparer.Ordinal))
        {
            var hasLeft = left.TryGetValue(name, out var a);
            var hasRight = right.TryGetValue(name, out var b);
            if (!hasLeft) yield return $"{kind} {name}: only on the right: {Short(b!)}";
            else if (!hasRight) yield return $"{kind} {name}: only on the left: {Short(a!)}";
            else if (a != b) yield return $"{kind} {name}: {Short(a!)} <> {Short(b!)}";
        }
    }

    private static string Short(string text) => text.Length <= 400 ? text : text[..400] + "…";

    private static async Task<NpgsqlConnection> OpenAsync(string url)
    {
        var connection = await Database.OpenAsync(url);
        await using var command = new NpgsqlCommand(Pins, connection);
        await command.ExecuteNonQueryAsync();
        return connection;
    }

    /// <summary>
    /// pg_dump's text cut into its entries by name. Their order is left out: it may follow oids. An entry's statements are kept whole, but
    /// for the order of columns in a child that once joined its parent by ALTER TABLE … INHERIT: stock restores put inherited columns first.
    /// </summary>
    private static async Task<Dictionary<string, string>> SchemaAsync(string pgDump, string url, ComparisonOptions options)
    {
        var settings = new NpgsqlConnectionStringBuilder(Database.ConnectionString(url));
        var info = new ProcessStartInfo(pgDump) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false, StandardOutputEncoding = Encoding.UTF8 };
        string[] arguments =
        [
            "-s", "-E", "UTF8", "-h", settings.Host!, "-p", settings.Port.ToString(CultureInfo.InvariantCulture), "-U", settings.Username!,
            .. options.Owners ? Array.Empty<string>() : ["--no-owner"],
            .. options.Grants ? Array.Empty<string>() : ["--no-privileges"],
            .. options.Comments ? Array.Empty<string>() : ["--no-comments"],
        ];
        foreach (var argument in arguments) info.ArgumentList.Add(argument);
        info.Environment["PGDATABASE"] = settings.Database; // as an argument, a name with '=' would be a connection string
        if (settings.Password is { } password) info.Environment["PGPASSWORD"] = password;
        info.Environment["PGOPTIONS"] = "-c lc_monetary=C -c TimeZone=UTC -c quote_all_identifiers=off -c bytea_output=hex";
        using var process = Process.Start(info)!;
        var error = process.StandardError.ReadToEndAsync();
        var text = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        if (process.ExitCode != 0) throw new InvalidOperationException($"pg_dump -s failed: {await error}");

        var entries = new Dictionary<string, string>(StringComparer.Ordinal);
        var parts = EntryHeader().Split(text);
        for (var i = 1; i + 1 < parts.Length; i += 2)
        {
            var lines = parts[i + 1].Split('\n').Where(l => l.Length > 0 && !l.StartsWith("SET default_", StringComparison.Ordinal)
                && !l.StartsWith("-- PostgreSQL database dump", StringComparison.Ordinal) && l is not "--" && l[0] != '\\');
            // Names of entries need not be unique (column grants): the texts are put together.
            var body = string.Join('\n', parts[i + 1].Contains("\nINHERITS (", StringComparison.Ordinal) ? lines.Select(l => l.TrimEnd(',')).Order(StringComparer.Ordinal) : lines);
            entries[parts[i]] = entries.TryGetValue(parts[i], out var before) ? string.Join('\n', new[] { before, body }.Order(StringComparer.Ordinal)) : body;
        }

        return entries;
    }

    /// <summary>
    /// Rows and hash of every table. Partitions are read through their root: a hash partition keyed by an enum sends its rows elsewhere
    /// after a restore. Tables of extensions are the extension's business.
    /// </summary>
    private static async Task<Dictionary<string, string>> TablesAsync(NpgsqlConnection connection, ComparisonOptions options)
    {
        var tables = await RowsAsync(connection, $"""
            SELECT format('%I.%I', n.nspname, c.relname), c.relkind::text,
                coalesce((SELECT string_agg(format('%I', a.attname), ', ' ORDER BY a.attname) FROM pg_attribute a
                    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '')
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't' AND {UserSchemas}
                AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
            ORDER BY 1
            """);
        var result = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var table in tables.Where(t => !options.ExceptTables.Contains(t[0])))
        {
            var only = table[1] == "p" ? "" : "ONLY ";
            result[table[0]] = await HashAsync(connection, $"COPY (SELECT {table[2]} FROM {only}{table[0]}) TO STDOUT");
        }

        return result;
    }

    private static async Task<string> HashAsync(NpgsqlConnection connection, string copy)
    {
        var hashes = new List<UInt128>();
        using (var reader = await connection.BeginTextExportAsync(copy))
        {
            while (await reader.ReadLineAsync() is { } line)
            {
                var hash = SHA256.HashData(Encoding.UTF8.GetBytes(line));
                hashes.Add(new UInt128(BitConverter.ToUInt64(hash, 0), BitConverter.ToUInt64(hash, 8)));
            }
        }

        hashes.Sort();
        using var whole = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var hash in hashes) whole.AppendData(BitConverter.GetBytes((ulong)(hash >> 64)).Concat(BitConverter.GetBytes((ulong)hash)).ToArray());
        return string.Create(CultureInfo.InvariantCulture, $"{hashes.Count} rows, hash {Convert.ToHexStringLower(whole.GetHashAndReset())[..16]}");
    }

    private static async Task<Dictionary<string, string>> SequencesAsync(NpgsqlConnection connection)
    {
        var result = new Dictionary<string, string>(StringComparer.Ordinal);
        var names = await RowsAsync(connection, $"""
            SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'S' AND {UserSchemas}
            """);
        foreach (var name in names.Select(r => r[0]))
        {
            var row = (await RowsAsync(connection, $"SELECT last_value::text, is_called::text FROM {name}"))[0];
            result[name] = $"{row[0]}, called {row[1]}";
        }

        return result;
    }

    private static async Task<Dictionary<string, string>> LargeObjectsAsync(NpgsqlConnection connection, ComparisonOptions options)
    {
        var rows = await RowsAsync(connection, """
            SELECT m.oid::text, md5(lo_get(m.oid)), length(lo_get(m.oid))::text, pg_get_userbyid(m.lomowner)::text, coalesce(m.lomacl::text, ''),
                coalesce(obj_description(m.oid, 'pg_largeobject'), '')
            FROM pg_largeobject_metadata m
            """);
        return rows.ToDictionary(r => r[0], r => $"{r[2]} bytes, {r[1]}"
            + (options.Owners ? $", owner {r[3]}" : "") + (options.Grants ? $", rights {r[4]}" : "") + (options.Comments ? $", comment {r[5]}" : ""), StringComparer.Ordinal);
    }

    /// <summary>Not their rows: a restore refreshes them, and the source's may be stale.</summary>
    private static async Task<Dictionary<string, string>> MaterializedViewsAsync(NpgsqlConnection connection)
    {
        var rows = await RowsAsync(connection, "SELECT format('%I.%I', schemaname, matviewname), definition, ispopulated::text FROM pg_matviews");
        return rows.ToDictionary(r => r[0], r => $"populated {r[2]}: {r[1]}", StringComparer.Ordinal);
    }

    private static async Task<Dictionary<string, string>> DatabaseLevelAsync(NpgsqlConnection connection)
    {
        var rows = await RowsAsync(connection, """
            SELECT 'settings of ' || coalesce(r.rolname, 'everybody'), (SELECT string_agg(x, '; ' ORDER BY x) FROM unnest(s.setconfig) x)
                FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase LEFT JOIN pg_roles r ON r.oid = s.setrole WHERE d.datname = current_database()
            UNION ALL SELECT 'rights', coalesce((SELECT string_agg(x::text, ' ' ORDER BY x::text) FROM unnest(datacl) x), '') FROM pg_database WHERE datname = current_database()
            UNION ALL SELECT 'comment', coalesce(shobj_description(oid, 'pg_database'), '') FROM pg_database WHERE datname = current_database()
            UNION ALL SELECT 'connection limit', datconnlimit::text FROM pg_database WHERE datname = current_database()
            """);
        return rows.ToDictionary(r => r[0], r => r[1], StringComparer.Ordinal);
    }

    private static async Task<List<string[]>> RowsAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await using var reader = await command.ExecuteReaderAsync();
        var rows = new List<string[]>();
        while (await reader.ReadAsync())
            rows.Add([.. Enumerable.Range(0, reader.FieldCount).Select(reader.GetString)]);
        return rows;
    }

    // "-- Name: x; Type: TABLE; Schema: public; Owner: y"; with --no-owner "Owner: -".
    [GeneratedRegex(@"^-- (?:Data for )?Name: (.*)$", RegexOptions.Multiline)]
    private static partial Regex EntryHeader();
}
