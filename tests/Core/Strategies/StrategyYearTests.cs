using Backup.Core.Model;
using Backup.Core.Policies;
using Backup.Core.Retention;

namespace Backup.Core.Tests.Strategies;

/// <summary>More than a year of each strategy: a backup at each time of its schedule, its increments and drills, and a prune after each backup.</summary>
public sealed class StrategyYearTests
{
    private static readonly DateTimeOffset _begin = new(2025, 10, 15, 0, 0, 0, TimeSpan.Zero);
    private static readonly DateTimeOffset _end = new(2026, 12, 20, 12, 0, 0, TimeSpan.Zero);

    /// <param name="strategy">Whose policy.</param>
    /// <param name="days">As many of the last days have a backup, and no daily one is older.</param>
    /// <param name="weeks">As many weekly ones.</param>
    /// <param name="months">As many monthly ones.</param>
    /// <param name="years">As many annual ones.</param>
    /// <param name="incrementDays">As many of the last days can be restored to a time between backups.</param>
    [Theory]
    [InlineData("streamflow", 30, 8, 0, 0, 14)]
    [InlineData("bloom", 90, 52, 12, 0, 56)]
    [InlineData("lealta", 30, 0, 0, 0, 0)]
    [InlineData("inventario", 14, 8, 12, 0, 0)]
    [InlineData("autorenta", 30, 0, 12, 2, 30)]
    public void A_year_leaves_what_the_strategy_asks_for(string strategy, int days, int weeks, int months, int years, int incrementDays)
    {
        var left = Live(StrategyPolicy.Read(strategy));
        List<DateTimeOffset> Of(Tier tier) => [.. left.Where(b => b.Tier == tier).Select(b => b.Id.Time)];

        var today = _end.Date;
        var whole = left.Where(b => !b.Id.IsIncrement).Select(b => b.Id.Time.Date).ToHashSet();
        Assert.All(Enumerable.Range(0, days), ago => Assert.Contains(today.AddDays(-ago), whole));
        var needed = left.Select(b => b.BaseId).ToHashSet();
        Assert.All(left.Where(b => b.Tier == Tier.Daily && !needed.Contains(b.Id.ToString())), b => Assert.InRange((today - b.Id.Time.Date).TotalDays, 0, days - 1));
        Assert.Equal((weeks, months, years), (Of(Tier.Weekly).Count, Of(Tier.Monthly).Count, Of(Tier.Annual).Count));
        if (incrementDays == 0) Assert.Empty(Of(Tier.Incremental));
        else Assert.InRange(Of(Tier.Incremental).Select(t => t.Date).Distinct().Count(), incrementDays, incrementDays + 1); // a chain stays whole
        // Increments without their backup would be worth nothing.
        Assert.All(left.Where(b => b.Id.IsIncrement), i => Assert.Contains(left, b => b.Id.ToString() == i.BaseId));
    }

    private static List<PruneCandidate> Live(Policy policy)
    {
        var database = policy.Databases[0];
        var rules = new PruneRules(policy.Retention!, Schedule.Parse(database.Schedule!), Schedule.Parse(policy.Drill!.Schedule));
        var every = database.CriticalTables.Count == 0 ? (TimeSpan?)null : database.CriticalTables.Min(t => t.Every);
        var left = new List<PruneCandidate>();
        for (var time = rules.Schedule!.Next(_begin); time < _end; time = rules.Schedule.Next(time))
        {
            var id = BackupId.Create(database.Name, time);
            var tier = TierChoice.Choose(BackupKind.Scheduled, id, left.Where(b => !b.Id.IsIncrement).Select(b => new EarlierBackup(b.Id, b.Tier, true)), policy.Retention);
            var (next, drill) = (rules.Schedule.Next(time), rules.Drill!.Next(time));
            ResultName[] results = drill < next ? [new ResultName(ProofKind.Drill, Verdict.Pass, drill)] : [];
            left.Add(new PruneCandidate { Id = id, Tier = tier, SnapshotTime = time.AddSeconds(20), Results = results });
            for (var at = time + every; at < next && at < _end; at += every)
                left.Add(new PruneCandidate { Id = BackupId.Create(database.Name, at.Value) with { IsIncrement = true }, Tier = Tier.Incremental, SnapshotTime = at.Value.AddSeconds(5), BaseId = id.ToString() });
            var plan = PrunePlan.Make(left, rules, (next < _end ? next : _end).AddMinutes(-1));
            Assert.True(plan.Stopped is null || time < _begin.AddDays(70), plan.Stopped);
            left = [.. plan.Decisions.Where(d => d.Keep).Select(d => d.Backup)];
        }

        return left;
    }
}
