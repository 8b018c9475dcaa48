using Backup.Core.Model;
using Backup.Core.Signals;

namespace Backup.Core.Operations.Watching;

/// <summary>What a judgement tells to alarms and people.</summary>
public static class WatchSignals
{
    private static readonly string[] _touched = [FindingCode.ObjectHidden.Name, FindingCode.ObjectOverwritten.Name];

    /// <summary>Ages, deviations and numbers of findings, at the watch's own time. What is not known is not sent: alarms treat missing figures as bad.</summary>
    public static IReadOnlyList<Metric> Metrics(WatchReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        var metrics = new List<Metric>();
        foreach (var state in report.Databases)
        {
            void Add(MetricName name, double? value)
            {
                if (value is { } v) metrics.Add(new Metric(name, v, report.Environment, state.Database, report.At));
            }

            if (state.Schedule is not null) Add(MetricName.BackupAge, state.AgeHours);
            Add(MetricName.BackupSizeDeviation, state.SizeDeviation);
            Add(MetricName.DrillAge, state.DrillAgeHours);
            Add(MetricName.IncrementalAge, state.IncrementAgeHours);
            Add(MetricName.S3SyncLag, state.CopyLagHours);
            var critical = state.Findings.Where(f => f.Severity == Severity.Critical).ToList();
            Add(MetricName.WatchCritical, critical.Count(f => Route(f) == NoticeRoute.Page && !_touched.Contains(f.Code)));
            Add(MetricName.WatchShrunk, critical.Count(f => Route(f) == NoticeRoute.Mail));
            // Judged once a day only: a zero in between would close an alarm about what is still so.
            if (!report.Unjudged.Any(_touched.Contains)) Add(MetricName.WatchTouched, critical.Count(f => _touched.Contains(f.Code)));
        }

        return metrics;
    }

    public static NoticeScope Notices(WatchReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        var findings = report.Databases.ToDictionary(d => d.Database, d => d.Findings, StringComparer.Ordinal);
        // What is said about the vault goes under its name; nothing said must be known too, so that it can recover.
        findings[report.Vault] = report.Findings;
        return new NoticeScope { Environment = report.Environment, Findings = findings, Unjudged = report.Unjudged };
    }

    private static NoticeRoute? Route(Finding finding) => FindingCode.Find(finding.Code)?.Route;
}
