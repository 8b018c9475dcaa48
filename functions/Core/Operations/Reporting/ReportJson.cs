using System.Text.Json;
using System.Text.Json.Serialization;
using Backup.Core.Model;

namespace Backup.Core.Operations.Reporting;

/// <summary>The bytes of a report as JSON: the style of every document in a vault.</summary>
public static class ReportJson
{
    private static readonly ReportContext _context = new(Options());

    public static byte[] Write(MonthReport report) => JsonSerializer.SerializeToUtf8Bytes(report, _context.MonthReport);

    private static JsonSerializerOptions Options()
    {
        var options = ManifestJson.NewOptions();
        options.Converters.Add(new WordConverter<Verdict>());
        return options;
    }
}

[JsonSerializable(typeof(MonthReport))]
internal sealed partial class ReportContext : JsonSerializerContext;
