using Amazon.Runtime;
using Backup.Core.Model;
using Backup.Core.Operations.Syncing;
using Backup.Core.Storage;
using Backup.Core.Tests.Retention;
using Backup.Core.Tests.Storage;
using Backup.Core.Tests.Support;
using Backup.Tests.Support;

namespace Backup.Core.Tests.Syncing;

/// <summary>From bucket to bucket the store copies large objects itself, and is believed only for the SHA-256 that it says.</summary>
public sealed class StoreCopyTests(PostgresFixture postgres)
{
    private const int Large = 9 << 20;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_large_object_is_copied_by_the_store_and_never_read()
    {
        await using var s3 = new ScriptedS3(_ => null);
        var (from, to, prefix) = await ScenarioAsync(s3);
        s3.Requests.Clear();
        var report = await SyncAsync(from, to);
        Assert.Empty(report.Failed);
        Assert.True(report.Bytes > 2 * Large, "copied bytes are counted");
        foreach (var key in s3.Objects.Keys.Where(k => k.StartsWith("from/" + prefix, StringComparison.Ordinal))) Assert.Equal(s3.Objects[key], s3.Objects["to/" + key["from/".Length..]]);
        Assert.Equal(2, s3.Count("CopyPart"));
        Assert.DoesNotContain(s3.Requests, r => r.Name == "Get" && r.Key.Contains("/base.dump", StringComparison.Ordinal));
        Assert.Equal((0, 0), (s3.OpenUploads, s3.Count("UploadPart")));
        Assert.All(s3.Requests.Where(r => r.Name == "Complete"), r => Assert.Equal("*", r.Headers["If-None-Match"]));
    }

    [Fact]
    public async Task What_the_store_copied_and_is_not_the_manifests_never_becomes_visible()
    {
        await using var s3 = new ScriptedS3(_ => null);
        var (from, to, prefix) = await ScenarioAsync(s3);
        var key = s3.Objects.Keys.Single(k => k.StartsWith("from/" + prefix, StringComparison.Ordinal) && k.Contains("/base.dump", StringComparison.Ordinal));
        s3.Objects[key] = [.. s3.Objects[key].Reverse()]; // same size, other bytes
        var report = await SyncAsync(from, to);
        Assert.Equal("backup.damaged", Assert.Single(report.Failed).Code);
        Assert.DoesNotContain(s3.Objects.Keys, k => k.StartsWith("to/" + prefix, StringComparison.Ordinal) && (k.Contains("/base.dump", StringComparison.Ordinal) || k.EndsWith("manifest.json", StringComparison.Ordinal)));
        Assert.Equal(0, s3.OpenUploads);
        Assert.Single(report.Copied); // the other backup
    }

    [Fact]
    public async Task A_store_that_may_not_read_the_source_is_asked_once_and_the_bytes_pass_through_here()
    {
        await using var s3 = new ScriptedS3(r => r.Name == "CopyPart" ? new Misbehaviour.Answer(403, "AccessDenied") : null);
        var (from, to, prefix) = await ScenarioAsync(s3);
        s3.Requests.Clear();
        var report = await SyncAsync(from, to, together: 1);
        Assert.Equal((0, 2), (report.Failed.Count, report.Copied.Count));
        Assert.Equal((1, 0), (s3.Count("CopyPart"), s3.OpenUploads));
        Assert.Contains(s3.Requests, r => r.Name == "Get" && r.Key.Contains("/base.dump", StringComparison.Ordinal));
        Assert.Contains("to/" + prefix + "manifest.json", s3.Objects.Keys);
    }

    [Fact]
    public async Task An_error_inside_an_ok_is_no_copy()
    {
        await using var s3 = new ScriptedS3(r => r.Name == "CopyPart" ? new Misbehaviour.ErrorInOk("InternalError") : null);
        var (from, to, _) = await ScenarioAsync(s3);
        Assert.Empty((await SyncAsync(from, to)).Failed);
        Assert.Equal(0, s3.OpenUploads);
    }

    /// <summary>Two backups, each with an object that is worth a copy and a small one.</summary>
    private static async Task<(S3Vault From, S3Vault To, string Prefix)> ScenarioAsync(ScriptedS3 s3)
    {
        var from = Open(s3, "from/");
        await MadeUp.BackupAsync(from, Past.Now.AddDays(-1), sizes: [Large, 100]);
        return (from, Open(s3, "to/"), await MadeUp.BackupAsync(from, Past.Now, sizes: [Large, 100]));
    }

    private Task<SyncReport> SyncAsync(S3Vault from, S3Vault to, int together = 4) =>
        new SyncVaults(postgres.Machine, TimeProvider.System).ExecuteAsync(new SyncRequest { From = from, To = to, Together = together }, Cancel);

    private static S3Vault Open(ScriptedS3 s3, string prefix) => new(new S3Location { Bucket = "bucket", Prefix = prefix, Endpoint = s3.Endpoint }, TimeProvider.System,
        new S3Tuning { Credentials = new BasicAWSCredentials("AKIAIOSFODNN7EXAMPLE", "hunter2"), Retries = 1 });
}
