using Backup.Core.Model;
using Backup.Core.Signals;

namespace Backup.Core.Operations;

/// <summary>
/// A run whose outcome is counted. Success is 1 only when its manifest is committed; every other end, cancellation too, is 0. A repeated trigger that
/// finds the work done, or being done, is neither.
/// </summary>
public sealed class CountedRun(RunBackup run, IMetricSink metrics, TimeProvider clock)
{
    public async Task<RunReport> ExecuteAsync(RunRequest request, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(request);
        RunReport? report = null;
        try
        {
            return report = await run.ExecuteAsync(request, cancel);
        }
        finally
        {
            await metrics.EmitAsync(Figures(request, report), CancellationToken.None); // a cancelled run is a failed run, and is counted
        }
    }

    private IReadOnlyList<Metric> Figures(RunRequest request, RunReport? report)
    {
        var at = clock.GetUtcNow();
        Metric Of(MetricName name, double value) => new(name, value, request.Environment, request.Database.Name, at);
        return report switch
        {
            null => [Of(MetricName.BackupSuccess, 0)],
            { Outcome: RunOutcome.Committed, Manifest: { } m } =>
            [
                Of(MetricName.BackupSuccess, 1), Of(MetricName.BackupSize, m.Totals.StoredBytes), Of(MetricName.BackupRawSize, m.Totals.RawBytes),
                Of(MetricName.BackupRows, m.Totals.Rows), Of(MetricName.BackupDuration, (m.FinishedAt - m.StartedAt).TotalSeconds),
            ],
            _ => [],
        };
    }
}
