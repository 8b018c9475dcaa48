using System.Text.Encodings.Web;
using System.Text.Json;

namespace Backup.Infra.Compile;

/// <summary>How every JSON document of the stack is written: compact and readable, with &lt; and &gt; as they are (Scheduler looks for them).</summary>
public static class JsonText
{
    public static JsonSerializerOptions Options { get; } = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static string Of(object value) => JsonSerializer.Serialize(value, Options);
}
