using Backup.Core.Model;
using Backup.Core.Operations.Watching;

namespace Backup.Core.Tests.Watching;

public sealed class SizeTests
{
    private static readonly DateTimeOffset _today = new(2026, 3, 20, 2, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(1_000_000, null)]
    [InlineData(1_190_000, null)]
    [InlineData(1_200_000, Severity.Warning)]
    [InlineData(790_000, Severity.Warning)]
    [InlineData(1_490_000, Severity.Warning)]
    [InlineData(1_500_000, Severity.Critical)]
    [InlineData(400_000, Severity.Critical)]
    [InlineData(0, Severity.Critical)]
    public void The_size_is_held_against_the_median_of_the_last_seven(long stored, Severity? severity)
    {
        var report = Story.Judge([.. Story.Daily(10, lastDaysAgo: 1), Story.Backup(_today, stored)]);
        Assert.Equal(severity, report.Databases[0].Findings.SingleOrDefault(f => f.Code == FindingCode.SizeDeviation.Name)?.Severity);
        Assert.Equal((stored - 1_000_000) / 10_000.0, report.Databases[0].SizeDeviation);
    }

    [Fact]
    public void One_earlier_outlier_does_not_move_the_median_and_thresholds_are_the_policys()
    {
        var history = Story.Daily(7, lastDaysAgo: 1);
        history[3] = Story.Backup(history[3].Id.Time, 900_000_000);
        history.Add(Story.Backup(_today, 1_100_000));
        Assert.Empty(Story.Judge(history).Troubles());
        var strict = Story.Policy(policy: p => p with { Watch = p.Watch with { SizeWarning = 0.05, SizeCritical = 0.09 } });
        Assert.Equal(["critical size.deviation"], Story.Judge(history, strict).Troubles());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Until_there_are_three_earlier_ones_it_says_that_it_is_learning(int backups)
    {
        var report = Story.Judge([.. Story.Daily(backups - 1, lastDaysAgo: 1), Story.Backup(_today, 77_000_000)]);
        Assert.Equal(Severity.Info, report.The(FindingCode.SizeLearning).Severity);
        Assert.True(report.Healthy);
        Assert.Null(report.Databases[0].SizeDeviation);
        Assert.True(Story.Judge([.. Story.Daily(3, lastDaysAgo: 1), Story.Backup(_today, 77_000_000)]).Has(FindingCode.SizeDeviation));
    }

    [Fact]
    public void Kinds_are_compared_among_themselves()
    {
        List<WatchedBackup> history = [.. Story.Daily(10), Story.Backup(_today.AddHours(3), 50_000_000, BackupKind.PreDeploy, Tier.PreDeploy)];
        var report = Story.Judge(history);
        Assert.Empty(report.Troubles());
        Assert.True(report.Has(FindingCode.SizeLearning));
    }

    [Fact]
    public void A_table_that_lost_half_its_rows_is_named_although_the_total_looks_normal()
    {
        var rows = new Dictionary<string, long> { ["users"] = 400, ["orders"] = 50_600 };
        var report = Story.Judge([.. Story.Daily(10, lastDaysAgo: 1), Story.Backup(_today, rows: rows)]);
        Assert.Equal(["critical table.shrunk"], report.Troubles());
        Assert.Equal("public.users has 400 rows instead of 1,000 (-60 %)", report.The(FindingCode.TableShrunk).Sentence);
    }

    [Fact]
    public void The_loss_is_still_told_on_the_days_after()
    {
        var rows = new Dictionary<string, long> { ["users"] = 400, ["orders"] = 50_600 };
        var history = Story.Daily(10, lastDaysAgo: 2);
        history.Add(Story.Backup(_today.AddDays(-1), rows: rows));
        history.Add(Story.Backup(_today, rows: rows));
        Assert.True(Story.Judge(history).Has(FindingCode.TableShrunk));
    }

    [Fact]
    public void A_queue_that_is_full_on_some_days_alarms_on_none()
    {
        long[] lengths = [5000, 100, 4000, 90, 5200, 100, 4800];
        List<WatchedBackup> history = [.. lengths.Select((n, i) => Story.Backup(_today.AddDays(i - 7), rows: new Dictionary<string, long> { ["jobs"] = n, ["orders"] = 900_000 }))];
        history.Add(Story.Backup(_today, rows: new Dictionary<string, long> { ["jobs"] = 120, ["orders"] = 900_000 }));
        Assert.Empty(Story.Judge(history).Troubles());
    }

    [Fact]
    public void Vanished_and_new_tables_are_named()
    {
        var rows = new Dictionary<string, long> { ["orders"] = 50_900, ["invoices"] = 7 };
        var report = Story.Judge([.. Story.Daily(10, lastDaysAgo: 1), Story.Backup(_today, rows: rows)]);
        Assert.Equal(["critical table.vanished"], report.Troubles());
        Assert.Equal("no longer in db_20260320T020000Z: public.users (1,000 rows)", report.The(FindingCode.TableVanished).Sentence);
        Assert.Equal("new in db_20260320T020000Z: public.invoices", report.The(FindingCode.TableAppeared).Sentence);
    }

    [Fact]
    public void An_empty_table_that_goes_is_a_warning_and_few_rows_are_no_finding()
    {
        List<WatchedBackup> Ending(Dictionary<string, long> usual, Dictionary<string, long> now) =>
            [.. Enumerable.Range(1, 7).Select(i => Story.Backup(_today.AddDays(-i), rows: usual)), Story.Backup(_today, rows: now)];
        Assert.Equal(["warning table.vanished"], Story.Judge(Ending(new() { ["a"] = 100, ["empty"] = 0 }, new() { ["a"] = 100 })).Troubles());
        Assert.Empty(Story.Judge(Ending(new() { ["a"] = 9000, ["few"] = 15 }, new() { ["a"] = 9000, ["few"] = 0 })).Troubles());
    }

    [Fact]
    public void Backups_without_counts_are_judged_by_size_alone()
    {
        static Manifest Uncounted(Manifest m) => m with { Fingerprints = [.. m.Fingerprints.Select(f => f with { Rows = null })] };
        Assert.Empty(Story.Judge([.. Story.Daily(9, lastDaysAgo: 1), Story.Backup(_today).Change(Uncounted)]).Troubles());
        Assert.Empty(Story.Judge(Story.Daily(10).ConvertAll(b => b.Change(Uncounted))).Troubles());
    }
}
