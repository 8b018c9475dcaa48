using Backup.Core.Model;
using Backup.Core.Operations.Reporting;
using Backup.Core.Policies;
using static Backup.Core.Tests.Reporting.Chronicle;

namespace Backup.Core.Tests.Reporting;

public sealed class MonthJudgeTests
{
    [Fact]
    public void A_month_with_a_backup_each_night_is_a_hundred_percent_and_has_no_incident()
    {
        var report = Report(Nightly());
        var db = report.Db();
        Assert.Equal((100.0, 31, 31, 31), (report.SuccessPercent, db.Runs!.Due, db.Runs.Made, db.Backups));
        Assert.Equal((24.17, true, false), (db.LargestGap!.Hours, db.RpoMet, db.LargestGap.AtLeast));
        Assert.Empty(db.Incidents);
        Assert.False(report.SoFar);
        Assert.All(db.Days, d => Assert.Equal((1_000_000L, 1, 1), (d.StoredBytes, d.Made, d.Due)));
    }

    [Fact]
    public void Missed_nights_in_a_row_are_one_incident_and_widen_the_gap()
    {
        var nights = Nightly();
        nights.RemoveAll(b => b.Id.Time.Month == 3 && b.Id.Time.Day is 9 or 10);
        var db = Report(nights).Db();
        Assert.Equal((31, 29, 2, 93.54), (db.Runs!.Due, db.Runs.Made, db.Runs.Missing, db.Runs.Percent));
        Assert.Equal((At(3, 8), At(3, 11).AddMinutes(10), false), (db.LargestGap!.From, db.LargestGap.Until, db.RpoMet));
        Assert.Equal(["backup.old", "backup.missed"], db.Incidents.Select(i => i.Code));
        Assert.Equal("no backup for 2 scheduled times, from 2026-03-09 02:00Z to 2026-03-10 02:00Z", db.Incidents[1].Sentence);
        Assert.Equal([9, 10], db.Days.Where(d => d.Made < d.Due).Select(d => d.Day));
    }

    [Fact]
    public void A_gap_over_the_edge_of_the_month_counts_from_its_beginning()
    {
        var nights = Nightly();
        nights.RemoveAll(b => b.Id.Time.Month == 3 && b.Id.Time.Day < 4);
        var gap = Report(nights).Db().LargestGap!;
        Assert.Equal((At(2, 28), At(3, 4).AddMinutes(10)), (gap.From, gap.Until));
        // At the other edge it is cut: what comes after is the next month's.
        var ended = Report([.. Nightly().Where(b => b.Id.Time < At(3, 20))]).Db().LargestGap!;
        Assert.Equal((At(3, 19), March.Until), (ended.From, ended.Until));
    }

    [Fact]
    public void What_expired_and_is_known_from_the_trail_alone_changes_no_success_rate_and_no_gap()
    {
        var whole = Report(Nightly()).Db();
        var gone = Report([.. Nightly().Select((b, i) => i % 3 == 0 ? b : b.Forgotten())]).Db();
        Assert.Equal((whole.Runs, whole.LargestGap!.Hours, whole.Incidents.Count), (gone.Runs, gone.LargestGap!.Hours, gone.Incidents.Count));
        Assert.Equal(21, gone.Gone);
        Assert.Contains(Report([.. Nightly().Select(b => b.Forgotten())]).Notes, n => n.Contains("31 backups of this month have gone since", StringComparison.Ordinal));
        Assert.Equal(0, whole.Gone);
    }

    [Fact]
    public void A_backup_that_a_proof_refuted_counts_as_none_even_when_it_has_expired()
    {
        foreach (var change in (Func<KnownBackup, KnownBackup>[])[b => b.With(ProofKind.Verify, Verdict.Fail), b => b.With(ProofKind.Drill, Verdict.Fail).Forgotten(), b => b with { Damage = FindingCode.BackupIncomplete, Problem = "x" }])
        {
            var nights = Nightly().ConvertAll(b => b.Id.Time == At(3, 15) ? change(b) : b);
            var db = Report(nights).Db();
            Assert.Equal((30, 1, 0), (db.Runs!.Made, db.Runs.Refuted, db.Runs.Missing));
            Assert.Equal((At(3, 14), At(3, 16).AddMinutes(10)), (db.LargestGap!.From, db.LargestGap.Until));
        }

        // A later pass of the same kind ends the doubt.
        var mended = Nightly().ConvertAll(b => b.Id.Time == At(3, 15) ? b with { Results = [new(ProofKind.Verify, Verdict.Fail, b.FinishedAt), new(ProofKind.Verify, Verdict.Pass, b.FinishedAt.AddHours(2))] } : b);
        Assert.Equal(31, Report(mended).Db().Runs!.Made);
    }

    [Fact]
    public void A_backup_that_ends_after_the_next_time_is_late_and_by_hand_fills_no_time()
    {
        var late = Nightly().ConvertAll(b => b.Id.Time == At(3, 15) ? Whole(At(3, 15), minutes: 25 * 60) : b);
        Assert.Equal((30, 1), (Report(late).Db().Runs!.Made, Report(late).Db().Runs!.Late));
        var byHand = Nightly().ConvertAll(b => b.Id.Time == At(3, 15) ? Whole(At(3, 15, 3), Tier.Manual) : b);
        var db = Report(byHand).Db();
        Assert.Equal((30, 1, 31), (db.Runs!.Made, db.Runs.Missing, db.Backups));
        Assert.Equal(25.17, db.LargestGap!.Hours); // it does shorten the gap
    }

    [Fact]
    public void A_month_that_is_not_over_counts_what_has_passed_and_leaves_the_open_time_alone()
    {
        var report = Report([.. Nightly().Where(b => b.Id.Time < At(3, 15))], now: At(3, 15, 5));
        var db = report.Db();
        Assert.True(report.SoFar);
        Assert.Equal((14, 14, 1), (db.Runs!.Due, db.Runs.Made, db.Runs.Open));
        Assert.Equal((At(3, 14), At(3, 15, 5)), (db.LargestGap!.From, db.LargestGap.Until));
        Assert.Contains("not over", report.Notes[0], StringComparison.Ordinal);
        Assert.Equal(15, Report([.. Nightly().Where(b => b.Id.Time < At(3, 16))], now: At(3, 15, 5)).Db().Runs!.Due);
    }

    [Fact]
    public void A_database_is_not_blamed_for_the_time_before_its_first_backup()
    {
        var db = Report([.. Nightly().Where(b => b.Id.Time >= At(3, 20))]).Db();
        Assert.Equal((12, 12), (db.Runs!.Due, db.Runs.Made));
        Assert.StartsWith("Protected since 2026-03-20", db.Note, StringComparison.Ordinal);
        // A first run that starts some seconds late is the run of that minute.
        var seconds = Report([.. Nightly().Where(b => b.Id.Time >= At(3, 20)).Select(b => Whole(b.Id.Time.AddSeconds(7)))]).Db();
        Assert.Equal((12, 12), (seconds.Runs!.Due, seconds.Runs.Made));
    }

    [Fact]
    public void A_month_without_data_says_so_and_claims_nothing()
    {
        var before = Report(Nightly(), month: new ReportMonth(2026, 1)).Db();
        Assert.Equal((false, null, 0), (before.HasData, before.Runs!.Percent, before.Incidents.Count));
        Assert.StartsWith("The first sign of this database in the vault is of 2026-02-28", before.Note, StringComparison.Ordinal);
        var never = Report([]).Db();
        Assert.Equal((false, "The vault knows nothing of this database.", null), (never.HasData, never.Note, never.LargestGap));
        // Known before, silent in the month: every time is missing, and the gap is at least the month.
        var silent = Report([], d => d with { Began = At(1, 1) }).Db();
        Assert.Equal((31, 0, 0.0), (silent.Runs!.Due, silent.Runs.Made, silent.Runs.Percent));
        Assert.Equal((March.From, March.Until, true, false), (silent.LargestGap!.From, silent.LargestGap.Until, silent.LargestGap.AtLeast, silent.RpoMet));
        Assert.Equal(["backup.old", "backup.missed"], silent.Incidents.Select(i => i.Code));
    }

    [Fact]
    public void Recovery_time_is_the_slowest_drill_that_passed_beside_the_objective()
    {
        ProofFact[] proofs = [Proof(At(3, 8), Verdict.Pass, seconds: 600), Proof(At(3, 15), Verdict.Pass, seconds: 15_000), Proof(At(3, 22), Verdict.Fail, seconds: 99_999), Proof(At(3, 29), Verdict.CouldNotVerify, seconds: 3)];
        var db = Report(Nightly(), d => d with { Proofs = proofs }).Db();
        Assert.Equal((15_000.0, false, 4), (db.RestoreSeconds, db.RtoMet, db.Drills.Count));
        Assert.Equal(["drill.failed", "drill.inconclusive"], db.Incidents.Select(i => i.Code));
        Assert.EndsWith("failed: a table differs", db.Incidents[0].Sentence, StringComparison.Ordinal);
        var without = Report(Nightly(), policy: p => p with { Objectives = null }).Db();
        Assert.Equal((null, null, null), (without.RestoreSeconds, without.RtoMet, without.RpoMet));
    }

    [Fact]
    public void Growth_is_from_the_last_backup_before_the_month_to_its_last_one()
    {
        var growth = Report([.. Nightly().Select((b, i) => Whole(b.Id.Time, stored: 1_000_000 + (i * 10_000)))]).Db().Growth!;
        Assert.Equal(("db_20260228T020000Z", "db_20260331T020000Z", 1_310_000L, 31.0, 3100L), (growth.FromId, growth.ToId, growth.StoredBytes, growth.StoredPercent, growth.RowsChange));
    }

    [Fact]
    public void Increments_shorten_the_gap_of_critical_tables_and_not_that_of_the_database()
    {
        var hourly = Enumerable.Range(0, 31 * 24).Select(h => At(3, 1, 0).AddHours(h)).Where(t => t.Hour != 2)
            .Select(t => new KnownBackup { Id = BackupId.Create("db", t) with { IsIncrement = true }, Source = KnownBy.Manifest, Tier = Tier.Incremental, StoredAt = t.AddMinutes(1) });
        var db = Report([.. Nightly(), .. hourly], policy: p => p with { Databases = [p.Databases[0] with { CriticalTables = [new CriticalTable("public.t", null, null, TimeSpan.FromHours(1))] }] }).Db();
        Assert.Equal((31, 713, 24.17, 1.0), (db.Backups, db.Increments, db.LargestGap!.Hours, db.IncrementEveryHours));
        Assert.InRange(db.IncrementGapHours!.Value, 1.0, 22.1); // the first one of the month comes 22 hours after February's last backup
    }

    [Fact]
    public void Storage_is_priced_by_class_until_a_class_has_no_price()
    {
        var gib = 1L << 30;
        StoredBackup[] stored = [new(BackupId.Create("db", At(3, 1)), Tier.Daily, true, false, new Dictionary<string, long> { ["STANDARD"] = gib, ["GLACIER"] = 10 * gib }), new(BackupId.Create("db", At(3, 2)), Tier.Daily, false, true, new Dictionary<string, long> { ["STANDARD"] = gib })];
        var report = Report([], d => d with { Stored = stored });
        Assert.Equal([("GLACIER", 0.036m, 0L), ("STANDARD", 0.046m, gib)], report.Storage.Lines.Select(l => (l.Class, l.MonthlyUsd!.Value, l.ExpiredBytes)));
        Assert.Equal(0.082m, report.Storage.MonthlyUsd);
        Assert.Equal((1, 1, 11 * gib), (report.Db().Tiers[0].Backups, report.Db().Tiers[0].Locked, report.Db().Tiers[0].Bytes));
        Assert.Null(Report([], d => d with { Stored = [stored[0] with { Bytes = new Dictionary<string, long> { ["OUTPOSTS"] = gib } }] }).Storage.MonthlyUsd);
        Assert.Null(Report([], d => d with { Stored = stored }, all: f => f with { Vault = "/var/backups" }).Storage.MonthlyUsd);
    }

    [Fact]
    public void The_copy_is_asked_for_the_good_backups_that_the_vault_still_has()
    {
        var nights = Nightly();
        nights[5] = nights[5].Forgotten();
        var report = Report(nights, all: f => f with { Copy = new CopyStored("s3://copy", [.. f.Databases[0].Stored.Where(s => s.Id.Time.Day != 9)], null) });
        Assert.Equal(["db_20260309T020000Z"], report.Copy!.Missing);
        Assert.Equal("denied", Report(nights, all: f => f with { Copy = new CopyStored("s3://copy", [], "denied") }).Copy!.Problem);
    }

    [Theory]
    [InlineData("2026-03", true)]
    [InlineData("2026-04", true)] // has begun
    [InlineData("2026-05", false)]
    [InlineData("2026-3", false)]
    [InlineData("2026-13", false)]
    [InlineData("March", false)]
    [InlineData("", false)]
    [InlineData("0001-01", false)]
    public void A_month_is_year_and_month_and_has_begun(string text, bool isGood)
    {
        if (isGood) Assert.Equal(text, ReportMonth.Parse(text, Later).ToString());
        else Assert.Equal(ErrorCode.UsageWrong, Assert.Throws<BackupException>(() => ReportMonth.Parse(text, Later)).Code);
    }
}
