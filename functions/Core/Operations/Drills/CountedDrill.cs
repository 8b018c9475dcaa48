using Backup.Core.Model;
using Backup.Core.Signals;

namespace Backup.Core.Operations.Drills;

/// <summary>A drill whose outcome is counted: 1 after PASS, 0 after every other end.</summary>
public sealed class CountedDrill(RunDrill drill, IMetricSink metrics, TimeProvider clock)
{
    public async Task<DrillReport> ExecuteAsync(DrillRequest request, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(request);
        DrillReport? report = null;
        try
        {
            return report = await drill.ExecuteAsync(request, cancel);
        }
        finally
        {
            Metric Of(MetricName name, double value) => new(name, value, request.Backup.Environment, request.Backup.Id.Database, clock.GetUtcNow());
            var success = Of(MetricName.DrillSuccess, report?.Verdict == Verdict.Pass ? 1 : 0);
            await metrics.EmitAsync(report is null ? [success] : [success, Of(MetricName.DrillDuration, report.Seconds.Total)], CancellationToken.None);
        }
    }
}
