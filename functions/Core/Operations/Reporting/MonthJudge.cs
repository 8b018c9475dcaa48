using Backup.Core.Catalog;
using Backup.Core.Model;
using Backup.Core.Policies;

namespace Backup.Core.Operations.Reporting;

/// <summary>From facts to the report: a pure function. Everything is judged by the policy and by what is known of proofs and damage when the report is made.</summary>
public static class MonthJudge
{
    public static MonthReport Make(ReportFacts facts)
    {
        ArgumentNullException.ThrowIfNull(facts);
        var databases = facts.Databases.Select(d => Month(d, facts)).ToList();
        var runs = databases.Select(d => d.Runs).OfType<ScheduleMonth>().ToList();
        return new MonthReport
        {
            SchemaVersion = MonthReport.CurrentVersion,
            Project = facts.Policy.Project,
            Environment = facts.Policy.Environment,
            Vault = facts.Vault,
            Month = facts.Month.ToString(),
            Title = facts.Month.Title,
            MadeAt = facts.Now,
            SoFar = facts.Now < facts.Month.Until,
            RpoObjectiveHours = facts.Policy.Objectives?.Rpo.TotalHours,
            RtoObjectiveHours = facts.Policy.Objectives?.Rto.TotalHours,
            SuccessPercent = ScheduleCount.Percent(runs.Sum(r => r.Made), runs.Sum(r => r.Due)),
            Databases = databases,
            Storage = StorageJudge.Sum(facts.Vault, facts.Databases.SelectMany(d => d.Stored), null, []),
            Copy = facts.Copy is { } copy ? StorageJudge.Sum(copy.Name, copy.Stored, copy.Problem, copy.Problem is null ? Missing(facts, copy) : []) : null,
            Access = facts.Access,
            Notes = [.. Notes(facts, databases)],
        };
    }

    private static DatabaseMonth Month(DatabaseFacts facts, ReportFacts all)
    {
        var (month, now) = (all.Month, all.Now);
        var whole = facts.Backups.Where(b => !b.Id.IsIncrement).ToList();
        var ofMonth = whole.Where(b => month.Holds(b.Id.Time)).ToList();
        var slots = ScheduleCount.Slots(facts, month, now);
        var runs = facts.Database.Schedule is null ? null : ScheduleCount.Sum(slots);
        var gaps = GapJudge.Gaps(whole.Where(b => b.IsGood).Select(b => (b.SnapshotTime, b.FinishedAt)), facts.Began, month, now);
        var worst = gaps.MaxBy(g => g.Until - g.From);
        var restore = facts.Proofs.Where(p => p.Verdict == Verdict.Pass).Select(p => p.Drill?.Seconds.Total).Max();
        var objectives = all.Policy.Objectives;
        var hasData = ofMonth.Count > 0 || facts.Proofs.Count > 0 || facts.Trail.Items.Any(i => i.Entry is not null);
        return new DatabaseMonth
        {
            Database = facts.Database.Name,
            Schedule = facts.Database.Schedule,
            HasData = hasData,
            Note = Note(facts, month, hasData, ofMonth),
            Backups = ofMonth.Count,
            Increments = facts.Backups.Count(b => b.Id.IsIncrement && month.Holds(b.Id.Time)),
            Gone = ofMonth.Count(b => b.Source != KnownBy.Manifest),
            Runs = runs,
            Days = Days(ofMonth, slots, month),
            Growth = Growth(whole, month),
            LargestGap = worst,
            RpoMet = objectives is null || worst is null ? null : worst.Until - worst.From > objectives.Rpo ? false : worst.AtLeast ? null : true,
            IncrementGapHours = facts.Database.CriticalTables.Count == 0 ? null
                : GapJudge.Gaps(facts.Backups.Where(b => b.IsGood).Select(b => (b.SnapshotTime, b.FinishedAt)), facts.Began, month, now).Select(g => (double?)g.Hours).Max(),
            IncrementEveryHours = facts.Database.CriticalTables.Count == 0 ? null : facts.Database.CriticalTables.Min(t => t.Every).TotalHours,
            RestoreSeconds = restore,
            RtoMet = objectives is null || restore is null ? null : TimeSpan.FromSeconds(restore.Value) <= objectives.Rto,
            Drills = [.. facts.Proofs.Where(p => p.Kind == ProofKind.Drill).Select(p => new DrillMonth(p.Id.ToString(), p.At, p.Verdict, p.Drill?.Seconds.Total))],
            Verifies = Verifies(facts),
            Incidents = IncidentList.Make(facts, month, slots, gaps, objectives?.Rpo),
            Tiers = StorageJudge.Tiers(facts, all.Policy.Retention?.Keep),
            Lock = facts.NewestLock,
            Expired = facts.Expired,
            Trail = Trail(facts.Trail),
        };
    }

    private static string? Note(DatabaseFacts facts, ReportMonth month, bool hasData, List<KnownBackup> ofMonth)
    {
        if (facts.Began is not { } began) return "The vault knows nothing of this database.";
        if (began >= month.Until) return $"The first sign of this database in the vault is of {UtcText.Minutes(began)}: there is nothing to say about this month.";
        if (!hasData) return "The vault holds nothing of this database from this month: no backup, no proof, no entry of the trail.";
        if (ofMonth.Count == 0) return "No backup was made in this month.";
        return began >= month.From ? $"Protected since {UtcText.Minutes(began)}: scheduled times before that are not counted." : null;
    }

    private static IReadOnlyList<DayFact> Days(List<KnownBackup> ofMonth, IReadOnlyList<(DateTimeOffset Time, DateTimeOffset Next, Slot Slot)> slots, ReportMonth month)
    {
        var backups = ofMonth.ToLookup(b => b.Id.Time.UtcDateTime.Day);
        var due = slots.Where(s => s.Slot != Slot.Open).ToLookup(s => s.Time.UtcDateTime.Day, s => s.Slot);
        return
        [
            .. Enumerable.Range(1, DateTime.DaysInMonth(month.Year, month.Month)).Select(day => new DayFact(day,
                backups[day].LastOrDefault(b => b is { Manifest: not null, IsGood: true })?.Manifest!.Totals.StoredBytes,
                due[day].Count(s => s == Slot.Made), due[day].Count(), backups[day].Any(b => b.IsGood))),
        ];
    }

    private static GrowthFact? Growth(List<KnownBackup> whole, ReportMonth month)
    {
        var known = whole.Where(b => b is { Manifest: not null, IsGood: true }).Select(b => b.Manifest!).OrderBy(m => m.Snapshot.Time).ToList();
        if (known.LastOrDefault(m => month.Holds(m.Snapshot.Time)) is not { } last) return null;
        var first = known.LastOrDefault(m => m.Snapshot.Time < month.From) ?? known[0];
        return new GrowthFact(first.Id, last.Id, last.Totals.StoredBytes,
            first.Totals.StoredBytes == 0 ? null : Math.Round((last.Totals.StoredBytes - first.Totals.StoredBytes) * 100.0 / first.Totals.StoredBytes, 1),
            last.Totals.RawBytes, last.Snapshot.DatabaseBytes, last.Totals.Rows, last.Totals.Rows - first.Totals.Rows);
    }

    private static VerdictCount Verifies(DatabaseFacts facts)
    {
        int Count(Verdict verdict) => facts.Proofs.Count(p => p.Kind == ProofKind.Verify && p.Verdict == verdict);
        return new VerdictCount(Count(Verdict.Pass), Count(Verdict.Fail), Count(Verdict.CouldNotVerify));
    }

    private static TrailMonth Trail(EvidenceChain trail)
    {
        var entries = trail.Items.Select(i => i.Entry).OfType<Evidence>().ToList();
        return new TrailMonth(entries.Count, [.. trail.Items.Where(i => i.Problem is not null).Select(i => $"{i.Key}: {i.Problem}")],
            [
                .. entries.GroupBy(e => (e.Operator, e.Verb, e.Result)).Select(g => new Deed(g.Key.Operator, g.Key.Verb, g.Key.Result, g.Count(), g.Max(e => e.At)))
                    .OrderBy(d => d.Verb, StringComparer.Ordinal).ThenBy(d => d.Operator, StringComparer.Ordinal).ThenBy(d => d.Result, StringComparer.Ordinal),
            ]);
    }

    private static IReadOnlyList<string> Missing(ReportFacts facts, CopyStored copy)
    {
        var there = copy.Stored.Select(s => s.Id.ToString()).ToHashSet(StringComparer.Ordinal);
        var here = facts.Databases.SelectMany(d => d.Stored).Where(s => !s.HasExpired).Select(s => s.Id.ToString()).ToHashSet(StringComparer.Ordinal);
        return [.. facts.Databases.SelectMany(d => d.Backups).Where(b => facts.Month.Holds(b.Id.Time) && b.IsGood).Select(b => b.Id.ToString()).Where(id => here.Contains(id) && !there.Contains(id))];
    }

    private static IEnumerable<string> Notes(ReportFacts facts, List<DatabaseMonth> databases)
    {
        if (facts.Now < facts.Month.Until) yield return $"The month is not over: figures are those up to {UtcText.Minutes(facts.Now)}.";
        yield return "Schedules, objectives and ages are those of the policy when this report was made; a backup that a later proof refuted counts as bad from the beginning.";
        yield return "Stored bytes, classes, locks and costs are those when this report was made, not those of the month's end. Versions that are hidden for an undo are billed and not listed here.";
        if (databases.Sum(d => d.Gone) is var gone and > 0)
            yield return $"{PolicyReading.Count(gone, "backup")} of this month {(gone == 1 ? "has" : "have")} gone since: that {(gone == 1 ? "it was" : "they were")} made is known from tombstone or evidence trail, {(gone == 1 ? "its size and rows are" : "their sizes and rows are")} no longer known.";
        if (facts.Access is null) yield return "Reads of the vault are not in here: no access log was given. The trail below each database has what this program itself changed or proved.";
    }
}
