using System.Text;
using Backup.Core.Model;
using Backup.Core.Operations.Reporting;
using Backup.Core.Storage;
using Backup.Lambda.Hosting;

namespace Backup.Lambda.Aws;

/// <summary>Where the months' reports lie: beside the policy, in the config bucket. Written once: what was reported stays, whatever is found out later.</summary>
public sealed class ReportStore(Settings settings, TimeProvider clock)
{
    /// <summary>Begins the keys; the bucket's policy lets Watch write there, once, and nobody overwrite.</summary>
    public const string Prefix = "reports/";

    /// <returns>Where the page is, or null when this month was reported before.</returns>
    public async Task<string?> WriteAsync(MonthReport report, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(report);
        // Tags are for what lifecycle rules end; nothing ends here.
        await using var bucket = VaultFactory.Open($"s3://{settings.PolicyBucket}?tags=off", null, clock);
        var page = Prefix + ReportPage.FileName(report, "html");
        // The page goes last: where it is, the figures are too.
        await PutAsync(bucket, Prefix + ReportPage.FileName(report, "json"), ReportJson.Write(report), cancel);
        return await PutAsync(bucket, page, Encoding.UTF8.GetBytes(ReportPage.Write(report)), cancel) ? $"s3://{settings.PolicyBucket}/{page}" : null;
    }

    private static async Task<bool> PutAsync(IVault bucket, string key, byte[] content, CancellationToken cancel)
    {
        try
        {
            using var stream = new MemoryStream(content, writable: false);
            await bucket.PutAsync(key, stream, ObjectState.Committed, retain: null, cancel);
            return true;
        }
        catch (BackupException e) when (e.Code == ErrorCode.VaultConflict)
        {
            return false;
        }
    }
}
