using Backup.Core.Model;
using Backup.Core.Policies;
using static Backup.Core.Tests.Policies.PolicyText;

namespace Backup.Core.Tests.Policies;

/// <summary>What a well-formed policy may still not say.</summary>
public sealed class PolicyRulesTests
{
    private const string Kept = "retention: { daily: 30d, weekly: 60d, monthly: 12mo, annual: 7y }\n";

    [Theory]
    [InlineData("90m", 90)]
    [InlineData("24h", 24 * 60)]
    [InlineData("1d", 24 * 60)]
    [InlineData("2w", 14 * 24 * 60)]
    public void Durations_are_read(string text, int minutes) =>
        Assert.Equal(TimeSpan.FromMinutes(minutes), Valid(Least + $"watch: {{ maxAge: {text} }}\n").Watch.MaxAge);

    [Theory]
    [InlineData("0h", "is no time at all")]
    [InlineData("12mo", "is a calendar span; durations end at weeks")]
    [InlineData("-1h", "is not a duration")]
    [InlineData("1h30m", "is not a duration")]
    [InlineData("9999999d", "is longer than 100 years")]
    [InlineData("99999999999999999999d", "is not a duration")]
    public void Wrong_durations_are_refused(string text, string clause) =>
        Assert.Equal([$"watch.maxAge (line 6): \"{text}\" {clause} → write a number and m, h, d or w, for example 90m, 26h, 1d"],
            Problems(Least + $"watch: {{ maxAge: {text} }}\n"));

    [Theory]
    [InlineData("12m", "means minutes; months are mo")]
    [InlineData("30", "is not a calendar span")]
    [InlineData("0d", "is no time at all")]
    [InlineData("101y", "is longer than 100 years")]
    public void Wrong_calendar_spans_are_refused(string text, string clause) =>
        Assert.Equal([$"retention.daily (line 6): \"{text}\" {clause} → write a number and d, w, mo or y, for example 30d, 8w, 12mo, 7y"],
            Problems(Least + $"retention: {{ daily: {text} }}\n"));

    [Theory]
    [InlineData("1048576", 1L << 20)]
    [InlineData("2048KiB", 2L << 20)]
    [InlineData("32MiB", 32L << 20)]
    [InlineData("1GiB", 1L << 30)]
    [InlineData("2TiB", 2L << 40)]
    public void Sizes_are_read(string text, long bytes) =>
        Assert.Equal(bytes, Valid(Least + $"    shardAbove: {text}\n").Databases[0].ShardAbove);

    [Theory]
    [InlineData("32GB", "\"32GB\" is not a size; did you mean 32GiB? → write bytes or a number and KiB, MiB, GiB or TiB, for example 32MiB")]
    [InlineData("1.5GiB", "\"1.5GiB\" is not a size → write bytes or a number and KiB, MiB, GiB or TiB, for example 32MiB")]
    [InlineData("99999999999TiB", "\"99999999999TiB\" is larger than anything → write bytes or a number and KiB, MiB, GiB or TiB, for example 32MiB")]
    [InlineData("64KiB", "65536 bytes would cut every table into chunks → write at least 1MiB")]
    public void Wrong_sizes_are_refused(string text, string expected) =>
        Assert.Equal([$"databases[0].shardAbove (line 6): {expected}"], Problems(Least + $"    shardAbove: {text}\n"));

    [Theory]
    [InlineData("20", "has no percent sign")]
    [InlineData("0%", "is not above 0% and at most 1000%")]
    [InlineData("x%", "is not a percentage")]
    public void Wrong_percentages_are_refused(string text, string clause) =>
        Assert.Equal([$"watch.sizeWarning (line 6): \"{text}\" {clause} → write a percentage, for example 20%"],
            Problems(Least + $"watch: {{ sizeWarning: {text} }}\n"));

    [Theory]
    [InlineData("vault: s3://UPPER", "vault (line 6): \"s3://UPPER\" is not an S3 address: a bucket has 3 to 63 lower-case letters, digits, dots and dashes")]
    [InlineData("vault: ftp://host/x", "vault (line 6): \"ftp://host/x\" is neither an S3 address nor a folder")]
    [InlineData("retention: { minimumKept: 0, daily: 1d }", "retention.minimumKept (line 6): \"0\" is too small")]
    [InlineData("retention: { minimumKept: 3 }", "retention (line 6): names no tier, so no backup would have a place")]
    [InlineData("retention: { hourly: 1d, daily: 1d }", "retention.hourly (line 6): is not a key of the policy")]
    [InlineData("notify: { email: [a@b.c, a@b.c] }", "notify.email[1] (line 6): \"a@b.c\" is in the list already")]
    [InlineData("notify: { pagerDuty: \"$PAGER\" }", "notify.pagerDuty (line 6): the value (not shown) is not exactly one reference ${NAME}")]
    [InlineData("Lock: none", "Lock (line 6): is not a key of the policy; did you mean lock?")]
    [InlineData("lock: Governance", "lock (line 6): \"Governance\" is not known; did you mean governance?")]
    [InlineData("drill: { schedule: \"0 0 31 2 *\" }", "drill.schedule (line 6): \"0 0 31 2 *\": no calendar has such a day")]
    [InlineData("    schedule: \"0 2 * * *\"\nretention: { manual: 1y }", "retention (line 7): keeps no tier that a scheduled backup can take, and a database has a schedule")]
    [InlineData("    fingerprint: critical", "databases[0].fingerprint (line 6): is critical, and there are no criticalTables")]
    [InlineData("    shard_above: 2MiB", "databases[0].shard_above (line 6): is not a key of the policy; did you mean shardAbove?")]
    [InlineData("    criticalTables: [{ table: users, every: 6h }]", "databases[0].criticalTables[0].table (line 6): \"users\" does not name a schema and a table")]
    [InlineData("    criticalTables: [{ table: public.users, every: 1h, mode: whole }]", "databases[0].criticalTables[0].mode (line 6): \"whole\" is not known")]
    [InlineData("    criticalTables: [{ table: public.users }]", "databases[0].criticalTables[0].every (line 6): is required and missing")]
    [InlineData("    schemas: { exclude: [s] }\n    criticalTables: [{ table: s.t, every: 1h }]", "databases[0].criticalTables[0].table (line 7): \"s.t\" is in a schema that schemas.exclude leaves out")]
    [InlineData("encryption: { drillKey: bloom/drill-key }", "encryption.drillKey (line 6): stands without gpgRecipients, so there is nothing that it could open")]
    [InlineData("encryption: { gpgRecipients: [], drillKey: bloom/drill-key }", "encryption.drillKey (line 6): stands without gpgRecipients, so there is nothing that it could open")]
    [InlineData("encryption: { gpgRecipients: [a.asc], drillKey: \"arn:aws:secretsmanager:eu-central-1:111122223333:secret:x\" }", "encryption.drillKey (line 6): the value (not shown) is not a name that Secrets Manager accepts")]
    [InlineData("encryption: { gpgRecipients: [a.asc], drillkey: x }", "encryption.drillkey (line 6): is not a key of the policy; did you mean drillKey?")]
    [InlineData("  - { name: b, secret: b/url }\nencryption: { gpgRecipients: [a.asc], drillKey: b/url }", "encryption.drillKey (line 7): \"b/url\" is the secret of the database b already")]
    [InlineData("  - { name: b, secret: b/url }\n  - { name: c, secret: b/url }", "databases[2].secret (line 7): \"b/url\" is the secret of databases[1] already")]
    [InlineData("    checks: [{ name: a, sql: select 1 }]", "databases[0].checks[0].min (line 6): is required and missing")]
    [InlineData("    checks: [{ name: a, sql: select 1, min: 2, max: 1 }]", "databases[0].checks[0].min (line 6): is above max, so the check can never pass")]
    [InlineData("    checks: [{ name: a, sql: select 1, min: 2, maxAge: 1h }]", "databases[0].checks[0].sql (line 6): its one value cannot be judged by min/max and maxAge")]
    [InlineData("    checks: [{ name: a, sql: x, min: 1 }, { name: a, sql: y, min: 1 }]", "databases[0].checks[1].name (line 6): \"a\" is the name of another check")]
    public void What_cannot_be_meant_is_refused(string lines, string expected)
    {
        var problem = Assert.Single(Problems(Least + lines + "\n"));
        Assert.StartsWith(expected + " → ", problem, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_cannot_lock_copy_or_move_to_colder_classes() =>
        Assert.Equal(
            [
                "lock (line 7): needs S3, and the vault is a folder → write lock: none, or an s3:// vault",
                "copy (line 8): needs S3, and the vault is a folder → write copy: none and use `backup sync`, or an s3:// vault",
                "storage (line 9): needs S3, and the vault is a folder → remove storage, or write an s3:// vault",
            ],
            Problems(Least + "vault: /srv/backups\nlock: compliance\ncopy: region\nstorage: { annual: { ia: 30d } }\n"));

    [Theory]
    [InlineData("governance", "7d", "7d")]
    [InlineData("compliance", "1w", "1w")]
    [InlineData("governance", "8d", null)]
    [InlineData("none", "3d", null)]
    public void A_lock_that_outlives_a_tier_is_refused(string locked, string kept, string? ends) =>
        Assert.Equal(ends is null ? [] : [$"lock (line 6): is {locked}, which locks every object for 7 days from its first byte, and retention.daily ends after {ends} → keep daily at least 8d, or write lock: none"],
            Problems(Least + $"lock: {locked}\nretention: {{ daily: {kept}, weekly: 8w }}\n"));

    [Fact]
    public void Every_tier_that_a_lock_outlives_is_named_together_with_what_else_is_wrong() => Assert.Equal(3,
        Problems(Least + "vault: s3://bucket\nlock: governance\nretention: { daily: 3d, weekly: 1w }\nencryption: { drillKey: bloom/drill-key }\n").Count);

    [Theory]
    [InlineData("monthly: { instant: 30d }")]
    [InlineData("annual: { deepArchive: 30d }")]
    [InlineData("annual: { ia: 30d, instant: 60d, glacier: 150d, deepArchive: 240d }")]
    [InlineData("monthly: { glacier: 289d }")]
    public void Moves_that_s3_accepts_and_bills_once_are_accepted(string storage) => Valid(Least + Kept + $"storage: {{ {storage} }}\n");

    [Theory]
    [InlineData("daily: { ia: 30d }", "daily.ia", "the tier is kept 30d; a tier kept less than 60 days must not move → remove the tier from storage, or keep it longer")]
    [InlineData("monthly: { ia: 29d }", "monthly.ia", "29d is too early; S3 moves to ia from day 30 → write at least 30d")]
    [InlineData("monthly: { ia: 60d, instant: 60d }", "monthly.instant", "60d does not come after ia at 60d → write ages that rise from ia over instant and glacier to deepArchive")]
    [InlineData("monthly: { ia: 30d, glacier: 59d }", "monthly.glacier", "59d leaves 29 days in ia, for which S3 bills 30 → write at least 60d, or remove ia")]
    [InlineData("annual: { instant: 30d, deepArchive: 60d }", "annual.deepArchive", "60d leaves 30 days in instant, for which S3 bills 90 → write at least 120d, or remove instant")]
    [InlineData("monthly: { glacier: 290d }", "monthly.glacier", "290d leaves fewer than the 90 days that S3 bills, for a tier that is kept 12mo → write at most 289d, or remove glacier")]
    [InlineData("weekly: { deepArchive: 10d }", "weekly.deepArchive", "10d leaves fewer than the 180 days that S3 bills, for a tier that is kept 60d → remove deepArchive")]
    [InlineData("manual: { ia: 30d }", "manual", "is a tier that retention does not keep → add manual to retention, or remove it here")]
    [InlineData("monthly: { ia: 2w }", "monthly.ia", "\"2w\" is not a number of days → write whole days, for example 30d")]
    [InlineData("monthly: { cold: 30d }", "monthly.cold", "is not a key of the policy → remove it, or write deepArchive, glacier, ia or instant")]
    public void Moves_that_s3_refuses_or_bills_twice_are_refused(string storage, string subject, string expected) =>
        Assert.Equal([$"storage.{subject} (line 7): {expected}"], Problems(Least + Kept + $"storage: {{ {storage} }}\n"));

    [Fact]
    public void Without_retention_everything_is_kept_so_any_class_pays_off() => Valid(Least + "storage: { daily: { ia: 30d, deepArchive: 90d } }\n");

    [Theory]
    [InlineData(1, CalendarUnit.Months, 28)]
    [InlineData(12, CalendarUnit.Months, 365)]
    [InlineData(14, CalendarUnit.Months, 365 + 59)]
    [InlineData(8, CalendarUnit.Weeks, 56)]
    [InlineData(7, CalendarUnit.Years, 7 * 365)]
    public void The_shortest_days_of_a_span_are_reached_by_some_start_and_undercut_by_none(int count, CalendarUnit unit, int expected)
    {
        var span = new CalendarSpan(count, unit);
        Assert.Equal(expected, span.ShortestDays);
        var start = new DateTimeOffset(2021, 1, 1, 0, 0, 0, TimeSpan.Zero);
        Assert.All(Enumerable.Range(0, 1461).Select(n => start.AddDays(n)), day => Assert.True((span.AddTo(day) - day).Days >= expected));
    }
}
