using Backup.Core.Model;
using Backup.Core.Operations.Checking;
using Backup.Core.Policies;
using Backup.Core.Tests.Watching;

namespace Backup.Core.Tests.Checking;

public sealed class PolicyCheckTests
{
    private static readonly DateTimeOffset _first = new(2026, 3, 1, 2, 0, 0, TimeSpan.Zero);

    [Fact]
    public void AutoRenta_is_told_what_it_can_reach_on_four_tables_and_elsewhere()
    {
        List<CriticalTable> four = [.. new[] { "wallet_ledger", "bookings", "wallet_transactions", "accounting_entries" }.Select(t => new CriticalTable($"public.{t}", "id", "ts", TimeSpan.FromHours(6)))];
        var policy = Promising(1, 4, d => d with { CriticalTables = four });
        var rpo = Of(policy, CheckHistory.Empty, FindingCode.CheckRpo)!;
        Assert.Equal(Severity.Warning, rpo.Severity);
        Assert.Equal("1 hour is promised for db; reachable is 6 hours on 4 tables (public.wallet_ledger, public.bookings, public.wallet_transactions and 1 more) and 24 hours elsewhere", rpo.Sentence);
    }

    [Theory]
    [InlineData(24, 0, false)]
    [InlineData(24, 30, true)] // a failure just before the run ends loses the run's time too
    [InlineData(26, 30, false)]
    [InlineData(23, 0, true)]
    public void The_time_of_a_run_counts(int rpoHours, int runMinutes, bool isBroken) =>
        Assert.Equal(isBroken, Of(Promising(rpoHours, 4), Runs(_ => runMinutes), FindingCode.CheckRpo) is not null);

    [Fact]
    public void Recovery_times_are_those_that_drills_measured()
    {
        var policy = Promising(26, 4);
        CheckHistory Drills(params double[] hours) => new([], [.. hours.Select(TimeSpan.FromHours)]);
        Assert.Null(Of(policy, Drills(3, 3.9), FindingCode.CheckRto));
        Assert.Equal("4 hours is promised; of the last 2 drills of db the slowest took 4.5 hours", Of(policy, Drills(4.5, 2), FindingCode.CheckRto)!.Sentence);
        var cold = policy with { Storage = new Dictionary<Tier, StorageClasses> { [Tier.Weekly] = new(Glacier: 30) } };
        Assert.Equal("storage.weekly", Of(cold, CheckHistory.Empty, FindingCode.CheckRto)!.Subject);
        var instant = policy with { Storage = new Dictionary<Tier, StorageClasses> { [Tier.Weekly] = new(Instant: 30) } };
        Assert.Null(Of(instant, CheckHistory.Empty, FindingCode.CheckRto));
    }

    [Fact]
    public void An_age_that_alarms_before_a_backup_is_due_is_told_per_database()
    {
        var policy = Story.Policy(d => d with { Schedule = "0 2 * * 0" }, p => p with { Watch = p.Watch with { MaxAge = TimeSpan.FromHours(26) } });
        Assert.Equal("Write at least 170h, or remove maxAge: then it follows each schedule.", Of(policy, CheckHistory.Empty, FindingCode.CheckMaxAge)!.NextStep);
        Assert.Null(Of(Story.Policy(policy: p => p with { Watch = p.Watch with { MaxAge = TimeSpan.FromHours(26) } }), CheckHistory.Empty, FindingCode.CheckMaxAge));
    }

    [Fact]
    public void Runs_that_grow_towards_the_limit_are_foreseen()
    {
        var growing = Runs(day => 5 + (day * 0.1)); // 5 minutes, and 6 seconds more every day
        Assert.Equal(31, CapacityCheck.Until(growing.Backups, TimeSpan.FromMinutes(9))!.Value.TotalDays, 1e-3);
        Assert.Null(CapacityCheck.Until(Runs(_ => 5).Backups, TimeSpan.FromMinutes(15)));
        Assert.Null(CapacityCheck.Until(Runs(day => 9 - (day * 0.1)).Backups, TimeSpan.FromMinutes(15)));
        Assert.Null(CapacityCheck.Until([.. growing.Backups.Take(4)], TimeSpan.FromMinutes(15)));

        Finding? For(Runner runner, CheckHistory history) => Of(Story.Policy(d => d with { Runner = runner }), history, FindingCode.CheckLambda);
        Assert.Equal(Severity.Info, For(Runner.Auto, growing)!.Severity);
        Assert.Equal(Severity.Warning, For(Runner.Lambda, growing)!.Severity);
        Assert.Contains("15 minutes are reached in about 91 days", For(Runner.Lambda, growing)!.Sentence, StringComparison.Ordinal);
        Assert.Contains("took up to 20 minutes", For(Runner.Lambda, Runs(_ => 20))!.Sentence, StringComparison.Ordinal);
        Assert.Null(For(Runner.Fargate, Runs(_ => 20)));
        Assert.Null(For(Runner.Lambda, Runs(_ => 2)));
        Assert.Null(Of(Story.Policy(d => d with { Runner = Runner.Lambda }, p => p with { Vault = "/backups" }), Runs(_ => 20), FindingCode.CheckLambda));
    }

    [Fact]
    public void What_cannot_be_drilled_on_Fargate_and_what_reading_costs_is_told()
    {
        var large = new CheckHistory([.. Runs(_ => 5).Backups.Select(m => m with { Totals = m.Totals with { RawBytes = 100L << 30 }, Snapshot = m.Snapshot with { DatabaseBytes = 130L << 30 } })], []);
        var policy = Story.Policy(d => d with { Provider = Provider.Neon }, p => p with { Drill = new DrillPolicy("0 4 * * 0") });
        Assert.Contains("130 GiB", Of(policy, large, FindingCode.CheckDrillDisk)!.Sentence, StringComparison.Ordinal);
        // 30 runs of 100 GiB, 100 GiB free, 0.10 USD each.
        Assert.Contains("30 runs a month read about 3,000.0 GiB from neon: about 290 USD", Of(policy, large, FindingCode.CheckEgress)!.Sentence, StringComparison.Ordinal);
        Assert.Null(Of(Story.Policy(), large, FindingCode.CheckEgress)); // whose price nobody knows
        Assert.Null(Of(policy with { Drill = null }, large, FindingCode.CheckDrillDisk));
    }

    [Fact]
    public void A_lock_that_nobody_can_break_for_years_asks_for_its_reason()
    {
        Policy Locked(LockMode mode, CalendarSpan kept, string? reason = null) => Story.Policy(policy: p => p with { Lock = mode, LockReason = reason, Retention = new RetentionPolicy(new Dictionary<Tier, CalendarSpan> { [Tier.Annual] = kept }) });
        var asked = Of(Locked(LockMode.Compliance, new(7, CalendarUnit.Years)), CheckHistory.Empty, FindingCode.CheckErasure)!;
        Assert.Equal(Severity.Warning, asked.Severity);
        Assert.Contains("annual 7y", asked.Sentence, StringComparison.Ordinal);
        Assert.Contains("lock.reason", asked.NextStep, StringComparison.Ordinal);
        Assert.Null(Of(Locked(LockMode.Compliance, new(7, CalendarUnit.Years), "accounts, seven years by law"), CheckHistory.Empty, FindingCode.CheckErasure));
        Assert.Null(Of(Locked(LockMode.Compliance, new(1, CalendarUnit.Years)), CheckHistory.Empty, FindingCode.CheckErasure));
        Assert.Null(Of(Locked(LockMode.Governance, new(7, CalendarUnit.Years)), CheckHistory.Empty, FindingCode.CheckErasure));
    }

    [Theory]
    [InlineData("db/url", null, 2, "no private key is online on AWS: there drills, and verify above checksum, end in COULD NOT VERIFY", Severity.Warning)]
    [InlineData("db/url", "db/key", 2, "a private key that reads every backup is online: the secret db/key, which the roles of verify and drill may read, and nobody else", Severity.Info)]
    [InlineData("db/url", "db/key", 1, "names one key beside the drill key db/key: either that is no recipient, and opens nothing, or it is the only one", Severity.Warning)]
    [InlineData(null, "db/key", 2, "the secret db/key is read by functions on AWS, and no database of this policy is served by them: here gpg's own keyring serves", Severity.Info)]
    [InlineData(null, null, 2, null, Severity.Info)]
    [InlineData("db/url", null, 0, null, Severity.Info)]
    public void What_encryption_means_for_proofs_on_AWS_is_told(string? secret, string? drillKey, int recipients, string? sentence, Severity severity)
    {
        var policy = Story.Policy(d => d with { Secret = secret }, p => p with { Encryption = new EncryptionPolicy { GpgRecipients = [.. Enumerable.Range(0, recipients).Select(n => $"{n}.asc")], DrillKey = drillKey } });
        var found = PolicyCheck.Judge(policy, new Dictionary<string, CheckHistory>()).FirstOrDefault(f => f.Code == FindingCode.CheckDrillKey.Name);
        Assert.Equal((sentence, sentence is null ? null : severity), (found?.Sentence, found?.Severity));
    }

    [Fact]
    public void The_example_of_production_keeps_what_it_promises()
    {
        var policy = PolicyReader.ReadFileOrThrow(Path.Combine(Policies.PolicyText.Root(), "Pulumi.prod.yaml"));
        Assert.DoesNotContain(PolicyCheck.Judge(policy, new Dictionary<string, CheckHistory>()), f => f.Severity != Severity.Info);
    }

    private static Policy Promising(int rpoHours, int rtoHours, Func<DatabasePolicy, DatabasePolicy>? database = null) =>
        Story.Policy(database, p => p with { Objectives = new Objectives(TimeSpan.FromHours(rpoHours), TimeSpan.FromHours(rtoHours)) });

    /// <summary>Ten daily runs that take so many minutes.</summary>
    private static CheckHistory Runs(Func<int, double> minutes) =>
        new([.. Enumerable.Range(0, 10).Select(day => Story.Backup(_first.AddDays(day)).Manifest!).Select((m, day) => m with { FinishedAt = m.StartedAt.AddMinutes(minutes(day)) })], []);

    private static Finding? Of(Policy policy, CheckHistory history, FindingCode code) =>
        PolicyCheck.Judge(policy, new Dictionary<string, CheckHistory> { ["db"] = history }).SingleOrDefault(f => f.Code == code.Name);
}
