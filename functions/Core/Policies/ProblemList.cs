using Backup.Core.Model;

namespace Backup.Core.Policies;

/// <summary>Gathers the problems of one document. The one place that decides what of the document may be repeated in a message.</summary>
internal sealed class ProblemList
{
    private const int LongestShown = 60;

    private readonly List<Finding> _findings = [];
    private bool _prevents;
    private readonly HashSet<YamlValue> _secrets = new(ReferenceEqualityComparer.Instance);

    /// <summary>The document is no policy: one of the problems, at least, keeps it from being used.</summary>
    public bool PreventsUse => _prevents;

    /// <summary>In the order of the document.</summary>
    public IReadOnlyList<Finding> InOrder() => [.. _findings.OrderBy(f => f.Line ?? 0)];

    /// <param name="preventsUse">False for what only some verbs need, which look at it themselves: a nightly backup must not fail because of it.</param>
    public void Add(string code, string path, int? line, string sentence, string nextStep, bool preventsUse = true)
    {
        _prevents |= preventsUse;
        _findings.Add(new Finding
        {
            Severity = Severity.Critical,
            Code = code,
            Subject = path,
            Line = line,
            Sentence = sentence,
            NextStep = nextStep,
        });
    }

    /// <summary>Remembers a value that has been reported as a secret, so that nothing else is said about it.</summary>
    public void MarkSecret(YamlValue value) => _secrets.Add(value);

    public bool IsSecret(YamlValue value) => _secrets.Contains(value);

    /// <summary>A value as messages may show it: quoted, on one line, short, and not at all when it holds a credential.</summary>
    public static string Show(string value)
    {
        if (LiteralSecrets.IsIn(value)) return "(value not shown)";
        return $"\"{Clean(value)}\"";
    }

    /// <summary>A key path for one key deeper, with the same care as <see cref="Show"/>.</summary>
    public static string Path(string parent, string key)
    {
        var shown = LiteralSecrets.IsIn(key) ? "(key not shown)" : Clean(key);
        return parent.Length == 0 ? shown : $"{parent}.{shown}";
    }

    private static string Clean(string text)
    {
        var shown = text.Length > LongestShown ? $"{text[..LongestShown]}…" : text;
        return string.Concat(shown.Select(c => char.IsControl(c) ? ' ' : c));
    }
}
