using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Backup.Cli.Verbs;
using Backup.Core.Model;

namespace Backup.Cli;

/// <summary>
/// Every document that <c>--output json</c> prints: one JsonSerializable line per verb's report. Names are camelCase,
/// words are spelled as in policies, absent values are left out.
/// </summary>
[JsonSerializable(typeof(CheckReport))]
public sealed partial class CliJson : JsonSerializerContext
{
    /// <summary>The context to print with: arrows and quotes stay readable, since the output is no part of a web page.</summary>
    public static CliJson Printed { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new WordConverter<Severity>() },
    });

    public static string Write<T>(T report, JsonTypeInfo<T> type) => JsonSerializer.Serialize(report, type);
}

/// <summary>Spells an enum as <see cref="Words"/> does.</summary>
public sealed class WordConverter<T> : JsonConverter<T> where T : struct, Enum
{
    public override T Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        Words.TryParse<T>(reader.GetString(), out var value) ? value : throw new JsonException($"not one of {string.Join(", ", Words.All<T>())}");

    public override void Write(Utf8JsonWriter writer, T value, JsonSerializerOptions options)
    {
        ArgumentNullException.ThrowIfNull(writer);
        writer.WriteStringValue(Words.Of(value));
    }
}
