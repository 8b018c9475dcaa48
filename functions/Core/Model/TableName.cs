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

    /// <summary>Ordinal, by schema and name: the same on every machine.</summary>
    public static IComparer<TableName> Order { get; } = Comparer<TableName>.Create((a, b) =>
        string.CompareOrdinal(a.Schema, b.Schema) is var s and not 0 ? s : string.CompareOrdinal(a.Name, b.Name));

    /// <summary>For people: quoted only where it must be.</summary>
    public override string ToString() => $"{Plain(Schema)}.{Plain(Name)}";

    private static string Plain(string name) =>
        name.Length > 0 && name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '_') ? name : Quote(name).Replace("\n", "\\n", StringComparison.Ordinal);
}
