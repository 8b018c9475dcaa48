using Backup.Core.Catalog;
using Backup.Core.Model;
using Backup.Core.Operations.Watching;
using Backup.Core.Policies;

namespace Backup.Core.Tests.Watching;

/// <summary>Histories of one database called <c>db</c>, written down as a person would tell them. It is Friday, 20 March 2026, noon.</summary>
internal static class Story
{
    public static readonly DateTimeOffset Now = new(2026, 3, 20, 12, 0, 0, TimeSpan.Zero);

    private static readonly Manifest _golden =
        ManifestJson.Read(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Golden", "manifest-v1.json")), "golden");

    public static Policy Policy(Func<DatabasePolicy, DatabasePolicy>? database = null, Func<Policy, Policy>? policy = null)
    {
        var db = new DatabasePolicy { Name = "db", UrlVariable = "URL", Schedule = "0 2 * * *" };
        var whole = new Policy { Project = "p", Environment = "test", Databases = [database is null ? db : database(db)] };
        return policy is null ? whole : policy(whole);
    }

    /// <param name="time">Id, snapshot; it ends and is stored five minutes later.</param>
    /// <param name="rows">Per table of the schema public.</param>
    public static WatchedBackup Backup(
        DateTimeOffset time, long stored = 1_000_000, BackupKind kind = BackupKind.Scheduled, Tier tier = Tier.Daily, IReadOnlyDictionary<string, long>? rows = null)
    {
        var id = BackupId.Create("db", time) with { IsIncrement = tier == Tier.Incremental };
        rows ??= new Dictionary<string, long> { ["users"] = 1000, ["orders"] = 50_000 };
        var prefix = VaultKeys.BackupPrefix("test", tier, id);
        var manifest = _golden with
        {
            Id = id.ToString(),
            Environment = "test",
            Database = "db",
            Kind = kind,
            Tier = tier,
            StartedAt = time,
            FinishedAt = time.AddMinutes(5),
            Totals = new Totals(stored * 4, stored, rows.Values.Sum(), rows.Count),
            Snapshot = _golden.Snapshot with { Time = time, DatabaseBytes = stored * 8 },
            Fingerprints = [.. rows.Select(r => new TableFingerprint { Table = new TableName("public", r.Key), Columns = ["id"], Oids = [1], Rows = r.Value })],
            Lock = null,
        };
        return new WatchedBackup
        {
            Entry = new CatalogEntry { Prefix = prefix, Tier = tier, Id = id, Manifest = manifest, IsLocked = false, Results = [] },
            StoredAt = time.AddMinutes(5),
            IsWhole = true,
        };
    }

    /// <summary>One backup a day at 02:00, oldest first; the last one so many days ago (0 = today).</summary>
    public static List<WatchedBackup> Daily(int count, int lastDaysAgo = 0) =>
        [.. Enumerable.Range(0, count).Reverse().Select(i => Backup(new DateTimeOffset(2026, 3, 20, 2, 0, 0, TimeSpan.Zero).AddDays(-i - lastDaysAgo)))];

    public static WatchedBackup With(this WatchedBackup backup, params ResultName[] results) =>
        backup with { Entry = backup.Entry with { Results = [.. results.OrderBy(r => r.At)] } };

    public static WatchedBackup Change(this WatchedBackup backup, Func<Manifest, Manifest> change) =>
        backup with { Entry = backup.Entry with { Manifest = change(backup.Manifest!) } };

    public static WatchReport Judge(IReadOnlyList<WatchedBackup> backups, Policy? policy = null, Func<WatchFacts, WatchFacts>? facts = null, DateTimeOffset? now = null)
    {
        var known = new WatchFacts { Vault = "v", Backups = backups, VaultHasClock = true, Touched = [] };
        return WatchJudge.Judge(policy ?? Policy(), facts is null ? known : facts(known), now ?? Now);
    }

    /// <summary>Findings that are more than information, as <c>severity code</c>.</summary>
    public static IReadOnlyList<string> Troubles(this WatchReport report) =>
        [.. All(report).Where(f => f.Severity != Severity.Info).Select(f => $"{Words.Of(f.Severity)} {f.Code}").Order(StringComparer.Ordinal)];

    public static Finding The(this WatchReport report, FindingCode code) => Assert.Single(All(report), f => f.Code == code.Name);

    public static bool Has(this WatchReport report, FindingCode code) => All(report).Any(f => f.Code == code.Name);

    private static IEnumerable<Finding> All(WatchReport report) => report.Databases.SelectMany(d => d.Findings).Concat(report.Findings);
}
