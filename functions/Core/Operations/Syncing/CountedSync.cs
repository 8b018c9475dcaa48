using Backup.Core.Signals;

namespace Backup.Core.Operations.Syncing;

/// <summary>A sync whose errors are counted for each database, 0 where nothing failed.</summary>
public sealed class CountedSync(SyncVaults sync, IMetricSink metrics, TimeProvider clock)
{
    public async Task<SyncReport> ExecuteAsync(SyncRequest request, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(request);
        // A vault that cannot be listed at all is one error, where it is known of what.
        IReadOnlyList<SyncedDatabase> counted = request is { Environment: { } environment, Database: { } database } ? [new SyncedDatabase(environment, database, 1)] : [];
        try
        {
            var report = await sync.ExecuteAsync(request, cancel);
            counted = report.Databases;
            return report;
        }
        finally
        {
            await metrics.EmitAsync([.. counted.Select(c => new Metric(MetricName.S3SyncErrors, c.Failed, c.Environment, c.Database, clock.GetUtcNow()))], CancellationToken.None);
        }
    }
}
