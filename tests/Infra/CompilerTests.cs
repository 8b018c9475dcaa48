using Backup.Core.Model;
using Backup.Core.Policies;
using Backup.Infra.Compile;
using Backup.Infra.Components;

namespace Backup.Infra.Tests;

/// <summary>The pure functions between a policy and AWS's own words.</summary>
public sealed class CompilerTests
{
    private static readonly DateTimeOffset _start = new(2026, 1, 30, 23, 58, 0, TimeSpan.Zero);

    [Theory]
    [InlineData("0 2 * * *")]
    [InlineData("30 2 * * SUN")]
    [InlineData("15,45 */6 * * 1-5")]
    [InlineData("0 5 1 * *")]
    [InlineData("0 5 31 */2 *")]
    [InlineData("0 4 1,15 * MON")]
    [InlineData("10 3 */2 * *")]
    [InlineData("0 0 29 2 *")]
    [InlineData("0 9 * 1-3 FRI-SUN")]
    [InlineData("0 2 * * 0-6")]
    [InlineData("0 2 1-31 * 3")]
    public void Scheduler_fires_exactly_when_the_policy_says(string cron)
    {
        var schedule = Schedule.Parse(cron);
        var expressions = CronCompiler.Compile(schedule)!;
        var at = _start;
        var fires = EventBridgeCron.Next(expressions.Select(e => e.Text), _start, 5);
        foreach (var fire in fires)
        {
            at = schedule.Next(at);
            Assert.Equal(at, fire);
        }
    }

    [Fact]
    public async Task Every_stack_fires_when_its_policy_says()
    {
        foreach (var stack in Stacks.Main)
        {
            var (policy, graph) = (Stacks.Settings(stack).Policy, await Stacks.GraphAsync(stack));
            foreach (var database in policy.Databases)
            {
                Fires($"schedules-dump-{Names.Database(database.Name)}", database.Schedule);
                Fires($"schedules-drill-{Names.Database(database.Name)}", policy.Drill?.Schedule);
            }

            Fires("schedules-watch", "10 * * * *");

            void Fires(string name, string? cron)
            {
                var expressions = graph.Of("Schedule").Where(s => s.Name == name || s.Name == $"{name}-by-day" || s.Name == $"{name}-by-weekday").Select(s => s.Text("scheduleExpression")).ToList();
                Assert.Equal(cron is null, expressions.Count == 0);
                if (cron is null) return;
                var at = _start;
                foreach (var fire in EventBridgeCron.Next(expressions, _start, 5)) Assert.Equal(at = Schedule.Parse(cron).Next(at), fire);
            }
        }
    }

    [Fact]
    public void A_day_and_a_weekday_at_once_is_refused() => Assert.Null(CronCompiler.Compile(Schedule.Parse("0 2 */2 * MON")));

    [Theory]
    [InlineData(360, "rate(6 hours)")]
    [InlineData(60, "rate(1 hour)")]
    [InlineData(90, "rate(90 minutes)")]
    [InlineData(2880, "rate(2 days)")]
    public void An_interval_is_a_rate(int minutes, string expected) => Assert.Equal(expected, CronCompiler.Rate(TimeSpan.FromMinutes(minutes)));

    [Fact]
    public void Nothing_expires_without_a_tag_and_no_tier_before_its_age()
    {
        var rules = LifecycleCompiler.Rules(Stacks.Prod().Policy);
        Assert.Equal(
            ["expire-daily", "expire-weekly", "expire-monthly", "class-monthly", "expire-annual", "class-annual", "expire-pre-deploy", "expire-manual", "expire-incremental",
                "orphans", "markers", "uploads"],
            rules.Select(r => r.Id));
        Assert.All(rules.Where(r => r.ExpireDays is not null || r.NoncurrentDays is not null), r => Assert.NotNull(r.State));
        Assert.All(rules.Where(r => r.RemoveMarkers || r.AbortUploadDays is not null), r => Assert.Null(r.State));
        Assert.Equal([30, 56, 365, 2555, 1095, 365, 56], rules.Where(r => r.State == "expired").Select(r => r.ExpireDays!.Value));
        Assert.All(rules.Where(r => r.State == "expired"), r => Assert.Equal(LifecycleCompiler.UndoDays, r.NoncurrentDays));
    }

    [Fact]
    public void In_a_copy_no_tag_that_the_main_account_could_replicate_ends_anything_before_the_age_of_its_tier()
    {
        var policy = Stacks.Prod().Policy;
        var ages = policy.Retention!.Keep.ToDictionary(k => LifecycleCompiler.TierPrefix(policy.Environment, k.Key), k => k.Value.ShortestDays);
        var ending = LifecycleCompiler.CopyRules(policy).Where(r => r.ExpireDays is not null || r.NoncurrentDays is not null).ToList();
        Assert.Equal(2 * ages.Count, ending.Count);
        Assert.All(ending, r => Assert.Equal((ages[r.Prefix], LifecycleCompiler.UndoDays), (r.ExpireDays!.Value, r.NoncurrentDays!.Value)));
    }

    [Theory]
    [InlineData(12, CalendarUnit.Months, 366)]
    [InlineData(1, CalendarUnit.Months, 31)]
    [InlineData(7, CalendarUnit.Years, 2557)]
    [InlineData(8, CalendarUnit.Weeks, 56)]
    public void The_longest_days_of_a_span_are_exact(int count, CalendarUnit unit, int days) =>
        Assert.Equal(days, LifecycleCompiler.LongestDays(new CalendarSpan(count, unit)));

    [Theory]
    [InlineData("bloom", 20, "bloom")]
    [InlineData("Bloom.Main", 20, "bloom-main-")]
    [InlineData("a_very_long_name_of_a_database", 20, "a-very-long-n-")]
    public void Names_are_short_and_stay_different(string name, int most, string begins)
    {
        var clean = Names.Clean(name, most);
        Assert.StartsWith(begins, clean, StringComparison.Ordinal);
        Assert.True(clean.Length <= most);
        Assert.NotEqual(Names.Clean("bloom-main", 20), Names.Clean("bloom.main", 20));
    }

    [Fact]
    public void Rotation_keeps_away_from_the_dumps()
    {
        foreach (var cron in (string[])["0 2 * * *", "0 12 * * *", "0 */6 * * *", "30 13,14 * * *"])
        {
            var database = new DatabasePolicy { Name = "x", Secret = "x", Schedule = cron };
            var hour = ScheduleCompiler.RotationHour(database);
            var busy = Schedule.Parse(cron).Hours;
            Assert.DoesNotContain(busy, h => h >= hour && h < hour + ScheduleCompiler.RotationHours);
            Assert.True(hour + ScheduleCompiler.RotationHours <= 24);
        }
    }

    /// <summary>An alarm on a figure that nobody publishes never speaks.</summary>
    [Fact]
    public void Alarms_watch_what_is_published()
    {
        var sources = Directory.EnumerateFiles(Path.Combine(Stacks.Root, "functions"), "*.cs", SearchOption.AllDirectories).Where(f => !f.Contains("/obj/", StringComparison.Ordinal));
        var published = sources.SelectMany(f => System.Text.RegularExpressions.Regex.Matches(File.ReadAllText(f), @"MetricName\.(\w+)").Select(m => m.Groups[1].Value)).ToHashSet();
        var settings = Stacks.Prod();
        var watched = AlarmCompiler.Alarms(settings.Names, settings.Policy, "copy", trail: true, rotation: true)
            .SelectMany(a => a.Metrics).Where(m => m.Namespace == AlarmCompiler.Namespace).Select(m => m.Name).Distinct();
        // TestPage is no figure: its alarm is set by hand and by Watch.
        Assert.Equal(["TestPage"], watched.Where(m => !published.Contains(m)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_network_is_cut_into_64s() => Assert.Equal("2a05:d014:1c7:e502::/64", Network.Slice("2a05:d014:1c7:e500::/56", 2));
}

/// <summary>EventBridge Scheduler's cron, as its documentation has it, written a second time and minute by minute: slow, and nothing shared with the compiler.</summary>
internal static class EventBridgeCron
{
    public static IReadOnlyList<DateTimeOffset> Next(IEnumerable<string> expressions, DateTimeOffset after, int count)
    {
        var fields = expressions.Select(e => e[5..^1].Split(' ')).ToList();
        Assert.All(fields, f => Assert.True(f.Length == 6 && (f[2] == "?") != (f[4] == "?"), string.Join(' ', f)));
        var found = new List<DateTimeOffset>();
        for (var day = after.UtcDateTime.Date; found.Count < count; day = day.AddDays(1))
        {
            var today = fields.Where(f => Has(f[3], day.Month) && Has(f[2], day.Day) && Has(f[4], (int)day.DayOfWeek + 1)).ToList();
            for (var minute = 0; minute < 1440 && today.Count > 0 && found.Count < count; minute++)
            {
                var at = new DateTimeOffset(day.AddMinutes(minute), TimeSpan.Zero);
                if (at > after && today.Exists(f => Has(f[1], minute / 60) && Has(f[0], minute % 60))) found.Add(at);
            }
        }

        return found;
    }

    private static bool Has(string field, int value) => field is "*" or "?" || field.Split(',').Contains($"{value}");
}
