using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Backup.Core.Policies;

/// <summary>A YAML value with the line that it begins on. Compared by reference: an alias is the same value again.</summary>
internal abstract class YamlValue(int line)
{
    public int Line { get; } = line;

    /// <summary>What it is, for messages: a value, a list, a map.</summary>
    public abstract string Kind { get; }
}

internal sealed class YamlText(string text, bool plain, int line, int lastLine) : YamlValue(line)
{
    public string Text { get; } = text;
    public bool Plain { get; } = plain;
    public int LastLine { get; } = lastLine;
    public bool IsNull => Plain && Text is "" or "~" or "null" or "Null" or "NULL";
    public override string Kind => IsNull ? "nothing" : "a single value";
}

internal sealed class YamlList(IReadOnlyList<YamlValue> items, int line) : YamlValue(line)
{
    public IReadOnlyList<YamlValue> Items { get; } = items;
    public override string Kind => "a list";
}

internal sealed record YamlEntry(string Key, int Line, YamlValue Value);

internal sealed class YamlMap(IReadOnlyList<YamlEntry> entries, IReadOnlyList<YamlEntry> duplicates, int line) : YamlValue(line)
{
    /// <summary>One entry per key, merged ones (<c>&lt;&lt;: *base</c>) last.</summary>
    public IReadOnlyList<YamlEntry> Entries { get; } = entries;

    /// <summary>Second and later entries of a key that was there already.</summary>
    public IReadOnlyList<YamlEntry> Duplicates { get; } = duplicates;
    public override string Kind => "a map";

    public YamlEntry? Find(string key) => Entries.FirstOrDefault(e => e.Key == key);
}

/// <summary>What <see cref="YamlTree"/> cannot make a tree of. The message repeats nothing from the document.</summary>
internal sealed class YamlTreeException(string message, Mark at, string code = "policy.syntax") : Exception(message)
{
    public string Code { get; } = code;
    public Mark At { get; } = at;
}

/// <summary>
/// Builds the tree from parser events. YamlDotNet's own representation model stops at the first duplicate key and
/// leaves merge keys alone; here all duplicates are kept for one report and merges are applied, as Pulumi does.
/// </summary>
internal sealed class YamlTree
{
    // Deep nesting would end in a stack overflow, which nothing can catch. The policy needs five levels.
    private const int DeepestNesting = 40;

    private readonly IParser _parser;
    private readonly Dictionary<string, YamlValue> _anchors = new(StringComparer.Ordinal);
    private int _depth;

    private YamlTree(IParser parser) => _parser = parser;

    /// <summary>The document's root, or null when there is none.</summary>
    /// <exception cref="YamlException">The text is not YAML.</exception>
    /// <exception cref="YamlTreeException">It is YAML that a policy cannot be.</exception>
    public static YamlValue? Read(string text)
    {
        var scanner = new Scanner(new StringReader(text));
        try
        {
            return Document(new Parser(scanner));
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException)
        {
            // The scanner's answer to some broken flow lists, for example "[1" and a key on the next line.
            throw new YamlTreeException("is not YAML", scanner.CurrentPosition);
        }
    }

    private static YamlValue? Document(Parser parser)
    {
        parser.Consume<StreamStart>();
        if (parser.Accept<StreamEnd>(out _)) return null;
        parser.Consume<DocumentStart>();
        var root = new YamlTree(parser).Value();
        parser.Consume<DocumentEnd>();
        return parser.Accept<StreamEnd>(out _)
            ? root
            : throw new YamlTreeException("a second document begins here", parser.Current!.Start, "policy.severalDocuments");
    }

    private YamlValue Value()
    {
        if (++_depth > DeepestNesting)
            throw new YamlTreeException($"nested more than {DeepestNesting} levels deep", _parser.Current!.Start);
        try
        {
            if (_parser.TryConsume<AnchorAlias>(out var alias))
                return _anchors.TryGetValue(alias.Value.Value, out var known)
                    ? known
                    : throw new YamlTreeException("an alias (*name) has no anchor (&name) that is complete before it", alias.Start);
            if (_parser.TryConsume<Scalar>(out var scalar))
                return Anchored(scalar, new YamlText(scalar.Value, scalar.Style == ScalarStyle.Plain, Line(scalar.Start), Line(scalar.End)));
            if (_parser.TryConsume<SequenceStart>(out var sequence)) return Anchored(sequence, List(sequence));
            return Map();
        }
        finally
        {
            _depth--;
        }
    }

    private YamlList List(SequenceStart start)
    {
        var items = new List<YamlValue>();
        while (!_parser.TryConsume<SequenceEnd>(out _)) items.Add(Value());
        return new YamlList(items, Line(start.Start));
    }

    private YamlValue Map()
    {
        var start = _parser.Consume<MappingStart>();
        var entries = new List<YamlEntry>();
        var duplicates = new List<YamlEntry>();
        var merged = new List<YamlEntry>();
        while (!_parser.TryConsume<MappingEnd>(out _))
        {
            var at = _parser.Current!.Start;
            if (Value() is not YamlText key) throw new YamlTreeException("a key is a list or a map; keys are single words", at);
            var entry = new YamlEntry(key.Text, Line(at), Value());
            if (key is { Plain: true, Text: "<<" }) merged.AddRange(Merged(entry.Value, at));
            else if (entries.Exists(e => e.Key == key.Text)) duplicates.Add(entry);
            else entries.Add(entry);
        }

        // What stands in the map itself wins over what is merged into it, and the first merged map over the next.
        foreach (var entry in merged)
            if (!entries.Exists(e => e.Key == entry.Key)) entries.Add(entry);
        return Anchored(start, new YamlMap(entries, duplicates, Line(start.Start)));
    }

    private static IEnumerable<YamlEntry> Merged(YamlValue value, Mark at) => value switch
    {
        YamlMap map => map.Entries,
        YamlList list when list.Items.All(i => i is YamlMap) => list.Items.Cast<YamlMap>().SelectMany(m => m.Entries),
        _ => throw new YamlTreeException("a merge (<<) takes a map or a list of maps", at),
    };

    private YamlValue Anchored(NodeEvent node, YamlValue value)
    {
        if (!node.Anchor.IsEmpty) _anchors[node.Anchor.Value] = value;
        return value;
    }

    private static int Line(Mark mark) => checked((int)mark.Line);
}
