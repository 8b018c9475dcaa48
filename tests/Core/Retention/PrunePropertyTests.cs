using Backup.Core.Model;
using Backup.Core.Policies;
using Backup.Core.Retention;
using FsCheck;
using FsCheck.Fluent;
using static Backup.Core.Tests.Retention.Past;

namespace Backup.Core.Tests.Retention;

/// <summary>What holds for every history, tried on thousands of random ones; a counterexample is shrunk to the backups that matter.</summary>
public sealed class PrunePropertyTests
{
    private static readonly Config _config = Config.QuickThrowOnFailure.WithMaxTest(1000).WithQuietOnSuccess(true);

    private static readonly Gen<PruneRules> _rules =
        from schedule in Gen.Elements<string?>("0 2 * * *", "0 */6 * * *", "0 3 * * SUN", null)
        from drill in Gen.Elements<string?>("0 4 * * SUN", "0 4 1 * *", null)
        from floor in Gen.Choose(1, 6)
        from unnamed in Gen.Elements(Enum.GetValues<Tier>())
        select new PruneRules(
            Ages with { MinimumKept = floor, Keep = Ages.Keep.Where(k => k.Key != unnamed).ToDictionary(k => k.Key, k => k.Value) },
            schedule is null ? null : Schedule.Parse(schedule), drill is null ? null : Schedule.Parse(drill));

    private static readonly Gen<ResultName> _result =
        from kind in Gen.Elements(Enum.GetValues<ProofKind>())
        from verdict in Gen.Elements(Verdict.Pass, Verdict.Pass, Verdict.Pass, Verdict.Fail, Verdict.CouldNotVerify)
        from hours in Gen.Choose(0, 900)
        select new ResultName(kind, verdict, Now.AddHours(-hours));

    /// <summary>Distance to the next newer backup; mostly regular, so that pruning is often allowed to work.</summary>
    private static Gen<(double Gap, PruneCandidate Backup)> Backup(bool wrongClocks) =>
        from gap in Gen.Frequency((12, Gen.Constant(24.0)), (3, Gen.Constant(6.0)), (2, Gen.Choose(1, 2000).Select(h => (double)h)))
        from tier in Gen.Frequency((6, Gen.Constant(Tier.Daily)), (3, Gen.Elements(Enum.GetValues<Tier>())))
        from results in Gen.Frequency((5, Gen.Constant(Array.Empty<ResultName>())), (2, _result.ArrayOf(2)))
        from isDamaged in Gen.Frequency((20, Gen.Constant(false)), (1, Gen.Constant(true)))
        from locked in Gen.Frequency((8, Gen.Constant((int?)null)), (1, Gen.Choose(-50, 50).Select(d => (int?)d)))
        from skew in wrongClocks ? Gen.Frequency((15, Gen.Constant(0)), (1, Gen.Choose(-9000, 9000))) : Gen.Constant(0)
        from late in Gen.Choose(0, 50)
        select (gap, new PruneCandidate
        {
            Id = new BackupId("bloom", Now.AddHours(skew)), // moved to its place below
            Tier = tier,
            SnapshotTime = isDamaged ? null : Now.AddMinutes(late),
            Problem = isDamaged ? "damaged" : null,
            LockedUntil = locked is null ? null : Now.AddDays(locked.Value),
            Results = results,
        });

    private static Arbitrary<(PruneRules Rules, PruneCandidate[] Backups)> Histories(bool wrongClocks) => Arb.From(
        from rules in _rules
        from first in Gen.Frequency((4, Gen.Constant(1.0)), (1, Gen.Choose(0, 300).Select(h => (double)h)))
        from count in Gen.Choose(0, 70)
        from parts in Backup(wrongClocks).ListOf(count)
        select (rules, Placed(first, parts)),
        history => Enumerable.Range(0, history.Item2.Length).Select(i => (history.Item1, history.Item2.Where((_, at) => at != i).ToArray())));

    [Fact]
    public void Kept_and_expired_are_all_each_once_with_a_reason() => Holds(wrongClocks: true, (rules, backups) =>
    {
        var plan = PrunePlan.Make(backups, rules, Now);
        Assert.Equal(backups.OrderBy(b => b.Id.Time).ThenBy(b => b.Tier), plan.Decisions.Select(d => d.Backup).OrderBy(b => b.Id.Time).ThenBy(b => b.Tier));
        Assert.All(plan.Decisions, d => Assert.NotEmpty(d.Reason));
        if (plan.Stopped is not null) Assert.Empty(plan.Expired);
    });

    [Fact]
    public void The_floor_the_proven_the_locked_the_unreadable_and_the_future_are_never_touched() => Holds(wrongClocks: true, (rules, backups) =>
    {
        var expired = PrunePlan.Make(backups, rules, Now).Expired.Select(d => d.Backup).ToHashSet();
        var good = backups.Where(b => IsGood(b, Now)).OrderByDescending(b => b.Id.Time).ToList();
        Assert.DoesNotContain(good.Take(rules.Retention.MinimumKept), expired.Contains);
        foreach (var kind in Enum.GetValues<ProofKind>())
            Assert.DoesNotContain(good.Where(b => b.Results.Conclusion(kind)?.Verdict == Verdict.Pass).Take(1), expired.Contains);
        Assert.All(expired, b =>
        {
            Assert.Null(b.Problem);
            Assert.False(b.LockedUntil > Now);
            if (rules.Retention.Keep.TryGetValue(b.Tier, out var span)) Assert.True(span.AddTo(b.Id.Time) <= Now);
            else Assert.Equal(Tier.Incremental, b.Tier); // goes with its backup
            Assert.True(b.Id.Time <= Now.AddHours(1) && b.SnapshotTime <= Now.AddHours(1));
        });
    });

    [Fact]
    public void Pruning_again_finds_nothing_more() => Holds(wrongClocks: true, (rules, backups) =>
    {
        var kept = PrunePlan.Make(backups, rules, Now).Decisions.Where(d => d.Keep).Select(d => d.Backup).ToList();
        Assert.Empty(PrunePlan.Make(kept, rules, Now).Expired);
    });

    [Fact]
    public void A_clock_that_is_wrong_by_up_to_a_year_expires_nothing_that_the_right_one_would_keep() => Holds(wrongClocks: false, (rules, backups) =>
    {
        // Whether pruning is stopped is the one thing that the clock alone decides; what is old enough and unprotected is not.
        var right = PrunePlan.Make(backups, rules with { Schedule = null, Drill = null }, Now).Expired.Select(d => d.Backup).ToHashSet();
        foreach (var days in (int[])[-366, -40, -3, 3, 40, 366])
        {
            var plan = PrunePlan.Make(backups, rules, Now.AddDays(days));
            Assert.DoesNotContain(plan.Expired.Select(d => d.Backup), b => !right.Contains(b));
        }
    });

    [Fact]
    public void Nothing_expires_once_a_scheduled_backup_is_missing() => Holds(wrongClocks: true, (rules, backups) =>
    {
        if (rules.Schedule is null) return;
        var newest = backups.Where(b => IsGood(b, Now) && RetentionPolicy.IsScheduled(b.Tier)).Select(b => b.Id.Time).DefaultIfEmpty(Now.AddYears(-9)).Max();
        var missed = newest + rules.Schedule.LargestGap + TimeSpan.FromHours(7);
        foreach (var later in (int[])[0, 1, 3, 7])
            if (missed.AddDays(later) is var at && at >= Now && !backups.Any(b => b.Id.Time > Now)) Assert.Empty(PrunePlan.Make(backups, rules, at).Expired);
    });

    [Fact]
    public void An_increment_never_loses_its_base_before_itself() => Holds(wrongClocks: true, (rules, backups) =>
    {
        var plan = PrunePlan.Make(backups, rules, Now);
        var expired = plan.Expired.Select(d => d.Backup).ToHashSet();
        foreach (var increment in plan.Decisions.Where(d => d is { Keep: true, Backup: { Tier: Tier.Incremental, Problem: null } }))
        {
            var needed = backups.Where(b => b.Tier != Tier.Incremental && b.Problem is null && b.Id.Time <= increment.Backup.Id.Time).MaxBy(b => b.Id.Time);
            Assert.True(needed is null || !expired.Contains(needed));
        }
    });

    [Fact]
    public void The_histories_are_not_all_trivial()
    {
        var expiring = Gen.Sample(Histories(wrongClocks: false).Generator, 400).Count(h => PrunePlan.Make(h.Backups, h.Rules, Now).Expired.Any());
        Assert.True(expiring > 40, $"only {expiring} of 400 histories expire anything");
    }

    private static void Holds(bool wrongClocks, Action<PruneRules, PruneCandidate[]> property) =>
        Check.One(_config, Prop.ForAll(Histories(wrongClocks), history => property(history.Rules, history.Backups)));

    private static bool IsGood(PruneCandidate b, DateTimeOffset now) => b.Problem is null && b.Tier != Tier.Incremental && !b.Results.HasFailed()
        && b.Id.Time <= now.AddHours(1) && b.SnapshotTime <= now.AddHours(1);

    /// <summary>Puts every backup before the one in front of it; its own clock error and the server's distance stay. No two share a time.</summary>
    private static PruneCandidate[] Placed(double first, IEnumerable<(double Gap, PruneCandidate Backup)> parts)
    {
        var back = TimeSpan.FromHours(first);
        var placed = new List<PruneCandidate>();
        foreach (var (gap, backup) in parts)
        {
            var id = BackupId.Create("bloom", backup.Id.Time - back - TimeSpan.FromSeconds(placed.Count));
            placed.Add(backup with { Id = id, SnapshotTime = backup.SnapshotTime - back });
            back += TimeSpan.FromHours(gap);
        }

        return [.. placed.DistinctBy(b => b.Id)];
    }
}
