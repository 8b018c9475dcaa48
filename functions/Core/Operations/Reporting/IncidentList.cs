using System.Globalization;
using Backup.Core.Model;
using Backup.Core.Operations.Watching;

namespace Backup.Core.Operations.Reporting;

/// <summary>What went wrong in a month, from what is known today. A run that failed leaves nothing in a vault but the backup that is missing.</summary>
internal static class IncidentList
{
    public static IReadOnlyList<Incident> Make(
        DatabaseFacts facts, ReportMonth month, IReadOnlyList<(DateTimeOffset Time, DateTimeOffset Next, Slot Slot)> slots, IReadOnlyList<GapFact> gaps, TimeSpan? rpo)
    {
        IEnumerable<Incident> all =
        [
            .. Missing(slots), .. Late(slots), .. Damaged(facts, month), .. Proofs(facts),
            .. gaps.Where(g => rpo is { } promised && g.Until - g.From > promised)
                .Select(g => new Incident(g.From, g.Until, FindingCode.BackupOld.Name, $"{(g.AtLeast ? "at least " : "")}{Say.Age(g.Until - g.From)} between two points to go back to; {Say.Age(rpo!.Value)} are promised")),
        ];
        return [.. all.OrderBy(i => i.At).ThenBy(i => i.Code, StringComparer.Ordinal)];
    }

    /// <summary>Times that were missed in a row are one incident.</summary>
    private static IEnumerable<Incident> Missing(IReadOnlyList<(DateTimeOffset Time, DateTimeOffset Next, Slot Slot)> slots)
    {
        for (var i = 0; i < slots.Count; i++)
        {
            if (slots[i].Slot != Slot.Missing) continue;
            var first = i;
            while (i + 1 < slots.Count && slots[i + 1].Slot == Slot.Missing) i++;
            var count = i - first + 1;
            yield return new Incident(slots[first].Time, count == 1 ? null : slots[i].Time, FindingCode.BackupMissed.Name, count == 1
                ? $"no backup for the scheduled time {UtcText.Minutes(slots[first].Time)}"
                : string.Create(CultureInfo.InvariantCulture, $"no backup for {count} scheduled times, from {UtcText.Minutes(slots[first].Time)} to {UtcText.Minutes(slots[i].Time)}"));
        }
    }

    private static IEnumerable<Incident> Late(IReadOnlyList<(DateTimeOffset Time, DateTimeOffset Next, Slot Slot)> slots) => slots.Where(s => s.Slot == Slot.Late)
        .Select(s => new Incident(s.Time, null, FindingCode.BackupMissed.Name, $"the backup of {UtcText.Minutes(s.Time)} was there only after the next scheduled time, {UtcText.Minutes(s.Next)}"));

    private static IEnumerable<Incident> Damaged(DatabaseFacts facts, ReportMonth month) => facts.Backups.Where(b => b.Damage is not null && month.Holds(b.Id.Time))
        .Select(b => new Incident(b.Id.Time, null, b.Damage!.Name, $"{b.Id}: {b.Problem}"));

    private static IEnumerable<Incident> Proofs(DatabaseFacts facts)
    {
        foreach (var p in facts.Proofs.Where(p => p.Verdict == Verdict.Fail))
        {
            var why = p.Drill?.Findings.FirstOrDefault(f => f.Severity == Severity.Critical)?.Sentence;
            yield return p.Kind == ProofKind.Verify
                ? new Incident(p.At, null, FindingCode.VerifyFailed.Name, $"the verify of {p.Id} found a difference")
                : new Incident(p.At, null, FindingCode.DrillFailed.Name, $"the drill of {p.Id} failed{(why is null ? "" : $": {why}")}");
        }

        foreach (var p in facts.Proofs.Where(p => p is { Kind: ProofKind.Drill, Verdict: Verdict.CouldNotVerify }))
            yield return new Incident(p.At, null, FindingCode.DrillInconclusive.Name, $"the drill of {p.Id} could not verify{(p.Drill is { Findings: [var f, ..] } ? $": {f.Sentence}" : "")}");
    }
}
