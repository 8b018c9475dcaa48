using System.Text.Encodings.Web;
using System.Text.Json;

namespace Backup.Lambda.Hosting;

/// <summary>
/// Log lines as JSON objects, one per line, straight to standard output: CloudWatch Logs finds their fields. Holds no event, no URL, no secret: only what
/// callers name.
/// </summary>
public sealed class JsonLog(Stream output, TimeProvider clock, IReadOnlyDictionary<string, string> context)
{
    private static readonly JsonWriterOptions _options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private static readonly Lock _oneLine = new();

    /// <summary>The same log with more fields in every line.</summary>
    public JsonLog With(params IEnumerable<(string Name, string Value)> fields)
    {
        var more = context.ToDictionary(StringComparer.Ordinal);
        foreach (var (name, value) in fields) more[name] = value;
        return new JsonLog(output, clock, more);
    }

    public void Information(string message, params IEnumerable<(string Name, object? Value)> fields) => Write("INFO", message, fields);

    public void Warning(string message, params IEnumerable<(string Name, object? Value)> fields) => Write("WARN", message, fields);

    public void Error(string message, params IEnumerable<(string Name, object? Value)> fields) => Write("ERROR", message, fields);

    private void Write(string level, string message, IEnumerable<(string Name, object? Value)> fields)
    {
        using var line = new MemoryStream();
        using (var json = new Utf8JsonWriter(line, _options))
        {
            json.WriteStartObject();
            json.WriteString("timestamp", clock.GetUtcNow());
            json.WriteString("level", level);
            foreach (var (name, value) in context) json.WriteString(name, value);
            json.WriteString("message", message);
            foreach (var (name, value) in fields) WriteField(json, name, value);
            json.WriteEndObject();
        }

        line.WriteByte((byte)'\n');
        lock (_oneLine)
        {
            output.Write(line.GetBuffer(), 0, (int)line.Length);
            output.Flush();
        }
    }

    private static void WriteField(Utf8JsonWriter json, string name, object? value)
    {
        switch (value)
        {
            case null:
                return;
            case long number:
                json.WriteNumber(name, number);
                return;
            case int number:
                json.WriteNumber(name, number);
                return;
            case double number:
                json.WriteNumber(name, number);
                return;
            default:
                json.WriteString(name, value.ToString());
                return;
        }
    }
}
