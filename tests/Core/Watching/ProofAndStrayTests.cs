using Backup.Core.Catalog;
using Backup.Core.Model;
using Backup.Core.Operations.Watching;
using Backup.Core.Policies;
using Backup.Core.Storage;

namespace Backup.Core.Tests.Watching;

public sealed class ProofAndStrayTests
{
    private static readonly Policy _weeklyDrill = Story.Policy(policy: p => p with { Drill = new DrillPolicy("0 4 * * 0") });

    [Theory]
    [InlineData(6, Verdict.Pass, null)]
    [InlineData(7.9, Verdict.Pass, null)]
    [InlineData(8.1, Verdict.Pass, "warning drill.overdue")]
    [InlineData(1, Verdict.Fail, "critical drill.failed")]
    [InlineData(1, Verdict.CouldNotVerify, "warning drill.inconclusive")]
    public void The_newest_drill_is_judged_by_verdict_and_age(double daysAgo, Verdict verdict, string? trouble)
    {
        var history = Story.Daily(20);
        history[3] = history[3].With(new ResultName(ProofKind.Drill, verdict, Story.Now.AddDays(-daysAgo)));
        Assert.Equal(trouble is null ? [] : [trouble], Story.Judge(history, _weeklyDrill).Troubles());
    }

    [Fact]
    public void A_failed_drill_is_over_when_a_later_one_passes()
    {
        var history = Story.Daily(10);
        history[^2] = history[^2].With(new ResultName(ProofKind.Drill, Verdict.Fail, Story.Now.AddDays(-1)));
        history[^1] = history[^1].With(new ResultName(ProofKind.Drill, Verdict.Pass, Story.Now.AddHours(-1)));
        Assert.Empty(Story.Judge(history, _weeklyDrill).Troubles());
    }

    [Fact]
    public void A_proof_of_increments_and_one_of_a_backup_do_not_speak_for_each_other()
    {
        static ResultName Drill(Verdict verdict, int hoursAgo) => new(ProofKind.Drill, verdict, Story.Now.AddHours(-hoursAgo));
        var increment = Story.Backup(Story.Now.AddHours(-5), kind: BackupKind.Incremental, tier: Tier.Incremental);
        var history = Story.Daily(20);
        history[3] = history[3].With(Drill(Verdict.Fail, 4));
        Assert.Equal(["critical drill.failed"], Story.Judge([.. history, increment.With(Drill(Verdict.Pass, 2))], _weeklyDrill).Troubles());
        history[3] = history[3].With(Drill(Verdict.Pass, 2));
        var report = Story.Judge([.. history, increment.With(Drill(Verdict.Fail, 4))], _weeklyDrill);
        Assert.Equal(["critical drill.failed"], report.Troubles());
        Assert.Contains("-inc at ", report.The(FindingCode.DrillFailed).Sentence, StringComparison.Ordinal);
        // Increments that are drilled every day say nothing about the backups.
        Assert.Equal(["warning drill.overdue"], Story.Judge([.. Story.Daily(20), increment.With(Drill(Verdict.Pass, 2))], _weeklyDrill).Troubles());
    }

    [Fact]
    public void A_drill_that_could_not_be_tried_does_not_take_back_a_failure()
    {
        var history = Story.Daily(20);
        history[3] = history[3].With(new ResultName(ProofKind.Drill, Verdict.Fail, Story.Now.AddDays(-2)), new ResultName(ProofKind.Drill, Verdict.CouldNotVerify, Story.Now.AddDays(-1)));
        Assert.Equal(["critical drill.failed", "warning drill.inconclusive"], Story.Judge(history, _weeklyDrill).Troubles().Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Without_any_drill_the_clock_runs_from_the_first_backup()
    {
        Assert.Empty(Story.Judge(Story.Daily(5), _weeklyDrill).Troubles());
        Assert.True(Story.Judge(Story.Daily(5), _weeklyDrill).Has(FindingCode.ProofNone));
        Assert.Equal(["warning drill.overdue"], Story.Judge(Story.Daily(12), _weeklyDrill).Troubles());
        // A drill dated in the future proves nothing.
        var history = Story.Daily(12);
        history[0] = history[0].With(new ResultName(ProofKind.Drill, Verdict.Pass, Story.Now.AddDays(9)));
        Assert.Equal(["warning drill.overdue"], Story.Judge(history, _weeklyDrill).Troubles());
    }

    [Fact]
    public void Locks_missing_completed_and_ending_are_told()
    {
        var locked = Story.Policy(policy: p => p with { Lock = LockMode.Governance });
        Assert.Equal(["warning lock.missing"], Story.Judge(Story.Daily(5), locked).Troubles());
        List<WatchedBackup> Until(TimeSpan left) => Story.Daily(5).ConvertAll(b => b.Change(m => m with { Lock = new LockPromise(LockMode.Governance, Story.Now + left) }));
        Assert.Empty(Story.Judge(Until(TimeSpan.FromDays(30)), locked).Troubles());
        Assert.Equal(["warning lock.expiring"], Story.Judge(Until(TimeSpan.FromDays(1)), locked).Troubles());
        var id = BackupId.Create("db", Story.Now.AddHours(-10));
        Assert.Equal(Severity.Info, Story.Judge(Until(TimeSpan.FromDays(30)), locked, f => f with { Relocked = [id] }).The(FindingCode.LockRepaired).Severity);
        Assert.Equal(["critical lock.missing"],
            Story.Judge(Until(TimeSpan.FromDays(30)), locked, f => f with { Unlocked = new Dictionary<BackupId, string> { [id] = "denied" } }).Troubles());
    }

    [Theory]
    [InlineData(1, null)]
    [InlineData(3, Severity.Info)]
    [InlineData(11, Severity.Warning)]
    public void Attempts_that_never_became_a_backup_are_told_when_nobody_can_be_writing_them(int days, Severity? severity)
    {
        var orphan = new Orphan("test/daily/db/2026/03/x/deadbeef/", "db", new AttemptFacts(3, 4096, Story.Now.AddDays(-days)));
        var report = Story.Judge(Story.Daily(10), facts: f => f with { Orphans = [orphan] });
        Assert.Equal(severity, report.Databases[0].Findings.SingleOrDefault(f => f.Code == FindingCode.ObjectOrphaned.Name)?.Severity);
    }

    [Fact]
    public void Backups_that_nobody_ordered_are_told()
    {
        var history = Story.Daily(10);
        history[^1] = history[^1] with { StoredAt = Story.Now.AddHours(-2) }; // says 02:05, was stored at 10:00
        history.Insert(9, Story.Backup(new DateTimeOffset(2026, 3, 19, 14, 0, 0, TimeSpan.Zero)));
        var sentence = Story.Judge(history).The(FindingCode.BackupUnexpected).Sentence;
        Assert.Contains("db_20260319T140000Z is at no time of the schedule 0 2 * * *", sentence, StringComparison.Ordinal);
        Assert.Contains("db_20260320T020000Z says that it ended at 2026-03-20 02:05Z, and was stored at 2026-03-20 10:00Z", sentence, StringComparison.Ordinal);
        // A folder's times are whatever the last copy made of them.
        Assert.DoesNotContain("was stored", Story.Judge(history, facts: f => f with { VaultHasClock = false }).The(FindingCode.BackupUnexpected).Sentence, StringComparison.Ordinal);
    }

    [Fact]
    public void Objects_and_databases_of_others_are_told_about_the_vault()
    {
        var other = Story.Backup(Story.Now.AddDays(-3));
        other = other with { Entry = other.Entry with { Id = BackupId.Create("gone", other.Id.Time) } };
        var report = Story.Judge([.. Story.Daily(10), other], facts: f => f with { Unknown = ["test/notes.txt"], UnknownCount = 1 });
        Assert.Equal(["warning object.unknown"], report.Troubles());
        Assert.True(report.Has(FindingCode.DatabaseUnknown));
    }

    [Theory]
    [InlineData(6, null)]
    [InlineData(8, "warning increment.late")]
    [InlineData(13, "critical increment.late")]
    public void Critical_tables_want_their_increments(int hoursAgo, string? trouble)
    {
        var policy = Story.Policy(d => d with { CriticalTables = [new CriticalTable("public.ledger", "id", "ts", TimeSpan.FromHours(6)), new CriticalTable("public.audit", "id", "ts", TimeSpan.FromDays(2))] });
        List<WatchedBackup> history = [.. Story.Daily(10), Story.Backup(Story.Now.AddHours(2.5 - hoursAgo), kind: BackupKind.Incremental, tier: Tier.Incremental)];
        var report = Story.Judge(history, policy, now: Story.Now.AddHours(2.5));
        Assert.Equal(trouble is null ? [] : [trouble], report.Troubles());
        if (trouble is not null) Assert.Contains("public.ledger were", report.The(FindingCode.IncrementLate).Sentence, StringComparison.Ordinal);
    }

    [Fact]
    public void A_copy_that_lacks_a_backup_for_long_is_told_and_one_that_cannot_be_read_too()
    {
        var history = Story.Daily(5);
        CopyFacts Holding(int count) => new() { Name = "s3://copy", Backups = history.Take(count).Select(b => b.Id.ToString()).ToHashSet() };
        Assert.Empty(Story.Judge(history, facts: f => f with { Copy = Holding(5) }).Troubles());
        Assert.Equal(0, Story.Judge(history, facts: f => f with { Copy = Holding(5) }).Databases[0].CopyLagHours);
        Assert.Equal(["warning copy.behind"], Story.Judge(history, facts: f => f with { Copy = Holding(4) }).Troubles());
        Assert.Equal(["critical copy.behind"], Story.Judge(history, facts: f => f with { Copy = Holding(2) }).Troubles());
        Assert.Equal(["critical copy.unreachable"], Story.Judge(history, facts: f => f with { Copy = new CopyFacts { Name = "s3://copy", Problem = "denied" } }).Troubles());
    }

    [Fact]
    public void Versions_tell_what_was_hidden_or_stored_over_and_what_lifecycle_did()
    {
        const string Kept = "test/daily/db/2026/03/db_20260319T020000Z/", Gone = "test/daily/db/2026/03/db_20260318T020000Z/";
        var reader = new VersionReader(new Dictionary<string, string> { [Kept] = "aaaaaaaa" });
        void Add(string key, bool marker = false, bool latest = true) => reader.Add(new ObjectVersion(key, marker, latest, Story.Now));
        // Retired: the tombstone was there before the markers.
        Add(Gone + "bbbbbbbb/base.dump.zst", marker: true);
        Add(Gone + "bbbbbbbb/base.dump.zst", latest: false);
        Add(Gone + "expired.json");
        Add(Gone + "manifest.json", marker: true);
        Add(Gone + "manifest.json", latest: false);
        // Kept: one object hidden, the manifest stored over, a dead attempt swept.
        Add(Kept + "aaaaaaaa/base.dump.zst", marker: true);
        Add(Kept + "aaaaaaaa/base.dump.zst", latest: false);
        Add(Kept + "cccccccc/base.dump.zst", marker: true);
        Add(Kept + "cccccccc/base.dump.zst", latest: false);
        Add(Kept + "manifest.json");
        Add(Kept + "manifest.json", latest: false);
        Assert.Equal([(Kept + "aaaaaaaa/base.dump.zst", true), (Kept + "manifest.json", false)], reader.Finish().Select(t => (t.Key, t.IsHidden)));
    }
}
