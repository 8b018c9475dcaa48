using System.Text.Json.Serialization;

namespace Backup.Core.Model;

/// <summary>A table (or other relation) by its exact, unquoted names.</summary>
public sealed record TableName(string Schema, string Name)
{
    /// <summary>For SQL: both parts quoted.</summary>
    [JsonIgnore]
    public string Sql => $"{Quote(Schema)}.{Quote(Name)}";

    public static string Quote(string identifier) => $"\"{identifier.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    public static string Literal(string text) => $"'{text.Replace("'", "''", StringComparison.Ordinal)}'";

    /// <summary><c>schema.table</c> as the catalog spells it; each part may stand in double quotes.</summary>
    public static TableName Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var end = 0;
        for (var quoted = false; end < text.Length && (quoted || text[end] != '.'); end++) quoted ^= text[end] == '"';
        return new TableName(Unquote(text[..end]), Unquote(text[Math.Min(end + 1, text.Length)..]));
    }

    /// <summary>Column names, separated by commas; each may stand in double quotes.</summary>
    public static IReadOnlyList<string> ParseColumns(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var columns = new List<string>();
        var (start, quoted) = (0, false);
        for (var i = 0; i <= text.Length; i++)
        {
            if (i < text.Length && text[i] == '"') quoted = !quoted;
            if (i < text.Length && (quoted || text[i] != ',')) continue;
            columns.Add(Unquote(text[start..i].Trim()));
            start = i + 1;
        }

        return columns;
    }

    private static string Unquote(string name) => name.Length >= 2 && name[0] == '"' && name[^1] == '"'
        ? name[1..^1].Replace("\"\"", "\"", StringComparison.Ordinal)
        : name;

    /// <summary>Ordinal, by schema and name: the same on every machine.</summary>
    public static IComparer<TableName> Order { get; } = Comparer<TableName>.Create((a, b) =>
        string.CompareOrdinal(a.Schema, b.Schema) is var s and not 0 ? s : string.CompareOrdinal(a.Name, b.Name));

    /// <summary>For people: quoted only where it must be.</summary>
    public override string ToString() => $"{Plain(Schema)}.{Plain(Name)}";

    private static string Plain(string name) =>
        name.Length > 0 && name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '_') ? name : Quote(name).Replace("\n", "\\n", StringComparison.Ordinal);
}
