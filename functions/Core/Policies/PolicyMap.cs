using System.Diagnostics.CodeAnalysis;

namespace Backup.Core.Policies;

/// <summary>
/// One map of the policy while it is being read. Every getter reports what is wrong and returns a stand-in, so that
/// reading goes on to the end of the document; <see cref="Finish"/> reports the keys that nobody asked for.
/// </summary>
internal sealed class PolicyMap
{
    private readonly YamlMap _map;
    private readonly HashSet<string> _asked = new(StringComparer.Ordinal);

    private PolicyMap(YamlMap map, string path, ProblemList problems)
    {
        _map = map;
        Path = path;
        Problems = problems;
    }

    public string Path { get; }

    public ProblemList Problems { get; }

    public int Line => _map.Line;

    public IEnumerable<string> Keys => _map.Entries.Select(e => e.Key);

    /// <summary>Null, with a problem reported, when the value is no map.</summary>
    public static PolicyMap? From(YamlValue value, string path, ProblemList problems)
    {
        if (value is YamlMap map) return new PolicyMap(map, path, problems);
        WrongType(value, path, problems, "a map", "write keys and values, indented below the key");
        return null;
    }

    public bool Has(string key) => _map.Find(key) is not null;

    public bool IsMap(string key) => _map.Find(key)?.Value is YamlMap;

    public bool IsEmptyList(string key) => _map.Find(key)?.Value is YamlList { Items.Count: 0 };

    public int? LineOf(string key) => _map.Find(key)?.Line;

    public string PathOf(string key) => ProblemList.Path(Path, key);

    /// <summary>True with the value when the key is there and its value has the form.</summary>
    public bool Try<T>(string key, ValueForm<T> form, [MaybeNullWhen(false)] out T value)
    {
        value = default;
        return Find(key) is { } entry && TryValue(entry.Value, PathOf(key), form, Problems, out value);
    }

    public T Or<T>(string key, ValueForm<T> form, T fallback) => Try(key, form, out var value) ? value : fallback;

    public T? Optional<T>(string key, ValueForm<T> form) where T : struct => Try(key, form, out var value) ? value : null;

    public string? Optional(string key, ValueForm<string> form) => Try(key, form, out var value) ? value : null;

    /// <summary>The stand-in is never used: the problem keeps the policy from being made.</summary>
    public T Required<T>(string key, ValueForm<T> form, T standIn)
    {
        if (Try(key, form, out var value)) return value;
        if (!Has(key)) Missing(key, form.Accepted);
        return standIn;
    }

    /// <summary>A map below this one, or null when the key is missing or no map.</summary>
    public PolicyMap? Map(string key) => Find(key) is { } entry ? From(entry.Value, PathOf(key), Problems) : null;

    /// <summary>The items of a list with their key paths; nothing when the key is missing or no list.</summary>
    public IReadOnlyList<(YamlValue Value, string Path)> Items(string key)
    {
        if (Find(key) is not { } entry) return [];
        if (entry.Value is YamlList list) return [.. list.Items.Select((item, i) => (item, $"{PathOf(key)}[{i}]"))];
        WrongType(entry.Value, PathOf(key), Problems, "a list", "write one item per line, each behind a dash, or [a, b]");
        return [];
    }

    /// <summary>A list of single values. No item may appear twice.</summary>
    public IReadOnlyList<string> List(string key, ValueForm<string> form)
    {
        var values = new List<string>();
        foreach (var (item, path) in Items(key))
        {
            if (!TryValue(item, path, form, Problems, out var value)) continue;
            if (values.Contains(value))
                Problems.Add("policy.duplicateName", path, item.Line, $"{ProblemList.Show(value)} is in the list already", "remove one of the two");
            else values.Add(value);
        }

        return values;
    }

    /// <summary>The maps of a list.</summary>
    public IEnumerable<PolicyMap> Maps(string key) =>
        Items(key).Select(item => From(item.Value, item.Path, Problems)).OfType<PolicyMap>();

    public void Missing(string key, string accepted) =>
        Problems.Add("policy.missingKey", PathOf(key), Line, "is required and missing", $"add {key}: {accepted}");

    public void Contradiction(string key, string sentence, string nextStep) =>
        Problems.Add("policy.contradiction", PathOf(key), LineOf(key) ?? Line, sentence, nextStep);

    public void BadValue(string key, string sentence, string nextStep) =>
        Problems.Add("policy.badValue", PathOf(key), LineOf(key) ?? Line, sentence, nextStep);

    public void Finish()
    {
        foreach (var entry in _map.Entries.Where(e => !_asked.Contains(e.Key)))
        {
            var near = Nearest.To(entry.Key, _asked.Where(k => !Has(k)));
            var known = _asked.Order(StringComparer.Ordinal).ToArray();
            Problems.Add("policy.unknownKey", PathOf(entry.Key), entry.Line,
                near is null ? "is not a key of the policy" : $"is not a key of the policy; did you mean {near}?",
                near is null ? $"remove it, or write {Forms.OneOf(known)}" : $"write {near}, or remove it");
        }
    }

    /// <summary>Reads one value, wherever it stands.</summary>
    public static bool TryValue<T>(YamlValue value, string path, ValueForm<T> form, ProblemList problems, [MaybeNullWhen(false)] out T result)
    {
        result = default;
        if (problems.IsSecret(value)) return false;
        if (value is not YamlText { IsNull: false } text)
        {
            WrongType(value, path, problems, "a single value", form.Accepted);
            return false;
        }

        // In YAML "true" in quotes is a text: whoever quotes it may mean something else.
        var problem = form.Parse(text.Text, out result);
        if (problem is null && form is ValueForm<bool> && !text.Plain) problem = "is a text, not true or false";
        if (problem is null) return true;
        var shown = form.Hidden ? "the value (not shown)" : ProblemList.Show(text.Text);
        var space = problem.StartsWith(':') ? "" : " ";
        problems.Add("policy.badValue", path, text.Line, $"{shown}{space}{problem}", form.Accepted);
        return false;
    }

    private YamlEntry? Find(string key)
    {
        _asked.Add(key);
        return _map.Find(key);
    }

    private static void WrongType(YamlValue value, string path, ProblemList problems, string wanted, string nextStep)
    {
        if (problems.IsSecret(value)) return;
        // Pulumi's encrypted values can be read by Pulumi only; the command line and the watch read this document too.
        if (value is YamlMap map && map.Find("secure") is not null)
            problems.Add("policy.wrongType", path, value.Line, "is encrypted by Pulumi, which only Pulumi can read",
                "write \"${NAME}\", or the name of a secret in Secrets Manager");
        else
            problems.Add("policy.wrongType", path, value.Line, $"is {value.Kind}, not {wanted}", nextStep);
    }
}
