using Backup.Core.Signals;
using Backup.Lambda.Hosting;

namespace Backup.Lambda.Handlers;

/// <summary>Sends figures at the end of a call, also of a cancelled one. What cannot be sent is a warning in the log: a figure is never worth a backup.</summary>
public sealed class Figures(IMetricSink sink)
{
    public Task EmitAsync(IReadOnlyList<Metric> metrics, Invocation call)
    {
        ArgumentNullException.ThrowIfNull(metrics);
        ArgumentNullException.ThrowIfNull(call);
        return metrics.Count == 0 ? Task.CompletedTask : new QuietMetrics([sink], text => call.Log.Warning(text)).EmitAsync(metrics, CancellationToken.None);
    }
}
