using Backup.Core.Model;
using Backup.Core.Operations.Watching;
using Backup.Core.Policies;

namespace Backup.Core.Operations.Serving;

/// <summary>
/// Which scheduled works the vault lacks although their time has passed: the machine was off, or a run failed. Pure, and from the vault alone, so a service that
/// starts again knows as much as one that never stopped.
/// </summary>
public static class MakeUp
{
    /// <summary>This near to the next time nothing is made up any more: the next one comes by itself.</summary>
    private const int LastPart = 10;

    /// <summary>The newest missed time of each database, with that time: it makes the id, so what two ask for is made once.</summary>
    public static IReadOnlyList<Work> Due(Policy policy, WatchFacts facts, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(policy);
        ArgumentNullException.ThrowIfNull(facts);
        var due = new List<Work>();
        foreach (var planned in ServicePlan.Of(policy).Where(p => p.Kind is WorkKind.Backup or WorkKind.Drill))
        {
            var time = planned.Times.Latest(now);
            var next = planned.Times.Next(now);
            if (now >= next - ((next - time) / LastPart)) continue;
            var backups = facts.Backups.Where(b => b.Id.Database == planned.Database && b.Entry.Tier != Tier.Incremental && !DatabaseHistory.IsFuture(b, now)).ToList();
            var isMade = planned.Kind == WorkKind.Backup
                ? backups.Exists(b => RetentionPolicy.IsScheduled(b.Entry.Tier) && b.Id.Time >= time)
                : backups.Count == 0 || backups.SelectMany(b => b.Entry.Results).Any(r => r.Kind == ProofKind.Drill && r.At >= time);
            if (!isMade) due.Add(planned.At(time));
        }

        return due;
    }
}
