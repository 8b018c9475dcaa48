using System.Reflection;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Core.Operations.Checking;
using Backup.Core.Operations.Drills;
using Backup.Core.Operations.Reporting;
using Backup.Core.Policies;
using Backup.Core.Signals;

namespace Backup.Core.Tests;

/// <summary>What keeps the code readable, checked: reading order of folders, size of files, one table of errors.</summary>
public sealed partial class LayoutTests
{
    private static readonly string[] _readingOrder =
        ["Model", "Machine", "Policies", "Postgres", "Storage", "Catalog", "Retention", "Signals", "Operations"];

    private static readonly string _root = Root();

    [Fact]
    public void A_folder_of_Core_uses_only_folders_that_stand_before_it()
    {
        var wrong = new List<string>();
        foreach (var file in Sources("functions/Core"))
        {
            var folder = Array.IndexOf(_readingOrder, Path.GetRelativePath(Path.Combine(_root, "functions/Core"), file).Split('/')[0]);
            Assert.True(folder >= 0, $"{file} is in a folder that has no place in the reading order");
            foreach (Match use in UsesCore().Matches(File.ReadAllText(file)))
                if (Array.IndexOf(_readingOrder, use.Groups[1].Value) > folder) wrong.Add($"{Path.GetFileName(file)} uses {use.Groups[1].Value}");
        }

        Assert.Empty(wrong);
    }

    [Fact]
    public void No_file_is_longer_than_300_lines() =>
        Assert.Empty(Sources("functions").Concat(Sources("tests")).Where(f => File.ReadLines(f).Count() > 300).Select(f => Path.GetRelativePath(_root, f)));

    [Fact]
    public void Namespaces_are_folders()
    {
        foreach (var file in Sources("functions/Core"))
        {
            var folder = Path.GetDirectoryName(Path.GetRelativePath(Path.Combine(_root, "functions/Core"), file))!.Replace('/', '.');
            Assert.Contains($"namespace Backup.Core.{folder};", File.ReadAllText(file), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Every_suppressed_rule_states_its_reason()
    {
        var lines = Sources("functions").SelectMany(f => File.ReadLines(f).Where(l => l.Contains("#pragma warning disable", StringComparison.Ordinal)).Select(l => (f, l)));
        Assert.All(lines, x => Assert.Matches(@"#pragma warning disable \w+ // \w+", x.l));
    }

    [Fact]
    public void The_readme_lists_exactly_the_errors_that_exist()
    {
        var rows = ErrorRow().Matches(File.ReadAllText(Path.Combine(_root, "README.md")))
            .Select(m => (Name: m.Groups[1].Value, Exit: m.Groups[2].Value, Meaning: m.Groups[3].Value));
        Assert.Equal(ErrorCode.All.Select(c => (c.Name, $"{c.ExitCode}", c.Meaning)), rows);
    }

    [Fact]
    public void Every_page_that_a_page_or_the_program_leads_to_exists()
    {
        var broken = new List<string>();
        foreach (var page in Directory.EnumerateFiles(Path.Combine(_root, "docs"), "*.md", SearchOption.AllDirectories).Concat([Path.Combine(_root, "README.md"), Path.Combine(_root, "infra/README.md")]))
        {
            foreach (Match link in PageLink().Matches(File.ReadAllText(page)))
            {
                var target = link.Groups[1].Length == 0 ? page : Path.Combine(Path.GetDirectoryName(page)!, link.Groups[1].Value);
                if (!Path.Exists(target) || (link.Groups[2].Length > 0 && !Anchors(target).Contains(link.Groups[2].Value))) broken.Add($"{Path.GetRelativePath(_root, page)}: {link.Value}");
            }
        }

        foreach (var file in Sources("functions").Concat(Sources("infra")))
            broken.AddRange(NamedPage().Matches(File.ReadAllText(file)).Where(m => !File.Exists(Path.Combine(_root, m.Value))).Select(m => $"{Path.GetFileName(file)}: {m.Value}"));
        Assert.Empty(broken);

        static IEnumerable<string> Anchors(string page) =>
            AnyHeading().Matches(File.ReadAllText(page)).Select(m => Regex.Replace(m.Groups[1].Value.ToLowerInvariant(), @"[^\w\- ]", "").Replace(' ', '-'));
    }

    [Fact]
    public void The_page_of_the_format_describes_every_field_that_is_stored()
    {
        var page = File.ReadAllText(Path.Combine(_root, "docs/FORMAT.md"));
        Type[] stored =
        [
            typeof(Manifest), typeof(Deployment), typeof(Totals), typeof(SourceFacts), typeof(SnapshotFacts), typeof(ExtensionFact), typeof(SequenceFact), typeof(LargeObjectFact), typeof(MaterializedViewFact), typeof(SchemaFact),
            typeof(ToolVersions), typeof(Artifact), typeof(TableFingerprint), typeof(LockPromise), typeof(LockedFact), typeof(IncrementFacts), typeof(IncrementTable), typeof(PartitionFact),
            typeof(Finding), typeof(Tombstone), typeof(TombstonePlan), typeof(Evidence), typeof(VerifyResult), typeof(DrillReport), typeof(BackupFacts), typeof(DrillSeconds), typeof(RtoResult),
            typeof(IncrementedTable), typeof(TableComparison), typeof(SequenceComparison), typeof(ViewComparison), typeof(ConstraintFacts), typeof(CheckResult), typeof(AfterRestoreResult), typeof(NotProven), typeof(DrillMachine),
        ];
        var missing = stored.SelectMany(t => Fields(t).Where(f => !Regex.IsMatch(page, $@"[`.]{f}[`.[]")).Select(f => $"{t.Name}.{f}"));
        Assert.Equal(["Manifest.unknown"], missing); // what a newer program stored
    }

    [Fact]
    public void The_page_of_figures_names_every_one() =>
        Assert.All(MetricName.All, m => Assert.Contains(m.Name, File.ReadAllText(Path.Combine(_root, "docs/watch.md")), StringComparison.Ordinal));

    [Fact]
    public void The_page_of_reports_describes_every_field()
    {
        var page = File.ReadAllText(Path.Combine(_root, "docs/reports.md"));
        Assert.All(Fields(typeof(MonthReport)).Concat(Fields(typeof(DatabaseMonth))), f => Assert.Matches($@"`{f}[`[]", page));
    }

    [Fact]
    public void The_policy_in_the_readme_keeps_what_it_promises()
    {
        var text = File.ReadAllText(Path.Combine(_root, "README.md")).Split("```yaml\n")[1].Split("```")[0];
        Assert.Empty(PolicyCheck.Judge(PolicyReader.Read(Encoding.UTF8.GetBytes(text), "README.md", null).OrThrow(), new Dictionary<string, CheckHistory>()));
    }

    [Fact]
    public void Every_error_is_in_the_table_once()
    {
        var declared = typeof(ErrorCode).GetFields().Where(f => f.FieldType == typeof(ErrorCode)).Select(f => (ErrorCode)f.GetValue(null)!).ToList();
        Assert.Equal(declared.Count, ErrorCode.All.Count);
        Assert.Equal(declared.Count, ErrorCode.All.Select(c => c.Name).Distinct().Count());
        Assert.Empty(declared.Except(ErrorCode.All));
    }

    [Fact]
    public void The_page_of_findings_lists_exactly_the_codes_that_exist_each_with_its_heading()
    {
        var page = File.ReadAllText(Path.Combine(_root, "docs/runbooks/findings.md"));
        var rows = FindingRow().Matches(page).Select(m => (m.Groups[1].Value, m.Groups[2].Value, m.Groups[3].Value, m.Groups[4].Value, m.Groups[5].Value));
        Assert.Equal(FindingCode.All.Select(c => (c.Name, Words.Of(c.Severity), Words.Of(c.Route), Words.Of(c.Group), c.Meaning)), rows);
        var headings = Heading().Matches(page).Select(m => m.Groups[1].Value);
        Assert.Equal(FindingCode.All.Where(c => c.Group != FindingGroup.Policy).Select(c => c.Name), headings);
    }

    [Fact]
    public void Every_finding_that_somebody_must_act_on_has_a_first_command_a_decision_and_a_confirmation()
    {
        var sections = File.ReadAllText(Path.Combine(_root, "docs/runbooks/findings.md")).Split("\n## ").Skip(1).ToDictionary(s => s[..s.IndexOf('\n', StringComparison.Ordinal)], StringComparer.Ordinal);
        foreach (var code in FindingCode.All.Where(c => c.Group != FindingGroup.Policy && c.Severity != Severity.Info))
            Assert.All((string[])["\n- **First:** ", "\n- **Decide:** ", "\n- **Confirm:** "], part => Assert.Contains(part, sections[code.Name], StringComparison.Ordinal));
    }

    [Fact]
    public void Every_finding_that_the_code_makes_is_in_the_table_once()
    {
        var declared = typeof(FindingCode).GetFields().Where(f => f.FieldType == typeof(FindingCode)).Select(f => (FindingCode)f.GetValue(null)!).ToList();
        Assert.Empty(declared.Except(FindingCode.All));
        Assert.Equal(FindingCode.All.Count, FindingCode.All.Select(c => c.Name).Distinct().Count());
        foreach (var file in Sources("functions"))
        {
            var text = File.ReadAllText(file);
            Assert.DoesNotMatch("Code = \"", text); // a code is written in the table and nowhere else
            if (!Path.GetFileName(file).EndsWith("Code.cs", StringComparison.Ordinal))
                Assert.All(FindingLike().Matches(text), m => Assert.True(FindingCode.Find(m.Groups[1].Value) is not null, $"{Path.GetFileName(file)}: {m.Value} is not in the table"));
        }
    }

    /// <summary>As JSON spells them.</summary>
    private static IEnumerable<string> Fields(Type type) =>
        type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Select(p => JsonNamingPolicy.CamelCase.ConvertName(p.Name));

    private static IEnumerable<string> Sources(string folder) =>
        Directory.EnumerateFiles(Path.Combine(_root, folder), "*.cs", SearchOption.AllDirectories).Where(f => !f.Contains("/obj/", StringComparison.Ordinal));

    private static string Root()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Backup.sln"))) folder = Path.GetDirectoryName(folder)!;
        return folder;
    }

    [GeneratedRegex(@"\bBackup\.Core\.(\w+)")]
    private static partial Regex UsesCore();

    [GeneratedRegex(@"^\| `([\w.]+)` \| (\d+) \| (.+?) \|$", RegexOptions.Multiline)]
    private static partial Regex ErrorRow();

    [GeneratedRegex(@"^\| `([\w.]+)` \| (\w+) \| (\w+) \| (\w+) \| (.+?) \|$", RegexOptions.Multiline)]
    private static partial Regex FindingRow();

    [GeneratedRegex(@"^## ([\w.]+)$", RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex(@"^#+ (.+)$", RegexOptions.Multiline)]
    private static partial Regex AnyHeading();

    [GeneratedRegex(@"\]\((?!https?:)([^)#]*)#?([^)]*)\)")]
    private static partial Regex PageLink();

    [GeneratedRegex(@"\b(docs|infra|tests)/[\w/-]+\.md\b")]
    private static partial Regex NamedPage();

    [GeneratedRegex(@"""((policy|backup|increment|table|size|drill|lock|object|copy|prune|globals|settings|check|erasures)\.(?!html)[a-z][A-Za-z0-9]+)""")]
    private static partial Regex FindingLike();
}
