using System.Text.Encodings.Web;
using System.Text.Json;

namespace Backup.Core.Signals;

/// <summary>Appends figures to a file, one JSON object per line: <c>{"time":…,"metric":…,"unit":…,"value":…,"environment":…,"database":…}</c>.</summary>
public sealed class MetricFile(string path) : IMetricSink
{
    public async Task EmitAsync(IReadOnlyList<Metric> metrics, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(metrics);
        if (metrics.Count == 0) return;
        using var lines = new MemoryStream();
        foreach (var metric in metrics)
        {
            using (var json = MetricJson.Writer(lines))
            {
                json.WriteStartObject();
                json.WriteString("time", metric.At);
                json.WriteString("metric", metric.Name.Name);
                json.WriteString("unit", metric.Name.Unit.ToString());
                json.WriteNumber("value", metric.Value);
                json.WriteString("environment", metric.Environment);
                json.WriteString("database", metric.Database);
                json.WriteEndObject();
            }

            lines.WriteByte((byte)'\n');
        }

        // One write to a file that is open for appending: lines of processes that share it do not mix.
        await using var file = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        await file.WriteAsync(lines.GetBuffer().AsMemory(0, (int)lines.Length), cancel);
    }
}

/// <summary>CloudWatch's embedded metric format: each line is a log event out of which CloudWatch Logs makes metrics.</summary>
public sealed class EmbeddedMetrics(TextWriter output) : IMetricSink
{
    public async Task EmitAsync(IReadOnlyList<Metric> metrics, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(metrics);
        foreach (var group in metrics.GroupBy(m => (m.Environment, m.Database, m.At)))
        {
            // A document names each metric once; a second value of the same name needs another line.
            var rest = group.ToList();
            while (rest.Count > 0)
            {
                var now = rest.DistinctBy(m => m.Name).ToList();
                rest = [.. rest.Except(now, ReferenceEqualityComparer.Instance).Cast<Metric>()];
                await output.WriteLineAsync(Document(now).AsMemory(), cancel);
            }
        }
    }

    private static string Document(IReadOnlyList<Metric> metrics)
    {
        using var bytes = new MemoryStream();
        using (var json = MetricJson.Writer(bytes))
        {
            json.WriteStartObject();
            json.WriteStartObject("_aws");
            json.WriteNumber("Timestamp", metrics[0].At.ToUnixTimeMilliseconds());
            json.WriteStartArray("CloudWatchMetrics");
            json.WriteStartObject();
            json.WriteString("Namespace", MetricName.Namespace);
            json.WriteStartArray("Dimensions");
            json.WriteStartArray();
            json.WriteStringValue("Environment");
            json.WriteStringValue("Database");
            json.WriteEndArray();
            json.WriteEndArray();
            json.WriteStartArray("Metrics");
            foreach (var metric in metrics)
            {
                json.WriteStartObject();
                json.WriteString("Name", metric.Name.Name);
                json.WriteString("Unit", metric.Name.Unit.ToString());
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteString("Environment", metrics[0].Environment);
            json.WriteString("Database", metrics[0].Database);
            foreach (var metric in metrics) json.WriteNumber(metric.Name.Name, metric.Value);
            json.WriteEndObject();
        }

        return System.Text.Encoding.UTF8.GetString(bytes.GetBuffer(), 0, (int)bytes.Length);
    }
}

internal static class MetricJson
{
    public static Utf8JsonWriter Writer(Stream output) => new(output, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
}
