using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Backup.Infra.Tests;

/// <summary>A graph as people review it: one block per resource, documents opened, one policy statement per line.</summary>
internal static class GoldenText
{
    public static string Of(Graph graph)
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"{graph.Resources.Count} resources");
        foreach (var kind in graph.Resources.GroupBy(r => r.Type)) text.AppendLine(CultureInfo.InvariantCulture, $"  {kind.Count(),3} {kind.Key}");
        foreach (var resource in graph.Resources)
        {
            var guards = resource.Protect && resource.Retain ? "  [protected, retained]" : resource.Retain ? "  [retained]" : "";
            text.AppendLine().AppendLine(CultureInfo.InvariantCulture, $"{resource.Type}  {resource.Name}{guards}");
            foreach (var (key, value) in resource.Inputs.OrderBy(i => i.Key, StringComparer.Ordinal)) Write(text, key, value, 1);
        }

        return text.ToString().ReplaceLineEndings("\n");
    }

    private static void Write(StringBuilder text, string key, object? value, int depth)
    {
        var indent = new string(' ', depth * 2);
        switch (value)
        {
            case ImmutableDictionary<string, object> map:
                text.AppendLine(CultureInfo.InvariantCulture, $"{indent}{key}:");
                foreach (var (name, item) in map.OrderBy(i => i.Key, StringComparer.Ordinal)) Write(text, name, item, depth + 1);
                break;
            case ImmutableArray<object> list when list.All(i => i is string):
                text.AppendLine(CultureInfo.InvariantCulture, $"{indent}{key}: {string.Join(", ", list)}");
                break;
            case ImmutableArray<object> list:
                for (var i = 0; i < list.Length; i++) Write(text, $"{key}[{i}]", list[i], depth);
                break;
            case string json when key != "inputTemplate" && (json.StartsWith('{') || json.StartsWith('[')):
                text.AppendLine(CultureInfo.InvariantCulture, $"{indent}{key}:");
                Document(text, json, indent + "  ");
                break;
            default:
                text.AppendLine(CultureInfo.InvariantCulture, $"{indent}{key}: {value}");
                break;
        }
    }

    private static void Document(StringBuilder text, string json, string indent)
    {
        using var document = JsonDocument.Parse(json);
        var root = document.RootElement;
        foreach (var list in (string[])["Statement", "widgets", "rules"])
        {
            if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty(list, out var items)) continue;
            foreach (var item in items.EnumerateArray()) text.Append(indent).AppendLine(item.GetRawText());
            return;
        }

        text.Append(indent).AppendLine(root.GetRawText());
    }
}
