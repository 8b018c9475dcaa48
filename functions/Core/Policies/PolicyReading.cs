using Backup.Core.Model;

namespace Backup.Core.Policies;

/// <summary>What reading one document gave: the policy, or every problem that keeps it from being one.</summary>
public sealed record PolicyReading
{
    /// <summary>The file's name or another name for people.</summary>
    public required string Document { get; init; }

    /// <summary>Null when a problem keeps it from being used. A bad <c>afterRestore</c> does not: restores and drills need it, and refuse it themselves; backups go on.</summary>
    public required Policy? Policy { get; init; }

    /// <summary>In the order of the document.</summary>
    public required IReadOnlyList<Finding> Problems { get; init; }

    /// <exception cref="BackupException">policy.invalid: the message has the number of problems and every one of them.</exception>
    public Policy OrThrow()
    {
        if (Policy is not null) return Policy;
        var lines = Problems.Select((p, i) => $"({i + 1}) {Describe(p)}");
        throw new BackupException(ErrorCode.PolicyInvalid,
            $"{Document} has {Count(Problems.Count, "problem")}:\n{string.Join("\n", lines)}",
            "Mend the policy until `backup check` finds no problem.");
    }

    /// <summary>A problem on one line: <c>databases[0].schedule (line 12): "0 25 * * *": hour 25 is not in 0-23 → write …</c></summary>
    public static string Describe(Finding finding)
    {
        ArgumentNullException.ThrowIfNull(finding);
        var place = finding.Line is { } line ? $" (line {line})" : "";
        return $"{finding.Subject}{place}: {finding.Sentence} → {finding.NextStep}";
    }

    /// <summary><c>1 problem</c>, <c>2 problems</c>.</summary>
    public static string Count(int number, string noun) => number == 1 ? $"1 {noun}" : $"{number} {noun}s";
}
