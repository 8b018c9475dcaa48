using Backup.Core.Model;
using Backup.Core.Operations.Reporting;
using static Backup.Core.Tests.Reporting.Chronicle;

namespace Backup.Core.Tests.Reporting;

/// <summary>What holds for every history, tried with many that nobody thought of. Seeds are fixed.</summary>
public sealed class MonthPropertyTests
{
    public static TheoryData<int> Seeds => [.. Enumerable.Range(0, 60)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Every_scheduled_time_is_counted_once_and_the_gap_is_what_a_clock_would_measure(int seed)
    {
        var random = new Random(seed);
        var history = History(random);
        var now = random.Next(3) == 0 ? At(3, 1, 0).AddHours(random.Next(31 * 24)) : Later;
        history.RemoveAll(b => b.FinishedAt > now);
        var db = Report(history, now: now).Db();
        var runs = db.Runs!;
        Assert.Equal(runs.Due, runs.Made + runs.Late + runs.Refuted + runs.Missing);
        Assert.InRange(runs.Open, 0, 1);
        Assert.Equal(runs.Made, db.Days.Sum(d => d.Made));
        Assert.Equal(runs.Due, db.Days.Sum(d => d.Due));
        Assert.Equal(runs.Percent == 100, runs.Due > 0 && runs.Made == runs.Due);
        Assert.True(db.Incidents.Where(i => i.Code == FindingCode.BackupMissed.Name).Count() <= runs.Missing + runs.Late);
        Assert.Equal(Measured(history, now), db.LargestGap is { } gap ? gap.Until - gap.From : null);
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Forgetting_what_expired_changes_neither_success_nor_order_of_a_nightly_history(int seed)
    {
        var random = new Random(seed);
        var history = History(random).FindAll(b => b.Tier == Tier.Daily && b.Id.Time.Hour == 2);
        var forgotten = history.ConvertAll(b => random.Next(2) == 0 && b.Damage is null ? b.Forgotten() : b);
        Assert.Equal(Report(history).Db().Runs, Report(forgotten).Db().Runs);
        Assert.Equal(Report(history).Db().Incidents, Report(forgotten).Db().Incidents);
        // Order of reading does not matter.
        Assert.Equal(ReportJson.Write(Report(history)), ReportJson.Write(Report([.. history.OrderBy(_ => random.Next()).OrderBy(b => b.Id.Time)])));
    }

    /// <summary>By brute force: each minute, how old is the newest snapshot that a restore could use?</summary>
    private static TimeSpan? Measured(List<KnownBackup> history, DateTimeOffset now)
    {
        var (end, worst) = (now < March.Until ? now : March.Until, default(TimeSpan?));
        if (history.Count == 0) return null;
        var began = history.Min(b => b.Id.Time);
        var good = history.FindAll(b => b.IsGood);
        for (var time = March.From.AddMinutes(1); time <= end; time = time.AddMinutes(1))
        {
            // Just before this minute.
            var there = good.Where(b => b.FinishedAt < time).Select(b => (DateTimeOffset?)b.SnapshotTime).Max();
            var back = there ?? (began < March.From ? March.From : null);
            if (back is { } from && time > from && (worst is null || time - from > worst)) worst = time - from;
        }

        return worst;
    }

    private static List<KnownBackup> History(Random random)
    {
        var history = new List<KnownBackup>();
        for (var day = At(2, 24); day < At(4, 3); day = day.AddDays(1))
        {
            if (random.Next(6) == 0) continue;
            var backup = Whole(day, minutes: random.Next(20) == 0 ? random.Next(1500, 2000) : random.Next(1, 90));
            history.Add(random.Next(8) switch
            {
                0 => backup.With(ProofKind.Drill, random.Next(2) == 0 ? Verdict.Fail : Verdict.Pass),
                1 => backup with { Damage = FindingCode.BackupUnreadable, Problem = "x" },
                _ => backup,
            });
            if (random.Next(5) == 0) history.Add(Whole(day.AddHours(random.Next(1, 20)), Tier.Manual));
        }

        if (random.Next(4) == 0) history.RemoveAll(b => b.Id.Time < At(3, random.Next(1, 28)));
        return history;
    }
}
