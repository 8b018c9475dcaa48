namespace Backup.Core.Signals;

/// <summary>Units as CloudWatch spells them.</summary>
public enum MetricUnit
{
    None,
    Count,
    Bytes,
    Seconds,
    Percent,
}

/// <summary>One kind of figure. CloudWatch knows no hours, so ages have no unit there and say so here.</summary>
public sealed record MetricName(string Name, MetricUnit Unit, string Meaning)
{
    /// <summary>Of every metric.</summary>
    public const string Namespace = "Backup";

    public static readonly MetricName BackupSuccess = new("BackupSuccess", MetricUnit.Count, "1 after a manifest was committed, 0 after a run that failed");
    public static readonly MetricName BackupSize = new("BackupSize", MetricUnit.Bytes, "bytes stored");
    public static readonly MetricName BackupRawSize = new("BackupRawSize", MetricUnit.Bytes, "bytes before compression");
    public static readonly MetricName BackupRows = new("BackupRows", MetricUnit.Count, "rows of all tables");
    public static readonly MetricName BackupDuration = new("BackupDuration", MetricUnit.Seconds, "from start to commit");
    public static readonly MetricName BackupSizeDeviation = new("BackupSizeDeviation", MetricUnit.Percent, "stored bytes against the median of the last seven of the same kind");
    public static readonly MetricName BackupAge = new("BackupAge", MetricUnit.None, "hours since the newest complete backup's snapshot");
    public static readonly MetricName S3SyncErrors = new("S3SyncErrors", MetricUnit.Count, "objects that could not be copied");
    public static readonly MetricName S3SyncLag = new("S3SyncLag", MetricUnit.None, "hours since the oldest backup that the copy lacks was stored");
    public static readonly MetricName DrillSuccess = new("DrillSuccess", MetricUnit.Count, "1 after PASS, 0 after FAIL and COULD NOT VERIFY");
    public static readonly MetricName DrillDuration = new("DrillDuration", MetricUnit.Seconds, "of the restore and its checks");
    public static readonly MetricName DrillAge = new("DrillAge", MetricUnit.None, "hours since the newest drill that passed");
    public static readonly MetricName IncrementalSuccess = new("IncrementalSuccess", MetricUnit.Count, "1 after a committed increment, 0 after a failure");
    public static readonly MetricName IncrementalAge = new("IncrementalAge", MetricUnit.None, "hours since the rows of critical tables were copied");
    public static readonly MetricName PruneExpired = new("PruneExpired", MetricUnit.Count, "backups that retention expired");
    public static readonly MetricName RotationSuccess = new("RotationSuccess", MetricUnit.Count, "1 after a rotated credential, 0 after a failure");

    public static IReadOnlyList<MetricName> All { get; } =
    [
        BackupSuccess, BackupSize, BackupRawSize, BackupRows, BackupDuration, BackupSizeDeviation, BackupAge, S3SyncErrors, S3SyncLag, DrillSuccess,
        DrillDuration, DrillAge, IncrementalSuccess, IncrementalAge, PruneExpired, RotationSuccess,
    ];
}

/// <summary>One figure at one time. The dimensions are Environment and Database, and no others: every further one is billed as a metric of its own.</summary>
public sealed record Metric(MetricName Name, double Value, string Environment, string Database, DateTimeOffset At);

/// <summary>Where figures go. A sink that fails throws; <see cref="QuietMetrics"/> keeps that from the operation that is measured.</summary>
public interface IMetricSink
{
    Task EmitAsync(IReadOnlyList<Metric> metrics, CancellationToken cancel);
}

/// <summary>For hosts that measure nothing.</summary>
public sealed class NoMetrics : IMetricSink
{
    public Task EmitAsync(IReadOnlyList<Metric> metrics, CancellationToken cancel) => Task.CompletedTask;
}

/// <summary>Hands figures to several sinks. One that fails is told about and costs neither the others nor the operation anything.</summary>
public sealed class QuietMetrics(IReadOnlyList<IMetricSink> sinks, Action<string> warn) : IMetricSink
{
    /// <summary>Figures are sent at the end of operations, also of cancelled ones; nobody waits longer for them than this.</summary>
    private static readonly TimeSpan _limit = TimeSpan.FromSeconds(10);

    public async Task EmitAsync(IReadOnlyList<Metric> metrics, CancellationToken cancel)
    {
        foreach (var sink in sinks)
        {
            try
            {
                await sink.EmitAsync(metrics, cancel).WaitAsync(_limit, cancel);
            }
#pragma warning disable CA1031 // a figure is never worth a backup
            catch (Exception e)
#pragma warning restore CA1031
            {
                warn($"figures were not sent to {sink.GetType().Name}: {e.Message}");
            }
        }
    }
}
