using Backup.Core.Model;
using Backup.Core.Operations.Watching;
using Backup.Core.Policies;
using Backup.Core.Tests.Watching;

namespace Backup.Core.Tests.Strategies;

/// <summary>What each strategy wants to hear of, at its own thresholds. It is noon, and backups were made at the times of its schedule.</summary>
public sealed class StrategyWatchTests
{
    [Theory]
    [InlineData("streamflow", 20, 50)]
    [InlineData("bloom", 20, 50)]
    [InlineData("lealta", 20, 50)]
    [InlineData("inventario", 20, 50)]
    [InlineData("autorenta", 10, 20)]
    public void A_size_that_changes_more_than_the_strategy_allows_is_critical_and_one_percent_less_is_not(string strategy, int warning, int critical)
    {
        var policy = Policy(strategy);
        Severity? At(int percent) => Story.Judge([.. History(policy, 8, skip: 1), Backup(policy, 0, 1_000_000 + (percent * 10_000))], policy)
            .Databases[0].Findings.SingleOrDefault(f => f.Code == FindingCode.SizeDeviation.Name)?.Severity;
        foreach (var sign in (int[])[1, -1])
        {
            Assert.Equal(Severity.Critical, At(critical * sign));
            Assert.Equal(Severity.Warning, At((critical - 1) * sign));
            Assert.Equal(Severity.Warning, At(warning * sign));
            Assert.Null(At((warning - 1) * sign));
        }
    }

    [Theory]
    [InlineData("streamflow")]
    [InlineData("bloom")]
    [InlineData("lealta")]
    [InlineData("inventario")]
    [InlineData("autorenta")]
    public void A_day_without_its_backup_is_critical(string strategy)
    {
        var policy = Policy(strategy);
        Assert.DoesNotContain("critical backup.missed", Story.Judge(History(policy, 8), policy).Troubles());
        var troubles = Story.Judge(History(policy, 8, skip: 1), policy).Troubles();
        Assert.Contains("critical backup.missed", troubles);
        Assert.Contains("critical backup.old", troubles);
    }

    [Theory]
    [InlineData("streamflow", 1, null)]
    [InlineData("streamflow", 2, Severity.Warning)]
    [InlineData("streamflow", 3, Severity.Critical)]
    [InlineData("autorenta", 6, null)]
    [InlineData("autorenta", 8, Severity.Warning)]
    [InlineData("bloom", 6, null)]
    [InlineData("bloom", 8, Severity.Warning)]
    public void Critical_tables_that_are_copied_late_are_told(string strategy, int hoursAgo, Severity? severity)
    {
        var policy = Policy(strategy);
        var increment = Story.Backup(Story.Now.AddHours(-hoursAgo), kind: BackupKind.Incremental, tier: Tier.Incremental);
        var findings = Story.Judge([.. History(policy, 8), increment], policy).Databases[0].Findings;
        Assert.Equal(severity, findings.SingleOrDefault(f => f.Code == FindingCode.IncrementLate.Name)?.Severity);
    }

    [Theory]
    [InlineData("streamflow", 7)]
    [InlineData("bloom", 7)]
    [InlineData("lealta", 7)]
    [InlineData("inventario", 31)]
    [InlineData("autorenta", 31)]
    public void A_drill_that_is_more_than_a_day_late_is_told(string strategy, int interval)
    {
        var policy = Policy(strategy);
        bool IsOverdue(int daysAgo)
        {
            var history = History(policy, 40);
            history[^1] = history[^1].With(new ResultName(ProofKind.Drill, Verdict.Pass, Story.Now.AddDays(-daysAgo)));
            return Story.Judge(history, policy).Has(FindingCode.DrillOverdue);
        }

        Assert.False(IsOverdue(interval));
        Assert.True(IsOverdue(interval + 2));
    }

    private static Policy Policy(string strategy)
    {
        var policy = StrategyPolicy.Read(strategy);
        return policy with { Environment = "test", Databases = [policy.Databases[0] with { Name = "db" }] };
    }

    /// <summary>The backup of so many days ago; 0 is today's.</summary>
    private static WatchedBackup Backup(Policy policy, int daysAgo, long stored = 1_000_000) =>
        Story.Backup(Schedule.Parse(policy.Databases[0].Schedule!).Previous(Story.Now).AddDays(-daysAgo), stored);

    private static List<WatchedBackup> History(Policy policy, int count, int skip = 0) => [.. Enumerable.Range(skip, count).Reverse().Select(i => Backup(policy, i))];
}
