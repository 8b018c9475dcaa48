using Backup.Core.Catalog;
using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Operations.Pruning;
using Backup.Core.Policies;
using Backup.Core.Retention;
using Backup.Core.Storage;
using Backup.Core.Tests.Support;
using Backup.Tests.Support;

namespace Backup.Core.Tests.Strategies;

/// <summary>More than a year of each strategy: a backup at each time of its schedule, its increments and drills, and a prune of the vault every four weeks.</summary>
public sealed class StrategyYearTests : IDisposable
{
    private static readonly DateTimeOffset _begin = new(2025, 10, 15, 0, 0, 0, TimeSpan.Zero);
    private static readonly DateTimeOffset _end = new(2026, 12, 20, 12, 0, 0, TimeSpan.Zero);

    private readonly string _folder = Directory.CreateTempSubdirectory("backup-year-").FullName;
    private readonly ManualClock _clock = new(_begin);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

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
    public async Task A_year_leaves_in_the_vault_what_the_strategy_asks_for(string strategy, int days, int weeks, int months, int years, int incrementDays)
    {
        await using var vault = new FolderVault(_folder, _clock);
        var left = await LiveAsync(StrategyPolicy.Read(strategy), vault);
        List<DateTimeOffset> Of(Tier tier) => [.. left.Where(b => b.Tier == tier).Select(b => b.Id.Time)];

        var today = _end.Date;
        var whole = left.Where(b => !b.Id.IsIncrement).Select(b => b.Id.Time.Date).ToHashSet();
        Assert.All(Enumerable.Range(0, days), ago => Assert.Contains(today.AddDays(-ago), whole));
        var needed = left.Select(b => b.Manifest!.Increment?.Base).ToHashSet();
        Assert.All(left.Where(b => b.Tier == Tier.Daily && !needed.Contains(b.Id.ToString())), b => Assert.InRange((today - b.Id.Time.Date).TotalDays, 0, days - 1));
        Assert.Equal((weeks, months, years), (Of(Tier.Weekly).Count, Of(Tier.Monthly).Count, Of(Tier.Annual).Count));
        if (incrementDays == 0) Assert.Empty(Of(Tier.Incremental));
        else Assert.InRange(Of(Tier.Incremental).Select(t => t.Date).Distinct().Count(), incrementDays, incrementDays + 1); // a chain stays whole
        // Increments without their backup would be worth nothing.
        Assert.All(left.Where(b => b.Id.IsIncrement), i => Assert.Contains(left, b => b.Id.ToString() == i.Manifest!.Increment!.Base));
    }

    private async Task<IReadOnlyList<CatalogEntry>> LiveAsync(Policy policy, IVault vault)
    {
        var database = policy.Databases[0];
        var prune = PruneRequest.Of(policy, database.Name, vault, dryRun: false).Single() with { Environment = MadeUp.Environment };
        var (schedule, drills) = (prune.Rules.Schedule!, prune.Rules.Drill!);
        var every = database.CriticalTables.Count == 0 ? (TimeSpan?)null : database.CriticalTables.Min(t => t.Every);
        var earlier = new List<EarlierBackup>();
        var pruned = _begin;
        for (var time = schedule.Next(_begin); time < _end; time = schedule.Next(time))
        {
            var id = BackupId.Create(database.Name, time);
            var tier = TierChoice.Choose(BackupKind.Scheduled, id, earlier, policy.Retention);
            var prefix = await MadeUp.BackupAsync(vault, time, tier, [9], database: database.Name);
            earlier.Add(new EarlierBackup(id, tier, IsGood: true));
            var (next, drill) = (schedule.Next(time), drills.Next(time));
            if (drill < next) await MadeUp.PutAsync(vault, new ResultName(ProofKind.Drill, Verdict.Pass, drill).Key(prefix), [1], ObjectState.Committed);
            for (var at = time + every; at < next && at < _end; at += every)
                await MadeUp.BackupAsync(vault, at.Value, Tier.Incremental, [9], database: database.Name, baseId: id.ToString());
            if (time - pruned < TimeSpan.FromDays(28) && next < _end) continue;
            pruned = time;
            _clock.Now = (next < _end ? next : _end).AddMinutes(-1);
            var report = await new PruneBackups(MachineEnvironment.Read(), _clock).ExecuteAsync(prune, TestContext.Current.CancellationToken);
            Assert.True(report.Stopped is null || time < _begin.AddDays(70), report.Stopped);
            Assert.Empty(report.Findings);
        }

        var left = await new BackupCatalog(vault).SurveyAsync(MadeUp.Environment, database.Name, TestContext.Current.CancellationToken);
        Assert.Empty(left.Remains);
        return left.Entries;
    }
}
