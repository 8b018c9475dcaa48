using Backup.Core.Signals;

namespace Backup.Core.Operations.Increments;

/// <summary>An increment whose outcome is counted: 1 after a commit without a failed table, 0 after a failure, nothing when there was nothing to do.</summary>
public sealed class CountedIncrement(RunIncrement run, IMetricSink metrics, TimeProvider clock)
{
    public async Task<IncrementReport> ExecuteAsync(RunRequest request, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(request);
        double? success = 0;
        try
        {
            var report = await run.ExecuteAsync(request, cancel);
            success = report.Outcome != IncrementOutcome.Committed ? null : report.Failures.Count == 0 ? 1 : 0;
            return report;
        }
        finally
        {
            if (success is { } value)
                await metrics.EmitAsync([new Metric(MetricName.IncrementalSuccess, value, request.Environment, request.Database.Name, clock.GetUtcNow())], CancellationToken.None);
        }
    }
}
