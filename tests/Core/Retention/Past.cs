using Backup.Core.Model;
using Backup.Core.Policies;
using Backup.Core.Retention;

namespace Backup.Core.Tests.Retention;

/// <summary>Short words for backups of one database and the rules over them. Now is the first of June 2026, 03:00 UTC.</summary>
internal static class Past
{
    public static readonly DateTimeOffset Now = new(2026, 6, 1, 3, 0, 0, TimeSpan.Zero);

    public static readonly RetentionPolicy Ages = new(new Dictionary<Tier, CalendarSpan>
    {
        [Tier.Daily] = new(30, CalendarUnit.Days),
        [Tier.Weekly] = new(8, CalendarUnit.Weeks),
        [Tier.Monthly] = new(12, CalendarUnit.Months),
        [Tier.Annual] = new(7, CalendarUnit.Years),
        [Tier.PreDeploy] = new(3, CalendarUnit.Years),
        [Tier.Incremental] = new(8, CalendarUnit.Weeks),
    });

    public static readonly PruneRules Nightly = new(Ages, Schedule.Parse("0 2 * * *"), null);

    public static readonly PruneRules Drilled = Nightly with { Drill = Schedule.Parse("0 4 * * SUN") };

    public static readonly PruneRules OnDemand = Nightly with { Schedule = null };

    public static PruneCandidate Made(DateTimeOffset at, Tier tier = Tier.Daily, params ResultName[] results) =>
        new() { Id = BackupId.Create("bloom", at), Tier = tier, SnapshotTime = at.AddSeconds(20), Results = results };

    /// <summary>02:00 of so many days ago; 0 is today.</summary>
    public static PruneCandidate Day(int ago, Tier tier = Tier.Daily, params ResultName[] results) => Made(Now.AddHours(-1).AddDays(-ago), tier, results);

    public static List<PruneCandidate> Days(int from, int to) => [.. Enumerable.Range(from, to - from + 1).Select(ago => Day(ago))];

    public static ResultName Verify(Verdict verdict, int daysAgo) => new(ProofKind.Verify, verdict, Now.AddDays(-daysAgo));

    public static ResultName Drill(Verdict verdict, int daysAgo) => new(ProofKind.Drill, verdict, Now.AddDays(-daysAgo));

    /// <summary>Days ago of what expires.</summary>
    public static IEnumerable<int> ExpiredDays(PrunePlan plan) => plan.Expired.Select(d => (int)(Now - d.Backup.Id.Time).TotalDays).Order();

    public static string Reason(PrunePlan plan, PruneCandidate backup) => plan.Decisions.Single(d => d.Backup == backup).Reason;
}
