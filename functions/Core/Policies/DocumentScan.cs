namespace Backup.Core.Policies;

/// <summary>Looks at everything in a document, whatever its keys mean: credentials and duplicate keys.</summary>
internal sealed class DocumentScan
{
    private const string SecretAdvice = "remove it and change the password; write \"${NAME}\" and set the variable, or secret: with a Secrets Manager name";

    private readonly ProblemList _problems;
    private readonly YamlValue? _policy;
    private readonly HashSet<YamlValue> _visited = new(ReferenceEqualityComparer.Instance);
    private readonly HashSet<int> _reportedLines = [];

    private DocumentScan(ProblemList problems, YamlValue? policy)
    {
        _problems = problems;
        _policy = policy;
    }

    /// <param name="root">Null when the text is not YAML: then only its lines are looked at.</param>
    /// <param name="policy">Where key paths begin.</param>
    public static void Run(string text, YamlValue? root, YamlValue? policy, ProblemList problems)
    {
        var scan = new DocumentScan(problems, policy);
        if (root is not null) scan.Walk(root, "");
        scan.Lines(text);
    }

    private void Walk(YamlValue value, string path)
    {
        // An alias leads here again; what it stands for has been reported where it is written.
        if (!_visited.Add(value)) return;
        if (ReferenceEquals(value, _policy)) path = "";
        switch (value)
        {
            case YamlText text when LiteralSecrets.IsIn(text.Text):
                _problems.MarkSecret(text);
                Report(path, text.Line, text.LastLine);
                break;
            case YamlList list:
                for (var i = 0; i < list.Items.Count; i++) Walk(list.Items[i], $"{path}[{i}]");
                break;
            case YamlMap map:
                foreach (var entry in map.Duplicates)
                    _problems.Add("policy.duplicateKey", ProblemList.Path(path, entry.Key), entry.Line,
                        $"is here twice; the first is on line {map.Find(entry.Key)!.Line}", "remove one of the two");
                foreach (var entry in map.Entries.Concat(map.Duplicates))
                {
                    var below = ProblemList.Path(path, entry.Key);
                    if (LiteralSecrets.IsIn(entry.Key)) Report(below, entry.Line, entry.Line);
                    Walk(entry.Value, below);
                }

                break;
        }
    }

    // Comments and text that is not YAML belong to no value, and a password leaks from them just the same.
    private void Lines(string text)
    {
        var number = 0;
        foreach (var line in text.Split('\n'))
        {
            number++;
            if (!_reportedLines.Contains(number) && LiteralSecrets.IsIn(line)) Report("(comment or text)", number, number);
        }
    }

    private void Report(string path, int line, int lastLine)
    {
        for (var n = line; n <= lastLine; n++) _reportedLines.Add(n);
        _problems.Add("policy.literalSecret", path, line, "holds a credential (not shown)", SecretAdvice);
    }
}
