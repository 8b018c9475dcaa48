using Backup.Core.Model;
using Backup.Core.Operations.Watching;

namespace Backup.Core.Tests.Watching;

public sealed class FreshnessTests
{
    [Fact]
    public void Daily_backups_up_to_today_are_safe_and_nothing_is_said()
    {
        var report = Story.Judge(Story.Daily(10));
        Assert.Empty(report.Troubles());
        Assert.True(report.Healthy);
        var state = Assert.Single(report.Databases);
        Assert.Equal(("db_20260320T020000Z", 10.0, 24.5, 0.0, 10), (state.LastBackup, state.AgeHours, state.MaxAgeHours, state.SizeDeviation, state.Backups));
        Assert.Equal(new DateTimeOffset(2026, 3, 21, 2, 0, 0, TimeSpan.Zero), state.NextBackup);
    }

    [Theory]
    [InlineData(0, 26, true)] // today's, 26 hours after it
    [InlineData(0, 24, false)]
    [InlineData(2, 10, true)]
    public void A_backup_older_than_the_schedule_allows_is_critical(int lastDaysAgo, int hoursAfterTwo, bool old)
    {
        var now = new DateTimeOffset(2026, 3, 20, 2, 0, 0, TimeSpan.Zero).AddHours(hoursAfterTwo);
        Assert.Equal(old, Story.Judge(Story.Daily(10, lastDaysAgo), now: now).Has(FindingCode.BackupOld));
    }

    [Fact]
    public void Each_scheduled_time_that_passed_is_named_by_the_id_that_it_should_have_brought()
    {
        var report = Story.Judge(Story.Daily(10, lastDaysAgo: 2));
        Assert.Equal(["critical backup.missed", "critical backup.old"], report.Troubles());
        Assert.Equal(["db_20260319T020000Z", "db_20260320T020000Z"], report.Databases[0].Missed);
        Assert.Equal("no backup for 2 scheduled times: db_20260319T020000Z, db_20260320T020000Z", report.The(FindingCode.BackupMissed).Sentence);
        Assert.False(report.Safe);
    }

    [Fact]
    public void A_run_that_may_still_be_running_is_not_missing_and_one_that_is_late_is()
    {
        var history = Story.Daily(10, lastDaysAgo: 1);
        var two = new DateTimeOffset(2026, 3, 20, 2, 0, 0, TimeSpan.Zero);
        Assert.False(Story.Judge(history, now: two.AddMinutes(29)).Has(FindingCode.BackupMissed));
        Assert.True(Story.Judge(history, now: two.AddMinutes(31)).Has(FindingCode.BackupMissed));
        // Runs of three hours get six.
        var slow = history.ConvertAll(b => b.Change(m => m with { FinishedAt = m.StartedAt.AddHours(3) }) with { StoredAt = b.Id.Time.AddHours(3) });
        Assert.False(Story.Judge(slow, now: two.AddHours(5.9)).Has(FindingCode.BackupMissed));
        Assert.True(Story.Judge(slow, now: two.AddHours(6.1)).Has(FindingCode.BackupMissed));
    }

    [Fact]
    public void A_runner_that_claims_to_need_a_week_buys_twelve_hours_at_most()
    {
        var liar = Story.Daily(10, lastDaysAgo: 1).ConvertAll(b => b.Change(m => m with { StartedAt = m.FinishedAt.AddDays(-7) }));
        Assert.True(Story.Judge(liar, now: Story.Now.AddHours(3)).Has(FindingCode.BackupMissed));
    }

    [Fact]
    public void A_missed_time_that_a_good_backup_followed_is_history()
    {
        var report = Story.Judge([.. Story.Daily(5, lastDaysAgo: 3), .. Story.Daily(2)]);
        Assert.Empty(report.Troubles());
        Assert.Equal(Severity.Info, report.The(FindingCode.BackupMissed).Severity);
        Assert.Equal(["db_20260318T020000Z"], report.Databases[0].Missed);
    }

    [Fact]
    public void A_backup_by_hand_makes_the_data_safe_and_does_not_fill_the_schedule()
    {
        var report = Story.Judge([.. Story.Daily(10, lastDaysAgo: 1), Story.Backup(Story.Now.AddHours(-1), kind: BackupKind.Manual, tier: Tier.Manual)]);
        Assert.Empty(report.Troubles());
        Assert.Equal(["db_20260320T020000Z"], report.Databases[0].Missed);
    }

    [Fact]
    public void A_scheduler_that_starts_some_seconds_late_misses_nothing() =>
        Assert.Empty(Story.Judge([.. Story.Daily(9, lastDaysAgo: 1), Story.Backup(new DateTimeOffset(2026, 3, 20, 2, 0, 7, TimeSpan.Zero))]).Databases[0].Missed);

    [Fact]
    public void What_cannot_be_restored_from_does_not_count()
    {
        var history = Story.Daily(10);
        var damaged = history[^1].With(new ResultName(ProofKind.Verify, Verdict.Fail, Story.Now.AddHours(-1)));
        var partial = history[^1] with { IsWhole = false };
        var unreadable = history[^1] with { Entry = history[^1].Entry with { Manifest = null, Problem = "it is damaged" } };
        foreach (var (last, code) in new[] { (damaged, FindingCode.VerifyFailed), (partial, FindingCode.BackupIncomplete), (unreadable, FindingCode.BackupUnreadable) })
        {
            var report = Story.Judge([.. history[..^1], last]);
            Assert.Equal(Severity.Critical, report.The(code).Severity);
            Assert.Equal("db_20260319T020000Z", report.Databases[0].LastBackup);
            Assert.True(report.Has(FindingCode.BackupOld));
            Assert.Equal(["db_20260320T020000Z"], report.Databases[0].Missed);
        }
    }

    [Fact]
    public void Manifests_from_the_future_are_a_finding_and_drive_nothing()
    {
        var future = Story.Backup(Story.Now.AddDays(300));
        var report = Story.Judge([.. Story.Daily(10, lastDaysAgo: 2), future]);
        Assert.Contains("db_20270114T120000Z", report.The(FindingCode.BackupFuture).Sentence, StringComparison.Ordinal);
        Assert.Equal("db_20260318T020000Z", report.Databases[0].LastBackup);
        Assert.True(report.Has(FindingCode.BackupOld));
        // A right name with a wrong clock inside.
        var jumped = Story.Daily(10, lastDaysAgo: 1);
        jumped.Add(Story.Backup(Story.Now.AddHours(-10)).Change(m => m with { Snapshot = m.Snapshot with { Time = Story.Now.AddDays(2) } }));
        Assert.True(Story.Judge(jumped).Has(FindingCode.BackupFuture));
        Assert.Equal("db_20260319T020000Z", Story.Judge(jumped).Databases[0].LastBackup);
    }

    [Fact]
    public void An_empty_vault_is_critical_with_a_schedule_and_a_warning_without()
    {
        Assert.Equal(["critical backup.none"], Story.Judge([]).Troubles());
        Assert.Equal(["warning backup.none"], Story.Judge([], Story.Policy(d => d with { Schedule = null })).Troubles());
    }

    [Fact]
    public void A_database_on_demand_is_never_too_old()
    {
        var old = Story.Backup(Story.Now.AddDays(-200), kind: BackupKind.Manual, tier: Tier.Manual);
        Assert.Empty(Story.Judge([old], Story.Policy(d => d with { Schedule = null }, p => p with { Watch = p.Watch with { MaxAge = TimeSpan.FromHours(26) } })).Troubles());
    }

    [Fact]
    public void A_weekly_schedule_waits_a_week()
    {
        var policy = Story.Policy(d => d with { Schedule = "0 2 * * 0" });
        List<WatchedBackup> sundays = [.. new[] { 1, 8, 15 }.Select(day => Story.Backup(new DateTimeOffset(2026, 3, day, 2, 0, 0, TimeSpan.Zero)))];
        Assert.Empty(Story.Judge(sundays, policy).Troubles());
        Assert.Equal(["critical backup.missed", "critical backup.old"], Story.Judge(sundays, policy, now: Story.Now.AddDays(3)).Troubles());
    }

    [Fact]
    public void A_vault_that_cannot_be_read_puts_every_database_at_risk()
    {
        var why = new BackupException(ErrorCode.VaultDenied, "s3:ListBucket on s3://v is denied", "Grant it.");
        var report = WatchJudge.Blind(Story.Policy(), "s3://v", why, Story.Now);
        Assert.Equal(["critical vault.unreachable"], report.Troubles());
        Assert.Contains(FindingCode.BackupOld.Name, report.Unjudged);
    }
}
