namespace Backup.Core.Model;

/// <summary>What a backup's results mean together. A proof that could not be tried changes nothing; after a failure only a newer pass of the same kind helps.</summary>
public static class Proofs
{
    /// <summary>The newest result of a kind that is a pass or a failure, or null.</summary>
    public static ResultName? Conclusion(this IEnumerable<ResultName> results, ProofKind kind) =>
        results.Where(r => r.Kind == kind && r.Verdict != Verdict.CouldNotVerify).MaxBy(r => r.At);

    /// <summary>True when the newest conclusion of a verify or of a drill is a failure.</summary>
    public static bool HasFailed(this IReadOnlyCollection<ResultName> results) =>
        Enum.GetValues<ProofKind>().Any(kind => results.Conclusion(kind)?.Verdict == Verdict.Fail);
}
