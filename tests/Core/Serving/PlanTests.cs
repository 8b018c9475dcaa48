using Backup.Core.Model;
using Backup.Core.Operations.Serving;
using Backup.Core.Operations.Watching;
using Backup.Core.Policies;
using Backup.Tests.Support;

namespace Backup.Core.Tests.Serving;

/// <summary>What is done when, and what is made up after a stop. Pure; the time is given.</summary>
public sealed class PlanTests
{
    private static readonly DateTimeOffset _two = new(2026, 3, 20, 2, 0, 0, TimeSpan.Zero);
    private static readonly Policy _policy = StatusScenes.Policy("db") with { Drill = null };

    [Fact]
    public void A_policy_becomes_backups_increments_drills_prunes_and_one_watch()
    {
        var policy = StatusScenes.Policy("a", "b") with
        {
            Databases =
            [
                new DatabasePolicy { Name = "a", Schedule = "0 2 * * *", CriticalTables = [new CriticalTable("public.t", null, null, TimeSpan.FromHours(1))] },
                new DatabasePolicy { Name = "b" },
            ],
        };
        Assert.Equal(["backup a", "increment a", "drill a", "prune a", "drill b", "prune b", "watch "], ServicePlan.Of(policy).Select(p => $"{Words.Of(p.Kind)} {p.Database}"));
        Assert.Equal(["watch"], ServicePlan.Of(policy with { Drill = null, Retention = null, Databases = [policy.Databases[1]] }).Select(p => Words.Of(p.Kind)));
    }

    [Fact]
    public void Tables_of_different_pace_each_keep_theirs()
    {
        var times = Timetable.Every([TimeSpan.FromHours(4), TimeSpan.FromHours(6), TimeSpan.FromHours(4)]);
        var seen = new List<int>();
        for (var t = _two.AddHours(-3); seen.Count < 8;) seen.Add((t = times.Next(t)).Hour);
        Assert.Equal([0, 4, 6, 8, 12, 16, 18, 20], seen);
        Assert.Equal(_two.AddHours(2), times.Latest(_two.AddHours(3)));
        Assert.Equal(_two.AddHours(2), times.Latest(_two.AddHours(2)));
        Assert.Equal(_two, Timetable.Of("0 2 * * *").Latest(_two));
    }

    [Theory]
    [InlineData(0, 2, true)]     // at the very time, should Quartz not have come to it
    [InlineData(0, 5, true)]     // a restart at 02:05
    [InlineData(20, 0, true)]    // back in the evening
    [InlineData(23, 0, false)]   // the next one is an hour away
    public void A_time_that_passed_is_made_up_with_that_time_while_its_window_is_open(int hours, int minutes, bool isDue)
    {
        var due = MakeUp.Due(_policy, Facts(StatusScenes.Daily("db", 5, lastDaysAgo: 1)), _two.AddHours(hours).AddMinutes(minutes));
        Assert.Equal(isDue ? [new Work(WorkKind.Backup, "db", _two)] : [], due);
    }

    [Fact]
    public void What_was_made_is_not_made_again_and_a_manual_backup_is_no_scheduled_one()
    {
        var made = StatusScenes.Daily("db", 5).ToList();
        Assert.Empty(MakeUp.Due(_policy, Facts(made), _two.AddMinutes(5)));
        made[^1] = made[^1] with { Entry = made[^1].Entry with { Tier = Tier.Manual } };
        Assert.Single(MakeUp.Due(_policy, Facts(made), _two.AddMinutes(5)));
        Assert.Single(MakeUp.Due(_policy, Facts(StatusScenes.Daily("db", 5, lastDaysAgo: -400)), _two.AddMinutes(5))); // by a clock that was wrong
        Assert.Empty(MakeUp.Due(_policy with { Databases = [_policy.Databases[0] with { Schedule = null }] }, Facts([]), _two.AddMinutes(5)));
    }

    [Fact]
    public void After_a_week_away_only_the_newest_time_is_made_up_and_a_first_backup_at_once()
    {
        Assert.Equal([new Work(WorkKind.Backup, "db", _two)], MakeUp.Due(_policy, Facts(StatusScenes.Daily("db", 5, lastDaysAgo: 7)), _two.AddHours(1)));
        Assert.Equal([new Work(WorkKind.Backup, "db", _two)], MakeUp.Due(_policy, Facts([]), _two.AddHours(1)));
    }

    [Fact]
    public void A_drill_is_made_up_when_there_is_something_to_drill_and_none_since_its_time()
    {
        var policy = _policy with { Drill = new DrillPolicy("0 4 * * 0") };
        var sunday = new DateTimeOffset(2026, 3, 15, 4, 0, 0, TimeSpan.Zero);
        var drilled = StatusScenes.Daily("db", 12).ToList();
        Assert.Empty(MakeUp.Due(policy, Facts(drilled), StatusScenes.Now));
        var never = drilled.Select(b => b with { Entry = b.Entry with { Results = [] } }).ToList();
        Assert.Equal([new Work(WorkKind.Drill, "db", sunday)], MakeUp.Due(policy, Facts(never), StatusScenes.Now));
        // A drill that failed is a drill: doing it again changes nothing.
        Assert.Empty(MakeUp.Due(policy, Facts(StatusScenes.Daily("db", 12, drill: Verdict.Fail)), StatusScenes.Now));
        Assert.DoesNotContain(MakeUp.Due(policy, Facts([]), StatusScenes.Now), w => w.Kind == WorkKind.Drill);
    }

    private static WatchFacts Facts(IEnumerable<WatchedBackup> backups) => new() { Vault = "v", Backups = [.. backups] };
}
