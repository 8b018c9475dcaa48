using System.Text;
using System.Text.RegularExpressions;
using System.Text.Unicode;
using Backup.Core.Model;
using YamlDotNet.Core;

namespace Backup.Core.Policies;

/// <summary>
/// Reads a policy from a Pulumi stack file (<c>config:</c> → <c>backup:policy:</c>) or from a document that is the policy.
/// All problems of a document are reported at once; none repeats a credential.
/// </summary>
public static partial class PolicyReader
{
    private const int LargestDocument = 1 << 20;

    /// <summary>Reads a file. Relative paths in the policy start at its folder; files that cannot be read are a problem, not an exception.</summary>
    public static PolicyReading ReadFile(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var full = Path.GetFullPath(path);
        var document = Path.GetFileName(full);
        try
        {
            return Read(File.ReadAllBytes(full), document, Path.GetDirectoryName(full));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            var problems = new ProblemList();
            var missing = e is FileNotFoundException or DirectoryNotFoundException;
            problems.Add("policy.unreadable", document, null, missing ? "does not exist" : "cannot be read",
                missing ? $"give the path of a policy; {full} was tried" : $"make {full} a file that this user may read");
            return new PolicyReading { Document = document, Policy = null, Problems = problems.InOrder() };
        }
    }

    /// <exception cref="BackupException">policy.invalid: the message has the number of problems and every one of them.</exception>
    public static Policy ReadFileOrThrow(string path) => ReadFile(path).OrThrow();

    /// <param name="utf8">The whole document, with or without a byte order mark.</param>
    /// <param name="document">Its name, for messages. <c>Pulumi.*.yaml</c> is always read as a stack file.</param>
    /// <param name="folder">Where relative paths in the policy start, or null: then they stay as written and the files are not opened.</param>
    public static PolicyReading Read(ReadOnlySpan<byte> utf8, string document, string? folder)
    {
        var problems = new ProblemList();
        var policy = Decode(utf8, document, problems) is { } text ? FromText(text, document, folder, problems) : null;
        return new PolicyReading { Document = document, Policy = problems.PreventsUse ? null : policy, Problems = problems.InOrder() };
    }

    private static string? Decode(ReadOnlySpan<byte> utf8, string document, ProblemList problems)
    {
        if (utf8.Length > LargestDocument)
        {
            problems.Add("policy.unreadable", document, null, $"is larger than {LargestDocument >> 20} MiB, so it is no policy", "give the path of a policy");
            return null;
        }

        if (utf8.StartsWith(Encoding.UTF8.Preamble)) utf8 = utf8[Encoding.UTF8.Preamble.Length..];
        if (Utf8.IsValid(utf8) && !utf8.Contains((byte)0)) return Encoding.UTF8.GetString(utf8);

        // No byte of a longer UTF-8 sequence is a newline, so lines can be judged one by one to find the first bad one.
        var line = 1;
        foreach (var range in utf8.Split((byte)'\n'))
        {
            if (!Utf8.IsValid(utf8[range]) || utf8[range].Contains((byte)0)) break;
            line++;
        }

        problems.Add("policy.notUtf8", document, line, "is not UTF-8 text", "save the file as UTF-8");
        return null;
    }

    private static Policy? FromText(string text, string document, string? folder, ProblemList problems)
    {
        YamlValue? root = null;
        var broken = false;
        try
        {
            root = YamlTree.Read(text);
        }
        catch (YamlTreeException e)
        {
            broken = true;
            problems.Add(e.Code, document, (int)e.At.Line, $"column {e.At.Column}: {e.Message}", e.Code == "policy.severalDocuments"
                ? "write one document per file, without --- between" : "mend the YAML there");
        }
        catch (YamlException e)
        {
            broken = true;
            problems.Add("policy.syntax", document, (int)e.Start.Line, $"column {e.Start.Column}: is not YAML: {WithoutQuotes(e.Message)}", "mend the YAML there");
        }

        var value = root is null or YamlText { IsNull: true } ? null : PolicyIn(root, document, problems);
        if (!broken && (root is null or YamlText { IsNull: true }))
            problems.Add("policy.empty", document, null, "is empty", "write project, environment and databases");
        DocumentScan.Run(text, root, value, problems);
        if (value is YamlMap map) return new PolicyBuilder(folder).Build(PolicyMap.From(map, "", problems)!);
        if (value is not null)
            problems.Add("policy.wrongType", ReferenceEquals(value, root) ? document : "config.backup:policy", value.Line,
                $"is {value.Kind}, not a map", "write project, environment and databases as keys with values");
        return null;
    }

    /// <summary>The value that is the policy: in a stack file below config, else the document itself.</summary>
    private static YamlValue? PolicyIn(YamlValue root, string document, ProblemList problems)
    {
        if (root is not YamlMap map || (map.Find("config") is null && !StackFile().IsMatch(document))) return root;
        var policy = map.Find("config")?.Value is YamlMap config ? config.Find("backup:policy") : null;
        if (policy is null)
            problems.Add("policy.missingKey", "config.backup:policy", map.Find("config")?.Line, "is required and missing",
                "write the policy below config: and backup:policy:");
        return policy?.Value;
    }

    // The parser quotes what it stumbled over, which may be a password; single characters (':', '-') are kept.
    private static string WithoutQuotes(string message) => Quoted().Replace(message, "…").ReplaceLineEndings(" ").TrimEnd('.');

    [GeneratedRegex(@"'[^']{2,}'|""[^""]{2,}""", RegexOptions.CultureInvariant)]
    private static partial Regex Quoted();

    [GeneratedRegex(@"^Pulumi\..+\.ya?ml$", RegexOptions.CultureInvariant)]
    private static partial Regex StackFile();
}
