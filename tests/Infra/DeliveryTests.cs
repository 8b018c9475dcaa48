using System.Text.RegularExpressions;

namespace Backup.Infra.Tests;

/// <summary>What stands around the program: the file of the first step, and the workflows.</summary>
public sealed partial class DeliveryTests
{
    public static TheoryData<string> Workflows => [.. Directory.EnumerateFiles(Path.Combine(Stacks.Root, ".github", "workflows")).Select(f => Path.GetFileName(f))];

    [Fact]
    public async Task The_bootstrap_file_is_accepted_by_cfn_lint()
    {
        var file = Path.Combine(Stacks.Root, "infra", "bootstrap.yaml");
        try
        {
            var (exit, output) = await Tool.RunAsync("cfn-lint", ["--"], File.ReadAllText(file));
            Assert.True(exit == 0, output);
        }
        catch (System.ComponentModel.Win32Exception) when (Environment.GetEnvironmentVariable("CI") != "true")
        {
            Assert.Skip("cfn-lint is not on PATH; install it with: pip install cfn-lint");
        }
    }

    [Fact]
    public async Task Every_aws_command_of_the_pages_and_workflows_is_one_that_the_API_knows()
    {
        string[] folders = ["docs", "docs/runbooks", ".github/workflows"];
        var files = folders.SelectMany(f => Directory.EnumerateFiles(Path.Combine(Stacks.Root, f))).Append(Path.Combine(Stacks.Root, "README.md")).Where(f => !f.EndsWith(".png", StringComparison.Ordinal));
        var (exit, output) = await Tool.RunAsync("python3", [Path.Combine(Stacks.Root, "tests", "Infra", "commands.py"), .. files], "");
        Assert.True(exit == 0, output);
        Assert.Matches(@"(?m)^[1-9]\d+ commands$", output);
    }

    [Theory]
    [MemberData(nameof(Workflows))]
    public void Workflows_pin_what_they_use_and_begin_without_rights(string workflow)
    {
        var text = File.ReadAllText(Path.Combine(Stacks.Root, ".github", "workflows", workflow));
        var uses = Uses().Matches(text).Select(m => m.Groups[1].Value).ToList();
        Assert.NotEmpty(uses);
        Assert.All(uses, u => Assert.Matches(@"^[\w-]+/[\w-]+@[0-9a-f]{40} # v\d", u));
        var top = text[text.IndexOf("\npermissions:", StringComparison.Ordinal)..text.IndexOf("\njobs:", StringComparison.Ordinal)];
        Assert.Contains("contents: read", top, StringComparison.Ordinal);
        Assert.DoesNotContain("write-all", text, StringComparison.Ordinal);
        Assert.DoesNotContain("pull_request_target", text, StringComparison.Ordinal);
    }

    [GeneratedRegex(@"^\s*- uses: (.+)$", RegexOptions.Multiline)]
    private static partial Regex Uses();
}
