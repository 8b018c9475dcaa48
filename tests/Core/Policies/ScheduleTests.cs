using System.Globalization;
using Backup.Core.Policies;

namespace Backup.Core.Tests.Policies;

public sealed class ScheduleTests
{
    [Theory]
    [InlineData("0 2 * * *", "2025-01-01T01:59:59", "2025-01-01T02:00")]
    [InlineData("0 2 * * *", "2025-01-01T02:00:00", "2025-01-02T02:00")]
    [InlineData("*/15 * * * *", "2025-01-01T00:14:59", "2025-01-01T00:15")]
    [InlineData("5-20/5 3 * * *", "2025-01-01T03:10:00", "2025-01-01T03:15")]
    [InlineData("0 0 1,15 * *", "2025-01-01T00:00:00", "2025-01-15T00:00")]
    [InlineData("0 4 * * 0", "2025-01-01T00:00:00", "2025-01-05T04:00")]
    [InlineData("0 4 * * 7", "2025-01-01T00:00:00", "2025-01-05T04:00")]
    [InlineData("0 4 * * sun", "2025-01-01T00:00:00", "2025-01-05T04:00")]
    [InlineData("0 4 * * FRI-SUN", "2025-01-04T04:00:00", "2025-01-05T04:00")]
    [InlineData("0 0 1 JAN *", "2025-01-01T00:00:00", "2026-01-01T00:00")]
    [InlineData("59 23 31 12 *", "2025-01-01T00:00:00", "2025-12-31T23:59")]
    public void Next_is_the_first_occurrence_strictly_after(string line, string after, string expected) =>
        Assert.Equal(Utc(expected), Schedule.Parse(line).Next(Utc(after)));

    [Theory]
    [InlineData("0 2 * * *", "2025-01-01T02:00:00", "2024-12-31T02:00")]
    [InlineData("0 2 * * *", "2025-01-01T02:00:01", "2025-01-01T02:00")]
    [InlineData("*/15 * * * *", "2025-01-01T00:00:00", "2024-12-31T23:45")]
    [InlineData("0 0 29 2 *", "2025-01-01T00:00:00", "2024-02-29T00:00")]
    public void Previous_is_the_last_occurrence_strictly_before(string line, string before, string expected) =>
        Assert.Equal(Utc(expected), Schedule.Parse(line).Previous(Utc(before)));

    [Fact]
    public void Day_and_weekday_combine_with_or_when_both_are_restricted()
    {
        var schedule = Schedule.Parse("0 0 13 * FRI");
        Assert.Equal(["2025-06-06", "2025-06-13", "2025-06-20", "2025-06-27", "2025-07-04", "2025-07-11", "2025-07-13"],
            Following(schedule, "2025-06-01T00:00", 7));
    }

    [Fact]
    public void A_step_over_all_days_is_no_restriction_so_the_weekday_narrows_it() =>
        Assert.Equal(["2025-06-09", "2025-06-23", "2025-07-07"], Following(Schedule.Parse("0 0 */2 * MON"), "2025-06-03T00:00", 3));

    [Fact]
    public void The_29th_of_February_waits_for_leap_years_and_skips_the_century()
    {
        var schedule = Schedule.Parse("0 0 29 2 *");
        Assert.Equal(["2096-02-29", "2104-02-29"], Following(schedule, "2095-01-01T00:00", 2));
        Assert.Equal(TimeSpan.FromDays(1461), schedule.SmallestGap);
        Assert.Equal(TimeSpan.FromDays(2921), schedule.LargestGap);
    }

    [Fact]
    public void Other_time_zones_are_converted()
    {
        var berlin = new DateTimeOffset(2025, 1, 1, 3, 30, 0, TimeSpan.FromHours(1));
        Assert.Equal(Utc("2025-01-02T02:00"), Schedule.Parse("0 2 * * *").Next(berlin));
        Assert.Equal(TimeSpan.Zero, Schedule.Parse("0 2 * * *").Next(berlin).Offset);
    }

    [Theory]
    [InlineData("* * * * *", 1, 1)]
    [InlineData("0 2 * * *", 1440, 1440)]
    [InlineData("0 */6 * * *", 360, 360)]
    [InlineData("0 8,12,20 * * *", 240, 720)]
    [InlineData("0 4 * * 0", 10080, 10080)]
    [InlineData("0 0 1 * *", 28 * 1440, 31 * 1440)]
    [InlineData("0 9,17 * * MON-FRI", 480, (63 + 1) * 60)]
    public void Gaps_are_between_consecutive_occurrences(string line, int smallestMinutes, int largestMinutes)
    {
        var schedule = Schedule.Parse(line);
        Assert.Equal(TimeSpan.FromMinutes(smallestMinutes), schedule.SmallestGap);
        Assert.Equal(TimeSpan.FromMinutes(largestMinutes), schedule.LargestGap);
    }

    [Theory]
    [InlineData("", "it has 0 fields, not five")]
    [InlineData("@daily", "it has 1 fields, not five")]
    [InlineData("0 0 2 * * *", "it has 6 fields, not five")]
    [InlineData("0 25 * * *", "hour 25 is not in 0-23")]
    [InlineData("60 0 * * *", "minute 60 is not in 0-59")]
    [InlineData("0 0 0 * *", "day 0 is not in 1-31")]
    [InlineData("0 0 * 13 *", "month 13 is not in 1-12")]
    [InlineData("0 0 * * 8", "weekday 8 is not in 0-7")]
    [InlineData("0 0 * * LUN", "weekday \"LUN\" is not a number or a name like MON")]
    [InlineData("0 0 ? * *", "day \"?\" is not a number")]
    [InlineData("0 0 L * *", "day \"L\" is not a number")]
    [InlineData("0 0 31 2 *", "no calendar has such a day")]
    [InlineData("0 0 30,31 FEB *", "no calendar has such a day")]
    [InlineData("*/0 * * * *", "minute step \"0\" is not a number from 1")]
    [InlineData("*/60 * * * *", "minute step 60 is longer than the range 0-59")]
    [InlineData("5/10 * * * *", "minute \"5/10\" has a step but no range")]
    [InlineData("0 5-3 * * *", "hour range 5-3 runs backwards")]
    [InlineData("0 1,,2 * * *", "hour has an empty place between commas")]
    [InlineData("0 1-2-3 * * *", "hour \"1-2-3\" is not a range")]
    [InlineData("0 -1 * * *", "hour \"\" is not a number")]
    [InlineData("0 */1/2 * * *", "hour \"*/1/2\" has two steps")]
    public void What_is_wrong_is_said(string line, string expected)
    {
        Assert.False(Schedule.TryParse(line, out var schedule, out var problem));
        Assert.Null(schedule);
        Assert.Equal(expected, problem);
    }

    [Fact]
    public void Parse_says_the_line_the_problem_and_the_accepted_form() =>
        Assert.Equal("\"0 25 * * *\" is not a schedule: hour 25 is not in 0-23; "
            + "write five fields in UTC (minute hour day month weekday), for example \"0 2 * * *\"",
            Assert.Throws<FormatException>(() => Schedule.Parse("0 25 * * *")).Message);

    [Fact]
    public void Spaces_do_not_matter() => Assert.Equal("0 2 * * *", Schedule.Parse("  0\t2 *  * * ").ToString());

    [Fact]
    public void The_end_of_the_calendar_is_an_error_not_an_endless_search()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => Schedule.Parse("0 0 1 1 *").Next(DateTimeOffset.MaxValue));
        Assert.Throws<ArgumentOutOfRangeException>(() => Schedule.Parse("0 0 1 1 *").Previous(DateTimeOffset.MinValue));
    }

    [Fact]
    public void Next_and_previous_agree_with_trying_every_minute()
    {
        var random = new Random(20250101);
        string[] lines = ["*/7 3-5 * * *", "30 1 1-7 * MON", "0 12 29-31 * *", "15,45 */8 * FEB-APR 1-5", "0 0 1 */3 0"];
        foreach (var line in lines)
        {
            var schedule = Schedule.Parse(line);
            for (var i = 0; i < 20; i++)
            {
                var at = Utc("2024-01-01T00:00").AddMinutes(random.Next(0, 600_000));
                var next = schedule.Next(at);
                Assert.Equal(next, schedule.Previous(next.AddMinutes(1)));
                // Nothing lies between: the one before next is not after the start.
                Assert.True(schedule.Previous(next) <= at, $"{line} from {at:O}");
                Assert.InRange(next - schedule.Previous(next), schedule.SmallestGap, schedule.LargestGap);
            }
        }
    }

    private static IEnumerable<string> Following(Schedule schedule, string after, int count)
    {
        var at = Utc(after);
        for (var i = 0; i < count; i++)
        {
            at = schedule.Next(at);
            yield return at.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
        }
    }

    private static DateTimeOffset Utc(string text) =>
        DateTimeOffset.Parse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal);
}
