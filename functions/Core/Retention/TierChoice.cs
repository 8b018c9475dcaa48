using System.Globalization;
using Backup.Core.Model;
using Backup.Core.Policies;

namespace Backup.Core.Retention;

/// <summary>An earlier backup as far as the choice of a tier needs it. One that cannot be read, or whose newest verify or drill failed, is not good.</summary>
public sealed record EarlierBackup(BackupId Id, Tier Tier, bool IsGood);

/// <summary>
/// The tier of a new backup: the highest one that its calendar period (UTC) still lacks a good backup of. Pure, and independent of
/// the run's own id, so that a repeated trigger chooses the same.
/// </summary>
public static class TierChoice
{
    private static readonly Tier[] _highestFirst = [Tier.Annual, Tier.Monthly, Tier.Weekly];

    public static Tier Choose(BackupKind kind, BackupId id, IEnumerable<EarlierBackup> earlier, RetentionPolicy? retention)
    {
        if (kind != BackupKind.Scheduled) return kind switch
        {
            BackupKind.PreDeploy => Tier.PreDeploy,
            BackupKind.Incremental => Tier.Incremental,
            _ => Tier.Manual,
        };
        var good = earlier.Where(e => e.IsGood && e.Id != id).ToList();
        foreach (var tier in _highestFirst)
        {
            if (retention?.Keep.ContainsKey(tier) != true) continue;
            if (!good.Any(e => e.Tier == tier && Period(tier, e.Id.Time) == Period(tier, id.Time))) return tier;
        }

        return Tier.Daily;
    }

    private static (int Year, int Part) Period(Tier tier, DateTimeOffset time) => tier switch
    {
        Tier.Annual => (time.UtcDateTime.Year, 0),
        Tier.Monthly => (time.UtcDateTime.Year, time.UtcDateTime.Month),
        _ => (ISOWeek.GetYear(time.UtcDateTime), ISOWeek.GetWeekOfYear(time.UtcDateTime)),
    };
}
