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
            await metrics.EmitAsync(Figures(request.Environment, request.Database.Name, report, clock.GetUtcNow()), CancellationToken.None); // a cancelled run is a failed run, and is counted
        }
    }

    /// <param name="environment">Dimension.</param>
    /// <param name="database">Dimension.</param>
    /// <param name="report">Null: the run failed.</param>
    /// <param name="at">When it ended.</param>
    public static IReadOnlyList<Metric> Figures(string environment, string database, RunReport? report, DateTimeOffset at)
    {
        Metric Of(MetricName name, double value) => new(name, value, environment, database, at);
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
