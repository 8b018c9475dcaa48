using Backup.Core.Model;

namespace Backup.Core.Operations.Watching;

/// <summary>Are the rows of critical tables copied as often as the policy asks? A whole backup copies them too.</summary>
internal static class IncrementJudge
{
    private static readonly TimeSpan _leastGrace = TimeSpan.FromMinutes(15);

    public static IEnumerable<Finding> Judge(DatabaseHistory h)
    {
        foreach (var hole in Holes(h)) yield return hole;
        if (h.Newest is null || Age(h) is not { } age) yield break;
        var late = h.Database.CriticalTables.Where(t => age > t.Every + Grace(t.Every)).ToList();
        if (late.Count == 0) yield break;
        var strictest = late.Min(t => t.Every);
        yield return h.On(FindingCode.IncrementLate, $"the rows of {Say.Some(late.Select(t => t.Table))} were last copied {Say.Age(age)} ago; the policy asks for every {Say.Age(strictest)}",
            $"Run `backup incremental --database {h.Database.Name}`, and see why the schedule did not.",
            age > strictest * 2 ? Severity.Critical : Severity.Warning);
    }

    /// <summary>A link that is gone takes along all that comes after it, and only a restore would notice.</summary>
    private static IEnumerable<Finding> Holes(DatabaseHistory h)
    {
        var known = h.Backups.Concat(h.Future).Select(b => b.Id.ToString()).ToHashSet(StringComparer.Ordinal);
        foreach (var (id, facts) in h.Backups.Where(b => b.Manifest?.Increment is { } i && known.Contains(i.Base)).Select(b => (b.Id, b.Manifest!.Increment!)))
        {
            if (facts.Tables.FirstOrDefault(t => t.FromXmin is not null && !known.Contains(t.Since)) is not { } table) continue;
            yield return h.On(FindingCode.IncrementMissing, $"the increment {table.Since} is missing, and {id} continues it: changes of {table.Table} between them are in neither",
                "Fetch it from a copy of the vault; without one make a backup, which begins a new chain.", facts.Base == h.Newest?.Id.ToString() ? null : Severity.Info);
        }
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
