using System.Text;
using Backup.Core.Policies;
using static Backup.Core.Tests.Policies.PolicyText;

namespace Backup.Core.Tests.Policies;

/// <summary>Documents that are strange as YAML, before they are strange as policies.</summary>
public sealed class PolicyYamlTests
{
    [Theory]
    [InlineData("")]
    [InlineData("\n\n")]
    [InlineData("# only a comment\n")]
    [InlineData("---\n")]
    [InlineData("~\n")]
    public void An_empty_document_is_a_problem(string text) =>
        Assert.Equal(["policy.yaml: is empty → write project, environment and databases"], Problems(text));

    [Theory]
    [InlineData("just words", "policy.yaml (line 1): is a single value, not a map → write project, environment and databases as keys with values")]
    [InlineData("- a\n- b\n", "policy.yaml (line 1): is a list, not a map → write project, environment and databases as keys with values")]
    public void A_document_that_is_no_map_is_a_problem(string text, string expected) =>
        Assert.Equal([expected], Problems(text));

    [Theory]
    [InlineData("project: bloom\n  environment: x\n", "policy.yaml (line 2): column 14: is not YAML: ")]
    [InlineData("project: [1\nenvironment: 2\n", "policy.yaml (line 2): column ")]
    [InlineData("project: \"open\n", "policy.yaml (line ")]
    [InlineData("? [a]\n: b\n", "policy.yaml (line 1): column 3: a key is a list or a map; keys are single words → mend the YAML there")]
    [InlineData("a: *b\n", "policy.yaml (line 1): column 4: an alias (*name) has no anchor (&name) that is complete before it → mend the YAML there")]
    [InlineData("a: &b [*b]\n", "policy.yaml (line 1): column 8: an alias (*name) has no anchor (&name) that is complete before it → mend the YAML there")]
    [InlineData("a: { <<: 3 }\n", "policy.yaml (line 1): column 6: a merge (<<) takes a map or a list of maps → mend the YAML there")]
    public void What_is_not_yaml_is_reported_with_line_and_column(string text, string expected)
    {
        var problem = Assert.Single(Read(text).Problems);
        Assert.Equal("policy.syntax", problem.Code);
        Assert.StartsWith(expected, PolicyReading.Describe(problem), StringComparison.Ordinal);
    }

    [Fact]
    public void Two_documents_in_one_file_are_a_problem() =>
        Assert.Equal(["policy.yaml (line 6): column 1: a second document begins here → write one document per file, without --- between"],
            Problems(Least + "---\n" + Least));

    [Fact]
    public void Deep_nesting_is_refused_before_the_stack_ends()
    {
        var problem = Assert.Single(Read("a: " + new string('[', 100_000)).Problems);
        Assert.Equal("column 43: nested more than 40 levels deep", problem.Sentence);
    }

    [Fact]
    public void Bytes_that_are_not_utf8_are_reported_with_their_line()
    {
        byte[] bytes = [.. "project: x\nenvironment: "u8, 0xC3, 0x28, .. "\n"u8];
        Assert.Equal("policy.yaml (line 2): is not UTF-8 text → save the file as UTF-8",
            PolicyReading.Describe(Assert.Single(PolicyReader.Read(bytes, "policy.yaml", null).Problems)));
        Assert.Equal("policy.notUtf8", Assert.Single(PolicyReader.Read(Encoding.Unicode.GetBytes(Least), "policy.yaml", null).Problems).Code);
    }

    [Fact]
    public void A_byte_order_mark_and_windows_lines_do_not_matter()
    {
        byte[] bytes = [.. Encoding.UTF8.Preamble, .. Encoding.UTF8.GetBytes(Least.Replace("\n", "\r\n", StringComparison.Ordinal))];
        Assert.Empty(PolicyReader.Read(bytes, "policy.yaml", null).Problems);
    }

    [Fact]
    public void A_huge_file_is_not_read_as_a_policy() =>
        Assert.Equal("is larger than 1 MiB, so it is no policy", Assert.Single(Read(new string('#', (1 << 20) + 1)).Problems).Sentence);

    [Fact]
    public void Json_is_yaml() =>
        Valid("""{"project":"bloom","environment":"production","databases":[{"name":"bloom","url":"${DATABASE_URL}","protected":true,"jobs":2}]}""");

    [Fact]
    public void Anchors_aliases_and_merges_are_followed()
    {
        var policy = Valid("""
            project: &name bloom
            environment: production
            databases:
              - &first
                name: *name
                url: "${DATABASE_URL}"
                schedule: "0 2 * * *"
                jobs: 4
              - <<: *first
                name: second
                jobs: 8
            """);
        Assert.Equal([("bloom", 4, "0 2 * * *"), ("second", 8, "0 2 * * *")], policy.Databases.Select(d => (d.Name, d.Jobs, d.Schedule)));
    }

    [Fact]
    public void Aliases_cannot_multiply_into_endless_work()
    {
        var text = new StringBuilder("a0: &a0 [x]\n");
        for (var i = 1; i < 60; i++) text.Append($"a{i}: &a{i} [*a{i - 1}, *a{i - 1}, *a{i - 1}]\n");
        Assert.Equal(63, Read(text.ToString()).Problems.Count); // 60 unknown keys, 3 missing ones
    }

    [Fact]
    public void A_key_without_a_value_is_a_problem_and_not_a_default() =>
        Assert.Equal(
            [
                "lock (line 6): is nothing, not a single value → write none, governance or compliance",
                "retention (line 7): is nothing, not a map → write keys and values, indented below the key",
            ],
            Problems(Least + "lock:\nretention:\n"));

    [Fact]
    public void A_value_that_pulumi_encrypted_is_explained() =>
        Assert.Equal(["notify.slack (line 6): is encrypted by Pulumi, which only Pulumi can read → write \"${NAME}\", or the name of a secret in Secrets Manager"],
            Problems(Least + "notify: { slack: { secure: AAABAJ } }\n"));

    [Fact]
    public void Control_characters_do_not_reach_the_terminal() =>
        Assert.Equal(["lock (line 6): \"a [31mb\" is not known → write none, governance or compliance"], Problems(Least + "lock: \"a\\e[31mb\"\n"));

    [Fact]
    public void Damaged_documents_give_problems_and_never_exceptions()
    {
        var good = File.ReadAllText(Path.Combine(Root(), "Pulumi.prod.yaml"));
        var random = new Random(7);
        const string Marks = "{}[],:&*#?|-<>=!%@`\"' \n\tx0";
        for (var i = 0; i < 600; i++)
        {
            var text = new StringBuilder(good);
            for (var n = random.Next(1, 6); n > 0; n--)
            {
                var at = random.Next(text.Length - 40);
                if (random.Next(2) == 0) text.Remove(at, random.Next(1, 40));
                else text.Insert(at, Marks[random.Next(Marks.Length)]);
            }

            var reading = Read(text.ToString(), "Pulumi.prod.yaml");
            Assert.Equal(reading.Problems.Count == 0, reading.Policy is not null);
        }
    }
}
