using Backup.Core.Catalog;
using Backup.Core.Model;
using Backup.Core.Operations.Drills;
using Backup.Core.Operations.Reporting;
using Backup.Core.Policies;

namespace Backup.Core.Tests.Reporting;

/// <summary>Months of one database called <c>db</c>, backed up each night at 02:00, written down in short. The month is March 2026, and it is over.</summary>
internal static class Chronicle
{
    public static readonly ReportMonth March = new(2026, 3);

    public static readonly DateTimeOffset Later = new(2026, 4, 10, 12, 0, 0, TimeSpan.Zero);

    private static readonly Manifest _golden =
        ManifestJson.Read(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Golden", "manifest-v1.json")), "golden");

    public static DateTimeOffset At(int month, int day, double hour = 2) => new DateTimeOffset(2026, month, day, 0, 0, 0, TimeSpan.Zero).AddHours(hour);

    /// <summary>It ends ten minutes after its time; the snapshot is its time.</summary>
    public static KnownBackup Whole(DateTimeOffset at, Tier tier = Tier.Daily, long stored = 1_000_000, double minutes = 10)
    {
        var id = BackupId.Create("db", at);
        return new KnownBackup
        {
            Id = id,
            Source = KnownBy.Manifest,
            Tier = tier,
            StoredAt = at.AddMinutes(minutes),
            Manifest = _golden with
            {
                Id = id.ToString(), Database = "db", Environment = "test", Tier = tier, StartedAt = at, FinishedAt = at.AddMinutes(minutes),
                Snapshot = _golden.Snapshot with { Time = at, DatabaseBytes = stored * 8 }, Totals = new Totals(stored * 4, stored, stored / 100, 3), Lock = null,
            },
        };
    }

    /// <summary>One a night, from the last of February to the last of March.</summary>
    public static List<KnownBackup> Nightly() => [.. Enumerable.Range(0, 32).Select(i => Whole(At(2, 28).AddDays(i)))];

    /// <summary>What is left when it has expired in a folder.</summary>
    public static KnownBackup Forgotten(this KnownBackup backup) => new() { Id = backup.Id, Source = KnownBy.Trail, StoredAt = backup.StoredAt, Results = backup.Results };

    public static KnownBackup With(this KnownBackup backup, ProofKind kind, Verdict verdict) =>
        backup with { Results = [.. backup.Results, new ResultName(kind, verdict, backup.FinishedAt.AddHours(1))] };

    public static ProofFact Proof(DateTimeOffset at, Verdict verdict, ProofKind kind = ProofKind.Drill, double? seconds = null, string finding = "a table differs") =>
        new(BackupId.Create("db", at.AddHours(-2)), kind, verdict, at, seconds is { } s ? Drill(at, verdict, s, finding) : null);

    public static MonthReport Report(IReadOnlyList<KnownBackup> backups, Func<DatabaseFacts, DatabaseFacts>? facts = null, Func<Policy, Policy>? policy = null,
        DateTimeOffset? now = null, ReportMonth? month = null, Func<ReportFacts, ReportFacts>? all = null)
    {
        var asked = month ?? March;
        var rules = new Policy { Project = "p", Environment = "test", Databases = [new DatabasePolicy { Name = "db", UrlVariable = "URL", Schedule = "0 2 * * *" }], Objectives = new Objectives(TimeSpan.FromHours(25), TimeSpan.FromHours(4)) };
        if (policy is not null) rules = policy(rules);
        var known = new DatabaseFacts
        {
            Database = rules.Databases[0],
            Backups = backups,
            Proofs = [],
            Stored = [.. backups.Where(b => b.Source == KnownBy.Manifest).Select(b => new StoredBackup(b.Id, b.Tier!.Value, false, false, new Dictionary<string, long> { ["STANDARD"] = b.Manifest?.Totals.StoredBytes ?? 0 }))],
            Trail = new EvidenceChain("test", "db", [], 0),
            Began = backups.Select(b => (DateTimeOffset?)b.Id.Time).Min(),
        };
        var whole = new ReportFacts { Policy = rules, Vault = "s3://vault", Month = asked, Now = now ?? Later, Databases = [facts is null ? known : facts(known)] };
        return MonthJudge.Make(all is null ? whole : all(whole));
    }

    public static DatabaseMonth Db(this MonthReport report) => Assert.Single(report.Databases);

    private static DrillReport Drill(DateTimeOffset at, Verdict verdict, double seconds, string finding) => new()
    {
        SchemaVersion = 1, Id = "x", Verdict = verdict, StartedAt = at.AddSeconds(-seconds), At = at, Operator = "o@h",
        Backup = new BackupFacts { Database = "db", Key = "k", Tier = Tier.Daily },
        Seconds = new DrillSeconds(0, 0, 0, 0, 0, seconds),
        Findings = verdict == Verdict.Pass ? [] : [new Finding { Severity = Severity.Critical, Code = "x", Subject = "s", Sentence = finding, NextStep = "n" }],
        NotProven = [], Machine = new DrillMachine("h", "1", null, null),
    };
}
