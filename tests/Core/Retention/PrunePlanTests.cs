using Backup.Core.Model;
using Backup.Core.Policies;
using Backup.Core.Retention;
using static Backup.Core.Tests.Retention.Past;

namespace Backup.Core.Tests.Retention;

public sealed class PrunePlanTests
{
    [Fact]
    public void What_is_older_than_its_tier_expires_and_every_decision_has_a_reason()
    {
        List<PruneCandidate> backups = [.. Days(0, 40), Day(50, Tier.Weekly), Day(60, Tier.Weekly), Day(200, Tier.Monthly), Day(400, Tier.Monthly), Day(2000, Tier.Annual), Day(2600, Tier.Annual)];
        var plan = PrunePlan.Make(backups, Nightly, Now);
        Assert.Equal([30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 60, 400, 2600], ExpiredDays(plan));
        Assert.Equal(backups.Count, plan.Decisions.Count);
        Assert.Equal("older than 30d", Reason(plan, backups[31]));
        Assert.Equal("younger than 30d", Reason(plan, backups[29]));
        Assert.Null(plan.Stopped);
    }

    [Fact]
    public void Seven_nights_without_a_backup_expire_nothing()
    {
        var backups = Days(0, 60);
        for (var failed = 1; failed <= 7; failed++)
        {
            var plan = PrunePlan.Make([.. backups.Skip(failed)], Nightly, Now.AddHours(6));
            Assert.Empty(plan.Expired);
            Assert.StartsWith("nothing expires: newer backups are missing, the newest good scheduled one is of ", plan.Stopped, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Backups_whose_verify_or_drill_failed_do_not_keep_the_pruning_going()
    {
        foreach (var failure in (ResultName[])[Verify(Verdict.Fail, 0), Drill(Verdict.Fail, 0)])
        {
            List<PruneCandidate> backups = [Day(0, Tier.Daily, failure), Day(1, Tier.Daily, failure), .. Days(2, 60)];
            Assert.Empty(PrunePlan.Make(backups, Nightly, Now.AddHours(6)).Expired);
        }
    }

    [Fact]
    public void A_failure_that_a_newer_pass_of_its_kind_took_back_is_none_and_one_that_could_not_be_judged_changes_nothing()
    {
        Assert.False(new[] { Verify(Verdict.Fail, 2), Verify(Verdict.Pass, 1), Drill(Verdict.CouldNotVerify, 0) }.HasFailed());
        Assert.True(new[] { Drill(Verdict.Fail, 2), Verify(Verdict.Pass, 1), Drill(Verdict.CouldNotVerify, 0) }.HasFailed());
    }

    [Fact]
    public void After_a_gap_nothing_expires_before_three_backups_stand_in_a_row()
    {
        foreach (var (inRow, expires) in ((int, bool)[])[(1, false), (2, false), (3, true)])
        {
            List<PruneCandidate> backups = [.. Days(0, inRow - 1), .. Days(inRow + 5, 60)];
            Assert.Equal(expires, PrunePlan.Make(backups, Nightly, Now).Expired.Any());
        }
    }

    [Fact]
    public void Nothing_expires_when_no_proof_has_passed_for_two_drill_intervals()
    {
        var backups = Days(1, 60);
        Assert.Contains("no verify or drill has passed yet", PrunePlan.Make([Day(0), .. backups], Drilled, Now).Stopped, StringComparison.Ordinal);
        Assert.Contains("more than two drill intervals ago", PrunePlan.Make([Day(0, Tier.Daily, Drill(Verdict.Pass, 15)), .. backups], Drilled, Now).Stopped, StringComparison.Ordinal);
        Assert.Contains("more than two drill intervals ago",
            PrunePlan.Make([Day(0, Tier.Daily, Verify(Verdict.Pass, 15), Drill(Verdict.CouldNotVerify, 1)), .. backups], Drilled, Now).Stopped, StringComparison.Ordinal);
        Assert.NotEmpty(PrunePlan.Make([Day(0, Tier.Daily, Drill(Verdict.Pass, 13)), .. backups], Drilled, Now).Expired);
        Assert.NotEmpty(PrunePlan.Make([Day(0, Tier.Daily, Verify(Verdict.Pass, 13)), .. backups], Drilled, Now).Expired);
        Assert.NotEmpty(PrunePlan.Make([Day(0), .. backups], Nightly, Now).Expired); // a policy without drills promises no proof
    }

    [Fact]
    public void The_newest_proven_backups_stay_whatever_their_age()
    {
        var verified = Day(45, Tier.Daily, Verify(Verdict.Pass, 44));
        var drilled = Day(50, Tier.Daily, Drill(Verdict.Pass, 49));
        var earlier = Day(55, Tier.Daily, Verify(Verdict.Pass, 54), Drill(Verdict.Pass, 54));
        var spoiled = Day(40, Tier.Daily, Verify(Verdict.Pass, 40), Verify(Verdict.Fail, 39));
        var plan = PrunePlan.Make([.. Days(0, 10), spoiled, verified, drilled, earlier], Nightly, Now);
        Assert.Equal([40, 55], ExpiredDays(plan));
        Assert.Equal("the newest that a verify has passed", Reason(plan, verified));
        Assert.Equal("the newest that a drill has restored", Reason(plan, drilled));
    }

    [Fact]
    public void The_floor_counts_good_backups_only()
    {
        var rules = OnDemand with { Retention = Ages with { Keep = new Dictionary<Tier, CalendarSpan> { [Tier.Manual] = new(1, CalendarUnit.Days) } } };
        List<PruneCandidate> backups =
        [
            Day(0, Tier.Manual), Day(40, Tier.Manual, Verify(Verdict.Fail, 39)), Day(50, Tier.Manual) with { Problem = "damaged", SnapshotTime = null },
            Day(60, Tier.Manual), Day(70, Tier.Manual), Day(80, Tier.Manual), Day(90, Tier.Manual),
        ];
        Assert.Equal([40, 80, 90], ExpiredDays(PrunePlan.Make(backups, rules, Now)));
    }

    [Fact]
    public void What_cannot_be_read_is_kept_and_named()
    {
        var damaged = Day(300) with { Problem = "manifest.json is damaged", SnapshotTime = null };
        Assert.Equal("cannot be read: manifest.json is damaged", Reason(PrunePlan.Make([.. Days(0, 40), damaged], Nightly, Now), damaged));
    }

    [Fact]
    public void What_is_locked_stays()
    {
        var locked = Day(35) with { LockedUntil = Now.AddDays(2) };
        var free = Day(36) with { LockedUntil = Now.AddDays(-2) };
        var plan = PrunePlan.Make([.. Days(0, 10), locked, free], Nightly, Now);
        Assert.Equal([36], ExpiredDays(plan));
        Assert.StartsWith("locked until 2026-06-03", Reason(plan, locked), StringComparison.Ordinal);
    }

    [Fact]
    public void A_tier_that_the_policy_does_not_name_never_expires()
    {
        var manual = Day(3000, Tier.Manual);
        Assert.Equal("the policy names no age for manual", Reason(PrunePlan.Make([.. Days(0, 10), manual], Nightly, Now), manual));
    }

    [Fact]
    public void Backups_dated_in_the_future_are_kept_named_and_drive_nothing()
    {
        List<PruneCandidate> future = [.. Enumerable.Range(1, 5).Select(i => Made(Now.AddYears(1).AddDays(i), Tier.Daily, Verify(Verdict.Pass, -400)))];
        Assert.Empty(PrunePlan.Make([.. future, .. Days(8, 60)], Nightly, Now).Expired); // they do not hide that backups are missing
        var plan = PrunePlan.Make([.. future, .. Days(0, 40)], Nightly with { Retention = Ages with { MinimumKept = 5 } }, Now);
        Assert.Equal(Enumerable.Range(30, 11), ExpiredDays(plan));
        Assert.All(future, f => Assert.StartsWith("dated in the future, 2027-06-0", Reason(plan, f), StringComparison.Ordinal));
    }

    [Fact]
    public void A_clock_that_was_set_forward_by_a_year_expires_nothing_even_after_new_backups()
    {
        var wrong = Now.AddYears(1);
        Assert.Empty(PrunePlan.Make(Days(0, 60), Nightly, wrong).Expired);
        // Made under the wrong clock; the source's own clock was right.
        List<PruneCandidate> made = [.. Enumerable.Range(0, 4).Select(i => Made(wrong.AddHours(-1).AddDays(-i)) with { SnapshotTime = Now.AddHours(-1).AddDays(-i) })];
        Assert.Empty(PrunePlan.Make([.. made, .. Days(4, 60)], Nightly, wrong).Expired);
        Assert.Empty(PrunePlan.Make([.. made, .. Days(4, 29)], OnDemand, wrong).Expired);
        // One that was made while both were wrong does not set it going either.
        Assert.Empty(PrunePlan.Make([Made(wrong.AddHours(-1)), .. Days(0, 60)], Nightly, wrong).Expired);
    }

    [Fact]
    public void On_demand_backups_grow_old_only_while_newer_ones_are_made()
    {
        var plan = PrunePlan.Make([.. Days(100, 140)], OnDemand, Now);
        Assert.Equal(Enumerable.Range(130, 11), ExpiredDays(plan));
        Assert.Equal("younger than 30d, counted up to the newest good backup", plan.Decisions[5].Reason);
    }

    [Fact]
    public void The_base_of_a_kept_increment_stays()
    {
        var needed = Day(40);
        var increment = Made(needed.Id.Time.AddHours(6), Tier.Incremental);
        var named = Made(needed.Id.Time.AddHours(12), Tier.Incremental) with { BaseId = Day(45).Id.ToString() };
        var plan = PrunePlan.Make([.. Days(0, 50), increment, named, Made(Now.AddDays(-70), Tier.Incremental)], Nightly, Now);
        Assert.Equal($"the base of {increment.Id}, which is kept", Reason(plan, needed));
        Assert.Equal($"the base of {named.Id}, which is kept", Reason(plan, Day(45)));
        Assert.Equal([.. Enumerable.Range(30, 21).Except([40, 45]), 70], ExpiredDays(plan));
    }

    [Fact]
    public void A_chain_of_increments_stays_or_goes_as_one()
    {
        var basis = Day(57);
        List<PruneCandidate> chain = [.. Enumerable.Range(1, 4).Select(i => Made(basis.Id.Time.AddHours(7 * i), Tier.Incremental) with { BaseId = basis.Id.ToString() })];
        List<PruneCandidate> rest = [.. Days(0, 20), basis];
        // Eight weeks end in the middle of the chain: without the first of them the last could not be applied.
        var plan = PrunePlan.Make([.. rest, .. chain], Nightly, Now);
        Assert.Empty(plan.Expired);
        Assert.Equal($"in one chain with {chain[^1].Id}, which is kept", Reason(plan, chain[0]));
        Assert.Equal(chain.Append(basis).ToHashSet(), PrunePlan.Make([.. rest.Select(Later), .. chain], Nightly, Now.AddDays(1)).Expired.Select(d => d.Backup).ToHashSet());

        PruneCandidate Later(PruneCandidate b) => b == basis ? b : b with { Id = BackupId.Create("bloom", b.Id.Time.AddDays(1)), SnapshotTime = b.SnapshotTime!.Value.AddDays(1) };
    }

    [Fact]
    public void Increments_without_an_age_of_their_own_go_with_their_backup()
    {
        var rules = Nightly with { Retention = Ages with { Keep = Ages.Keep.Where(k => k.Key != Tier.Incremental).ToDictionary() } };
        var (old, young) = (Day(40), Day(10));
        var gone = Made(old.Id.Time.AddHours(6), Tier.Incremental) with { BaseId = old.Id.ToString() };
        var kept = Made(young.Id.Time.AddHours(6), Tier.Incremental) with { BaseId = young.Id.ToString() };
        var lost = Made(Now.AddDays(-90), Tier.Incremental) with { BaseId = "db_20200101T000000Z" };
        var plan = PrunePlan.Make([.. Days(0, 50), gone, kept, lost], rules, Now);
        Assert.Equal(Enumerable.Range(30, 21).Order(), ExpiredDays(plan).Distinct().Order());
        Assert.Equal("goes with the backup that it completes", Reason(plan, gone));
        Assert.Equal($"{young.Id}, which it completes, is kept", Reason(plan, kept));
        Assert.Contains("cannot be found", Reason(plan, lost), StringComparison.Ordinal);
    }

    [Fact]
    public void Increments_alone_are_no_backups()
    {
        var rules = OnDemand with { Retention = Ages with { MinimumKept = 3 } };
        Assert.Empty(PrunePlan.Make([.. Enumerable.Range(0, 9).Select(i => Made(Now.AddDays(-100 - i), Tier.Incremental))], rules, Now).Expired);
    }

    [Fact]
    public void The_standard_that_errors_suggest_is_a_policy()
    {
        var policy = Policies.PolicyText.Valid(Policies.PolicyText.Least + RetentionPolicy.Standard);
        Assert.Equal("30d 8w 12mo 7y 3y", string.Join(' ', ((Tier[])[Tier.Daily, Tier.Weekly, Tier.Monthly, Tier.Annual, Tier.PreDeploy]).Select(t => policy.Retention!.Keep[t])));
    }
}
