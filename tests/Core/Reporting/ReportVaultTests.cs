using System.IO.Compression;
using System.Text;
using Backup.Core.Catalog;
using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Core.Operations.Pruning;
using Backup.Core.Operations.Reporting;
using Backup.Core.Policies;
using Backup.Core.Retention;
using Backup.Core.Storage;
using Backup.Core.Tests.Support;
using Backup.Tests.Support;
using static Backup.Core.Tests.Reporting.Chronicle;

namespace Backup.Core.Tests.Reporting;

/// <summary>From stored objects to the report: what a vault still knows, and what an access log tells.</summary>
public sealed class ReportVaultTests(PostgresFixture postgres) : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("backup-report-").FullName;
    private readonly ManualClock _clock = new(Later);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_month_reads_the_same_before_and_after_its_backups_have_expired()
    {
        await using var vault = new FolderVault(Directory.CreateDirectory(Path.Combine(_folder, "vault")).FullName, _clock);
        for (var day = 0; day < 20; day++)
        {
            if (day is 9 or 10) continue; // two nights are missing
            var at = At(2, 27).AddDays(day);
            await MadeUp.BackupAsync(vault, at);
            await RecordAsync(vault, at.AddMinutes(1), "run", BackupId.Create(MadeUp.Database, at), "committed");
        }

        var bad = (await MadeUp.ListAsync(vault)).Single(e => e.Id.Time == At(3, 3));
        await new BackupCatalog(vault).AttachAsync(bad.Prefix, new ResultName(ProofKind.Verify, Verdict.Fail, At(3, 3, 5)), "{}"u8.ToArray(), Cancel);
        await RecordAsync(vault, At(3, 3, 5), "verify", bad.Id, "fail");

        var before = (await ReportAsync(vault, At(3, 19))).Db();
        Assert.Equal((18, 15, 2, 1, 0), (before.Runs!.Due, before.Runs.Made, before.Runs.Missing, before.Runs.Refuted, before.Gone));
        Assert.Equal((1, 16, 1), (before.Verifies.Fail, before.Backups, before.Trail.Deeds.Count(d => d.Verb == "run")));
        Assert.Equal(["verify.failed", "backup.missed"], before.Incidents.Select(i => i.Code).Where(c => c != "backup.old"));

        _clock.Now = At(3, 18, 12);
        var rules = new PruneRules(new RetentionPolicy(new Dictionary<Tier, CalendarSpan> { [Tier.Daily] = new(5, CalendarUnit.Days) }), null, null);
        var pruned = await new PruneBackups(postgres.Machine, _clock).ExecuteAsync(new PruneRequest { Vault = vault, Environment = MadeUp.Environment, Database = MadeUp.Database, Rules = rules }, Cancel);
        Assert.InRange(pruned.Expired, 10, 14);

        var after = (await ReportAsync(vault, At(3, 19))).Db();
        Assert.Equal((before.Runs, before.LargestGap, before.Verifies), (after.Runs, after.LargestGap is { } g ? g with { From = before.LargestGap!.From, Hours = before.LargestGap.Hours } : null, after.Verifies));
        Assert.InRange(Math.Abs(after.LargestGap!.Hours - before.LargestGap!.Hours), 0, 0.02); // ids have whole seconds, snapshots were five later
        Assert.True(after.Gone >= 9);
        Assert.Equal(pruned.Expired, after.Expired);
        Assert.True(after.Tiers.Single().Backups < 10);
    }

    [Fact]
    public async Task Damage_is_an_incident_of_the_night_whose_backup_it_is()
    {
        await using var vault = new FolderVault(Directory.CreateDirectory(Path.Combine(_folder, "vault")).FullName, _clock);
        for (var day = 1; day <= 6; day++) await MadeUp.BackupAsync(vault, At(3, day));
        string Manifest(int day) => Path.Combine(_folder, "vault", VaultKeys.BackupPrefix(MadeUp.Environment, Tier.Daily, BackupId.Create(MadeUp.Database, At(3, day))), VaultKeys.ManifestName);
        await File.AppendAllTextAsync(Manifest(2), " ", Cancel); // its hash does not fit any more
        File.Delete(Directory.GetFiles(Path.GetDirectoryName(Manifest(4))!, "base*", SearchOption.AllDirectories).Single());
        await new BackupCatalog(vault).AttachAsync(VaultKeys.BackupPrefix(MadeUp.Environment, Tier.Daily, BackupId.Create(MadeUp.Database, At(3, 5))), new ResultName(ProofKind.Verify, Verdict.Pass, At(3, 5, 5)), "{}"u8.ToArray(), Cancel);
        File.Delete(Manifest(5));
        var db = (await ReportAsync(vault, At(3, 7))).Db();
        Assert.Equal((3, 3), (db.Runs!.Made, db.Runs.Refuted));
        Assert.Equal(["backup.unreadable", "backup.incomplete", "backup.hidden"], db.Incidents.Select(i => i.Code).Where(c => c != "backup.old"));
    }

    [Fact]
    public async Task An_access_log_tells_who_touched_what_and_who_was_refused()
    {
        const string Role = """{"type":"AssumedRole","arn":"arn:aws:sts::1:assumed-role/dump/s1","sessionContext":{"sessionIssuer":{"arn":"arn:aws:iam::1:role/dump"}}}""";
        const string User = """{"type":"IAMUser","arn":"arn:aws:iam::1:user/mallory"}""";
        var key = "pre/" + VaultKeys.BackupPrefix("test", Tier.Daily, BackupId.Create("db", At(3, 3))) + "manifest.json";
        await LogAsync("2026/03/03/a.json.gz", Event("e1", "2026-03-03T02:00:00Z", "PutObject", Role, "vault", key), Event("e2", "2026-03-03T02:00:01Z", "PutObject", Role, "vault", key),
            Event("e3", "2026-03-03T03:00:00Z", "GetObject", User, "vault", key, "AccessDenied"));
        await LogAsync("2026/04/01/b.json.gz", Event("e2", "2026-03-03T02:00:01Z", "PutObject", Role, "vault", key), // delivered twice
            Event("e4", "2026-04-01T00:00:00Z", "GetObject", User, "vault", key), // the next month
            Event("e5", "2026-03-31T23:59:59Z", "GetObject", User, "vault", "pre/staging/daily/db/x"), Event("e6", "2026-03-31T23:59:59Z", "GetObject", User, "other", key));
        await LogAsync("2026/02/27/never-opened.json.gz", "this is no JSON");
        await LogAsync("2026/03/09/broken.json", "{");
        await using var vault = new FolderVault(_folder, _clock);
        var log = new FolderVault(Path.Combine(_folder, "log"), _clock);
        var facts = await new AccessLog(log, "s3://vault/pre").ReadAsync("test", March, Cancel);
        Assert.Equal((3, 3), (facts.Files, facts.Events));
        Assert.Equal([new AccessLine("arn:aws:iam::1:user/mallory", "GetObject", "db", 1, 1, At(3, 3, 3)), new AccessLine("arn:aws:iam::1:role/dump", "PutObject", "db", 2, 0, At(3, 3).AddSeconds(1))], facts.Lines);
        Assert.EndsWith("2026/03/09/broken.json", Assert.Single(facts.Unreadable), StringComparison.Ordinal);
        Assert.Equal(ErrorCode.UsageWrong, (await Assert.ThrowsAsync<BackupException>(() => new AccessLog(log, vault.Name).ReadAsync("test", March, Cancel))).Code);
    }

    private async Task LogAsync(string path, params string[] events)
    {
        var file = Path.Combine(_folder, "log/AWSLogs/1/CloudTrail/eu-central-1", path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        await using Stream raw = File.Create(file), packed = path.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(raw, CompressionLevel.Fastest) : raw;
        await packed.WriteAsync(Encoding.UTF8.GetBytes(events[0].StartsWith("{\"eventID", StringComparison.Ordinal) ? $"{{\"Records\":[{string.Join(',', events)}]}}" : events[0]), Cancel);
    }

    private static string Event(string id, string time, string name, string who, string bucket, string key, string? error = null) =>
        $$"""{"eventID":"{{id}}","eventTime":"{{time}}","eventSource":"s3.amazonaws.com","eventName":"{{name}}","userIdentity":{{who}},"requestParameters":{"bucketName":"{{bucket}}","key":"{{key}}"}{{(error is null ? "" : $",\"errorCode\":\"{error}\"")}}}""";

    private Task<MonthReport> ReportAsync(IVault vault, DateTimeOffset now)
    {
        _clock.Now = now;
        return new MonthlyReport(_clock).ExecuteAsync(new MonthlyReportRequest
        {
            Vault = vault,
            Month = March,
            Policy = new Policy { Project = "p", Environment = MadeUp.Environment, Objectives = new Objectives(TimeSpan.FromHours(25), TimeSpan.FromHours(4)), Databases = [new DatabasePolicy { Name = MadeUp.Database, UrlVariable = "U", Schedule = "0 2 * * *" }] },
        }, Cancel);
    }

    private async Task RecordAsync(IVault vault, DateTimeOffset at, string verb, BackupId id, string result)
    {
        var now = _clock.Now;
        _clock.Now = at;
        await Trail.RecordAsync(postgres.Machine, _clock, null, vault, MadeUp.Environment, MadeUp.Database, verb, [id.ToString()], result);
        _clock.Now = now;
    }
}
