using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Backup.Infra.Tests;

/// <summary>
/// Who may do what: the production stack's policies, evaluated together by a policy simulator (access/, development only). Every cell is compared with what
/// access/cases.mjs says, and docs/security.md shows the table. `UPDATE_GOLDEN=1` writes the table anew.
/// </summary>
public sealed class AccessTests
{
    private const string Begin = "<!-- access matrix: written by AccessTests -->\n";
    private const string End = "<!-- end of access matrix -->";
    private static readonly string _folder = Path.Combine(Stacks.Root, "tests", "Infra", "access");

    [Fact]
    public async Task Every_cell_of_the_access_matrix_is_as_decided_and_as_printed()
    {
        if (await InstallAsync() is { } reason) Assert.Skip(reason);
        var settings = Stacks.Prod();
        var graph = GraphFile.Of(await Stacks.GraphAsync("prod"), settings);
        var users = settings with { Operators = new(Settings.OperatorKind.IamUsers, ["arn:aws:iam::111122223333:user/olivia"]) };
        graph["keyed"] = GraphFile.Of(await Stacks.GraphAsync(Stacks.Keyed), Stacks.Settings(Stacks.Keyed))["resources"]!.DeepClone();
        graph["users"] = GraphFile.Of(await Graph.OfAsync(users, Stacks.Root), users)["resources"]!.DeepClone();
        var (exit, output) = await Tool.RunAsync("node", [Path.Combine(_folder, "matrix.mjs")], graph.ToJsonString());
        Assert.True(exit == 0, output);
        var answer = JsonNode.Parse(output)!;
        var cells = answer["cells"]!.AsArray().Select(c => c.Deserialize<Cell>(JsonSerializerOptions.Web)!).ToList();
        Assert.True(cells.Count > 600, $"{cells.Count} cells");
        var wrong = cells.Where(c => c.Allowed != c.Expected).Select(c => $"{c.Column}: {c.Case}: {(c.Allowed ? "allowed" : "denied")}").ToList();
        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
        Assert.Equal(Printed((string)answer["markdown"]!), (string)answer["markdown"]!);
    }

    private static string Printed(string table)
    {
        var file = Path.Combine(Stacks.Root, "docs", "security.md");
        var text = File.ReadAllText(file);
        var (from, to) = (text.IndexOf(Begin, StringComparison.Ordinal) + Begin.Length, text.IndexOf(End, StringComparison.Ordinal));
        if (Environment.GetEnvironmentVariable("UPDATE_GOLDEN") == "1") File.WriteAllText(file, text[..from] + table + text[to..]);
        text = File.ReadAllText(file);
        return text[from..text.IndexOf(End, StringComparison.Ordinal)];
    }

    /// <summary>What keeps the simulator from running, or null; in CI it throws instead.</summary>
    private static async Task<string?> InstallAsync()
    {
        if (Directory.Exists(Path.Combine(_folder, "node_modules", "@cloud-copilot"))) return null;
        var problem = "npm is not on PATH";
        try
        {
            using var npm = Process.Start(new ProcessStartInfo("npm", ["ci", "--silent", "--ignore-scripts"]) { WorkingDirectory = _folder, RedirectStandardError = true })!;
            problem = await npm.StandardError.ReadToEndAsync();
            await npm.WaitForExitAsync();
            if (npm.ExitCode == 0) return null;
        }
        catch (System.ComponentModel.Win32Exception) when (Environment.GetEnvironmentVariable("CI") != "true")
        {
            // Said below.
        }

        var reason = $"the policy simulator cannot be installed: npm ci in tests/Infra/access: {problem}";
        return Environment.GetEnvironmentVariable("CI") == "true" ? throw new InvalidOperationException(reason) : reason;
    }

    private sealed record Cell(string Group, string Case, string Column, bool Allowed, bool Expected);
}
