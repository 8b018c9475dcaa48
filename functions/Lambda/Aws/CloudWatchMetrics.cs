using Amazon.CloudWatch;
using Amazon.CloudWatch.Model;
using Backup.Core.Signals;
using Metric = Backup.Core.Signals.Metric;

namespace Backup.Lambda.Aws;

/// <summary>Figures to CloudWatch, as many per request as it takes.</summary>
public sealed class CloudWatchMetrics(IAmazonCloudWatch client) : IMetricSink
{
    private const int PerRequest = 1000;

    public async Task EmitAsync(IReadOnlyList<Metric> metrics, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(metrics);
        foreach (var batch in metrics.Chunk(PerRequest))
            await client.PutMetricDataAsync(new PutMetricDataRequest { Namespace = MetricName.Namespace, MetricData = [.. batch.Select(Datum)] }, cancel);
    }

    private static MetricDatum Datum(Metric metric) => new()
    {
        MetricName = metric.Name.Name,
        Unit = metric.Name.Unit.ToString(), // spelled as CloudWatch does
        Value = metric.Value,
        Timestamp = metric.At.UtcDateTime,
        Dimensions = [new Dimension { Name = "Environment", Value = metric.Environment }, new Dimension { Name = "Database", Value = metric.Database }],
    };
}
