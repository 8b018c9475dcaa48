using System.Text;
using Backup.Core.Policies;

namespace Backup.Core.Tests.Policies;

/// <summary>Short documents for the tests of the policy's reading.</summary>
internal static class PolicyText
{
    /// <summary>The least that is a policy. Five lines; what a test appends begins on line 6.</summary>
    public const string Least = """
        project: bloom
        environment: production
        databases:
          - name: bloom
            url: "${DATABASE_URL}"

        """;

    public static PolicyReading Read(string text, string document = "policy.yaml", string? folder = null) =>
        PolicyReader.Read(Encoding.UTF8.GetBytes(text), document, folder);

    /// <summary>Problems on one line each, as <c>check</c> prints them.</summary>
    public static IReadOnlyList<string> Problems(string text, string document = "policy.yaml", string? folder = null) =>
        [.. Read(text, document, folder).Problems.Select(PolicyReading.Describe)];

    public static Policy Valid(string text)
    {
        var reading = Read(text);
        Assert.Empty(reading.Problems.Select(PolicyReading.Describe));
        return reading.Policy!;
    }

    /// <summary>The folder of the solution.</summary>
    public static string Root()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Backup.sln"))) folder = Path.GetDirectoryName(folder)!;
        return folder;
    }
}
