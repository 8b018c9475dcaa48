using Backup.Core.Catalog;
using Backup.Core.Model;
using Backup.Core.Policies;

namespace Backup.Core.Operations.Watching;

/// <summary>The newest proof of one kind over all backups of a database.</summary>
public sealed record ProofState(string Id, DateTimeOffset At, Verdict Verdict);

/// <summary>What verify and drill last said, and whether a drill is due.</summary>
internal static class ProofJudge
{
    private static readonly TimeSpan _grace = TimeSpan.FromHours(24);

    public static IEnumerable<Finding> Judge(DatabaseHistory h)
    {
        var name = h.Database.Name;
        var (verify, drill) = (Newest(h, ProofKind.Verify), Newest(h, ProofKind.Drill));
        // A proof that could not be tried says nothing against the failure before it.
        if (Conclusion(h, ProofKind.Verify) is { Verdict: Verdict.Fail } refuted)
            yield return h.On(FindingCode.VerifyFailed, $"the verify of {refuted.Id} at {UtcText.Minutes(refuted.At)} found a difference",
                $"Run `backup verify {refuted.Id} --level archive`; restore from another backup until it is understood.");
        if (Conclusion(h, ProofKind.Drill) is { Verdict: Verdict.Fail } failed)
            yield return h.On(FindingCode.DrillFailed, $"the drill of {failed.Id} at {UtcText.Minutes(failed.At)} failed",
                $"Read its result beside the backup, mend the cause, then `backup drill {failed.Id}`.");
        if (drill is { Verdict: Verdict.CouldNotVerify })
            yield return h.On(FindingCode.DrillInconclusive, $"the drill of {drill.Id} at {UtcText.Minutes(drill.At)} could not verify",
                $"Read its result beside the backup: it says what was missing; then `backup drill {drill.Id}`.");
        if (Overdue(h, drill) is { } overdue) yield return overdue;
        else if (verify is null && drill is null && h.Newest is not null)
            yield return h.On(FindingCode.ProofNone, "no backup was ever verified or drilled", "Run `backup drill`, and give the policy a drill schedule.");
    }

    public static ProofState? Newest(DatabaseHistory h, ProofKind kind) => Newest(h, kind, _ => true);

    public static ProofState? Passed(DatabaseHistory h, ProofKind kind) => Newest(h, kind, v => v == Verdict.Pass);

    private static ProofState? Conclusion(DatabaseHistory h, ProofKind kind) => Newest(h, kind, v => v != Verdict.CouldNotVerify);

    private static ProofState? Newest(DatabaseHistory h, ProofKind kind, Func<Verdict, bool> counts) => h.Backups
        .SelectMany(b => b.Entry.Results.Where(r => r.Kind == kind && counts(r.Verdict) && r.At <= h.Now + DatabaseHistory.ClockTolerance).Select(r => (b.Id, Result: r)))
        .OrderBy(x => x.Result.At).Select(x => new ProofState(x.Id.ToString(), x.Result.At, x.Result.Verdict)).LastOrDefault();

    private static Finding? Overdue(DatabaseHistory h, ProofState? drill)
    {
        if (h.Policy.Drill is not { } policy || h.Newest is null) return null;
        var most = Schedule.Parse(policy.Schedule).LargestGap + _grace;
        // Before the first drill the clock runs from the first backup.
        var since = drill?.At ?? h.Backups[0].Id.Time;
        if (h.Now - since <= most) return null;
        return h.On(FindingCode.DrillOverdue, drill is null
                ? $"no drill ever ended, and backups exist for {Say.Age(h.Now - since)}; the schedule asks for one every {Say.Age(most - _grace)}"
                : $"the newest drill is {Say.Age(h.Now - since)} old; the schedule asks for one every {Say.Age(most - _grace)}",
            $"Run `backup drill --database {h.Database.Name}`, and see why the schedule did not.");
    }
}
