using System.Text.Json;
using System.Text.RegularExpressions;
using Backup.Core.Model;

namespace Backup.Infra.Settings;

/// <summary>Reads values of the stack's configuration. Every getter reports what is wrong and goes on, so that all problems are shown at once.</summary>
internal sealed class ConfigReader(ConfigValue value, List<Finding> problems)
{
    public bool Has(string key) => value(key) is not null;

    public void Add(string subject, string sentence, string nextStep, string code = "config.invalid") => problems.Add(new Finding
    {
        Severity = Severity.Critical,
        Code = code,
        Subject = subject,
        Sentence = sentence,
        NextStep = nextStep,
    });

    public string? Text(string key, Regex shape, string accepted, bool required = false)
    {
        var text = value(key);
        if (text is null && required) Add($"backup:{key}", "is required and missing", accepted, "config.missing");
        return text is null ? null : Checked($"backup:{key}", text, shape, accepted);
    }

    public T Word<T>(string key, T fallback) where T : struct, Enum
    {
        if (value(key) is not { } text) return fallback;
        if (Words.TryParse<T>(text, out var word)) return word;
        Add($"backup:{key}", $"\"{text}\" is not known", $"write {string.Join(" or ", Words.All<T>())}");
        return fallback;
    }

    public bool Flag(string key)
    {
        if (value(key) is not { } text) return false;
        if (bool.TryParse(text, out var flag)) return flag;
        Add($"backup:{key}", $"\"{text}\" is neither true nor false", "write true or false");
        return false;
    }

    public int? Whole(string key, int min, int max)
    {
        if (value(key) is not { } text) return null;
        if (int.TryParse(text, out var number) && number >= min && number <= max) return number;
        Add($"backup:{key}", $"\"{text}\" is no whole number from {min} to {max}", $"write a whole number from {min} to {max}");
        return null;
    }

    public IReadOnlyList<string> Texts(string key, Regex shape, string accepted)
    {
        if (value(key) is not { } text) return [];
        using var json = Parse(key, text);
        return json is null ? [] : Texts($"backup:{key}", json.RootElement, shape, accepted);
    }

    public IReadOnlyList<string> Texts(string path, JsonElement list, Regex shape, string accepted)
    {
        if (list.ValueKind != JsonValueKind.Array)
        {
            Add(path, "is not a list", $"write a list, and in it: {accepted}");
            return [];
        }

        return [.. list.EnumerateArray().Select((item, i) => Checked($"{path}[{i}]", item.ToString(), shape, accepted)).OfType<string>()];
    }

    /// <summary>A map whose keys are all known and all there; null when it is not set or wrong. The reader of a member gets its path and value.</summary>
    public T? Map<T>(string key, IReadOnlyList<string> members, Func<Func<string, (string Path, JsonElement Value)>, T?> read) where T : class
    {
        if (value(key) is not { } text) return null;
        using var json = Parse(key, text);
        if (json is null) return null;
        if (json.RootElement.ValueKind != JsonValueKind.Object)
        {
            Add($"backup:{key}", "is not a map", $"write a map with {string.Join(", ", members)}");
            return null;
        }

        var found = json.RootElement.EnumerateObject().Select(p => p.Name).ToList();
        foreach (var unknown in found.Except(members))
            Add($"backup:{key}.{unknown}", "is not a key of the configuration", $"remove it, or write {string.Join(" or ", members)}");
        foreach (var missing in members.Except(found))
            Add($"backup:{key}.{missing}", "is required and missing", $"add {missing} to backup:{key}", "config.missing");
        return members.Except(found).Any() ? null : read(name => ($"backup:{key}.{name}", json.RootElement.GetProperty(name)));
    }

    public string? Checked((string Path, JsonElement Value) at, Regex shape, string accepted) => Checked(at.Path, at.Value.ToString(), shape, accepted);

    private string? Checked(string path, string text, Regex shape, string accepted)
    {
        if (shape.IsMatch(text)) return text;
        Add(path, $"\"{(text.Length > 60 ? text[..60] + "…" : text)}\" is not of the right form", accepted);
        return null;
    }

    private JsonDocument? Parse(string key, string text)
    {
        try
        {
            return JsonDocument.Parse(text);
        }
        catch (JsonException)
        {
            Add($"backup:{key}", "is a single text, and a list or a map belongs there", $"write it as YAML below backup:{key}:");
            return null;
        }
    }
}
