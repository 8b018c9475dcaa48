using Backup.Core.Model;
using Backup.Core.Operations.Increments;

namespace Backup.Core.Operations.Watching;

/// <summary>Are the rows of critical tables copied as often as the policy asks, and can every increment since the newest backup be restored? A whole backup copies them too.</summary>
internal static class IncrementJudge
{
    private static readonly TimeSpan _leastGrace = TimeSpan.FromMinutes(15);

    public static IEnumerable<Finding> Judge(DatabaseHistory h, WatchFacts facts)
    {
        if (h.Newest?.Manifest is { } basis && !facts.LongChains.Contains(h.Database.Name)
            && IncrementChain.Hole(basis, IncrementChain.Of(basis, h.Backups.Where(b => b.IsWhole).Select(b => b.Entry))) is { } hole)
            yield return h.On(FindingCode.IncrementBroken, hole.Sentence,
                $"Run `backup run --database {h.Database.Name}`, which begins a new chain; fetch {hole.Missing} from a copy of the vault.");
        if (h.Newest is null || Age(h) is not { } age) yield break;
        var late = h.Database.CriticalTables.Where(t => age > t.Every + Grace(t.Every)).ToList();
        if (late.Count == 0) yield break;
        var strictest = late.Min(t => t.Every);
        yield return h.On(FindingCode.IncrementLate, $"the rows of {Say.Some(late.Select(t => t.Table))} were last copied {Say.Age(age)} ago; the policy asks for every {Say.Age(strictest)}",
            $"Run `backup incremental --database {h.Database.Name}`, and see why the schedule did not.",
            age > strictest * 2 ? Severity.Critical : Severity.Warning);
    }

    /// <summary>Since the newest increment or whole backup; null without critical tables or backups.</summary>
    public static TimeSpan? Age(DatabaseHistory h)
    {
        if (h.Database.CriticalTables.Count == 0) return null;
        var increments = h.Backups.Where(b => b.Entry.Tier == Tier.Incremental && b.Entry.Problem is null && b.IsWhole).Select(b => b.Id.Time);
        var whole = h.Complete.Select(b => b.Manifest!.Snapshot.Time);
        return increments.Concat(whole).Select(t => (DateTimeOffset?)t).Max() is { } newest ? h.Since(newest) : null;
    }

    private static TimeSpan Grace(TimeSpan every) => every / 4 > _leastGrace ? every / 4 : _leastGrace;
}
