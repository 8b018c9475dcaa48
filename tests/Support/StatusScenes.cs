using System.Globalization;
using Backup.Core.Catalog;
using Backup.Core.Model;
using Backup.Core.Operations.Serving;
using Backup.Core.Operations.Status;
using Backup.Core.Operations.Watching;
using Backup.Core.Policies;

namespace Backup.Tests.Support;

/// <summary>
/// Services as a page may meet them, made up: histories like those of a vault, judged by the real judge. It is Friday, 20 March 2026, noon. Needs Golden/manifest-v1.json
/// beside the tests.
/// </summary>
public static class StatusScenes
{
    public static readonly DateTimeOffset Now = new(2026, 3, 20, 12, 0, 0, TimeSpan.Zero);

    /// <summary>Markup, quotes and a character that turns the text around it: whatever shows it must show it as it is.</summary>
    public const string Evil = "<img src=x onerror=alert(1)>\"'&\u202e";

    private const int Manifests = 30;

    private static readonly Manifest _golden =
        ManifestJson.Read(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Golden", "manifest-v1.json")), "golden");

    public static Policy Policy(params string[] databases) => new()
    {
        Project = "bloom",
        Environment = "production",
        Objectives = new Objectives(TimeSpan.FromHours(26), TimeSpan.FromHours(4)),
        Databases = [.. databases.Select(d => new DatabasePolicy { Name = d, UrlVariable = "URL", Schedule = "0 2 * * *" })],
        Retention = new RetentionPolicy(new Dictionary<Tier, CalendarSpan>
        {
            [Tier.Daily] = new(30, CalendarUnit.Days),
            [Tier.Weekly] = new(8, CalendarUnit.Weeks),
            [Tier.Monthly] = new(12, CalendarUnit.Months),
            [Tier.Annual] = new(7, CalendarUnit.Years),
        }),
        Drill = new DrillPolicy("0 4 * * 0"),
    };

    /// <summary>One backup a day at 02:00 up to today, oldest first; each Sunday's is drilled, each day's verified.</summary>
    public static IEnumerable<WatchedBackup> Daily(string database, int count, int lastDaysAgo = 0, long bytes = 40_000_000, Verdict drill = Verdict.Pass)
    {
        for (var i = count - 1; i >= 0; i--)
        {
            var time = new DateTimeOffset(2026, 3, 20, 2, 0, 0, TimeSpan.Zero).AddDays(-i - lastDaysAgo);
            var id = BackupId.Create(database, time);
            var tier = time.DayOfYear == 1 ? Tier.Annual : time.Day == 1 ? Tier.Monthly : time.DayOfWeek == DayOfWeek.Sunday ? Tier.Weekly : Tier.Daily;
            var stored = bytes + ((count - i) * bytes / 200) + (long)(Math.Sin(i / 3.0) * bytes / 60);
            List<ResultName> results = [new(ProofKind.Verify, Verdict.Pass, time.AddHours(1))];
            if (time.DayOfWeek == DayOfWeek.Sunday) results.Add(new ResultName(ProofKind.Drill, drill, time.AddHours(2)));
            yield return new WatchedBackup
            {
                Entry = new CatalogEntry { Prefix = VaultKeys.BackupPrefix("production", tier, id), Tier = tier, Id = id, IsLocked = false, Results = results, Manifest = i < Manifests ? Manifest(id, tier, stored) : null },
                StoredAt = time.AddMinutes(5),
                IsWhole = true,
                StoredBytes = stored,
            };
        }
    }

    public static ServiceStatus Status(Policy policy, IEnumerable<WatchedBackup>? backups, DateTimeOffset? lookedAt = null)
    {
        var at = lookedAt ?? Now.AddMinutes(-7);
        var facts = backups is null ? null : new WatchFacts { Vault = "/var/backups/vault", Backups = [.. backups.OrderBy(b => b.Id.Time)] };
        return new ServiceStatus
        {
            Now = Now,
            StartedAt = Now.AddDays(-3),
            Policy = policy,
            Vault = "/var/backups/vault",
            Look = facts is null ? null : new WatchLook(WatchJudge.Judge(policy, facts, Now), facts),
            LookedAt = facts is null ? null : at,
            Planned = [.. ServicePlan.Of(policy).Select(p => p.At(p.Times.Next(Now))).OrderBy(w => w.ScheduledTime)],
        };
    }

    /// <summary>Started on an empty vault.</summary>
    public static ServiceStatus Empty() => Status(Policy("bloom", "shop"), []) with { StartedAt = Now.AddMinutes(-8), Running = [new RunningWork(new Work(WorkKind.Backup, "bloom", Now.AddHours(-10)), Now.AddMinutes(-7), "copying 42 tables, 8 chunks, 1.2 GiB on disk")], Waiting = [new Work(WorkKind.Backup, "shop", Now.AddHours(-10))] };

    public static ServiceStatus Healthy() => Status(Policy("bloom", "shop"), [.. Daily("bloom", 70), .. Daily("shop", 45, bytes: 900_000_000)]) with { Records = [Record(WorkKind.Backup, "shop", WorkOutcome.Done, "shop_20260320T020000Z: 812,334 rows, stored as 1.0 GiB"), Record(WorkKind.Backup, "bloom", WorkOutcome.Done, "bloom_20260320T020000Z: 1,204 rows, stored as 52.4 MiB"), Record(WorkKind.Prune, "bloom", WorkOutcome.Done, "expired 1 of 70 backups")], Counts = [Count(WorkKind.Backup, "bloom", WorkOutcome.Done, "good"), Count(WorkKind.Backup, "shop", WorkOutcome.Done, "good")] };

    /// <summary>One database has no backup for two days, another lost rows and its last run failed with a text that is meant to break the page, a third is well.</summary>
    public static ServiceStatus Failing()
    {
        var backups = Daily("shop", 45, lastDaysAgo: 2).Concat(Daily("bloom", 70)).Concat(Daily("ledger", 20)).ToList();
        var newest = backups.FindIndex(b => b.Id.ToString() == "bloom_20260320T020000Z");
        backups[newest] = backups[newest] with { Entry = backups[newest].Entry with { Manifest = backups[newest].Manifest! with { Fingerprints = Rows(("users", 1000), ("orders", 25_000)) } } };
        return Status(Policy("ledger", "bloom", "shop"), backups) with
        {
            Records = [Record(WorkKind.Backup, "shop", WorkOutcome.Failed, $"the database does not answer: {Evil}"), Record(WorkKind.Watch, null, WorkOutcome.Done, "at risk: bloom, shop"), Record(WorkKind.Backup, "bloom", WorkOutcome.Done, "bloom_20260320T020000Z: 26,000 rows, stored as 52.4 MiB")],
            Counts = [Count(WorkKind.Backup, "shop", WorkOutcome.Failed, $"the database does not answer: {Evil}"), Count(WorkKind.Backup, "bloom", WorkOutcome.Done, "good")],
        };
    }

    /// <summary>40 databases with 400 backups each.</summary>
    public static ServiceStatus Large()
    {
        var names = Enumerable.Range(1, 40).Select(i => string.Create(CultureInfo.InvariantCulture, $"tenant-{i:00}-of-a-rather-long-name")).ToArray();
        return Status(Policy(names), names.SelectMany((n, i) => Daily(n, 400, bytes: (i + 1) * 30_000_000L)));
    }

    private static IReadOnlyList<TableFingerprint> Rows(params (string Name, long Rows)[] tables) =>
        [.. tables.Select(t => new TableFingerprint { Table = new TableName("public", t.Name), Columns = ["id"], Oids = [1], Rows = t.Rows })];

    private static Manifest Manifest(BackupId id, Tier tier, long stored) => _golden with
    {
        Id = id.ToString(),
        Environment = "production",
        Database = id.Database,
        Kind = BackupKind.Scheduled,
        Tier = tier,
        StartedAt = id.Time,
        FinishedAt = id.Time.AddMinutes(5),
        Totals = new Totals(stored * 4, stored, 51_000, 2),
        Snapshot = _golden.Snapshot with { Time = id.Time },
        Fingerprints = Rows(("users", 1000), ("orders", 50_000)),
        Lock = null,
    };

    private static WorkRecord Record(WorkKind kind, string? database, WorkOutcome outcome, string sentence) => new(new Work(kind, database, Now.AddHours(-10)), Now.AddHours(-10), Now.AddHours(-10).AddMinutes(5),
        new WorkResult(outcome, sentence, outcome == WorkOutcome.Failed ? "Check host, port and network; `backup doctor` says more." : null, outcome == WorkOutcome.Failed ? "source.unreachable" : null));

    private static WorkCount Count(WorkKind kind, string database, WorkOutcome outcome, string sentence) =>
        new(kind, database, outcome == WorkOutcome.Done ? 3 : 0, outcome == WorkOutcome.Failed ? 2 : 0, Record(kind, database, outcome, sentence));
}
