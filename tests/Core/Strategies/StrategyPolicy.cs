using System.Text;
using Backup.Core.Policies;
using PolicyText = Backup.Core.Tests.Policies.PolicyText;

namespace Backup.Core.Tests.Strategies;

/// <summary>The policies of examples/.</summary>
internal static class StrategyPolicy
{
    public static Policy Read(string strategy) => Read(strategy, "", "").OrThrow();

    /// <summary>With one line as the strategy itself has it.</summary>
    public static PolicyReading Read(string strategy, string honest, string written)
    {
        var text = File.ReadAllText(Path.Combine(PolicyText.Root(), "examples", $"{strategy}.yaml"));
        if (honest.Length > 0)
        {
            Assert.Contains(honest, text, StringComparison.Ordinal);
            text = text.Replace(honest, written, StringComparison.Ordinal);
        }

        return PolicyReader.Read(Encoding.UTF8.GetBytes(text), $"{strategy}.yaml", null);
    }
}
