using System.Globalization;
using System.Text;
using Backup.Core.Model;
using Backup.Core.Operations.Serving;

namespace Backup.Core.Operations.Status;

/// <summary>The figures of a service in Prometheus' text format 0.0.4. What is not known has no sample: an alarm on absence is the one that does not lie.</summary>
public static class PrometheusText
{
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    public static string Write(ServiceStatus status)
    {
        ArgumentNullException.ThrowIfNull(status);
        var text = new StringBuilder();
        var databases = status.Databases;
        void Gauge(string name, string help, Func<DatabaseStatus, double?> value) =>
            Family(text, name, "gauge", help, databases.Select(d => (Labels(status, d.Name), value(d))));
        Gauge("backup_safe", "1 when nothing critical is known of the database, 0 when it is at risk.", d => d.State is null || !status.IsCurrent ? null : d.State.Safe ? 1 : 0);
        Gauge("backup_age_hours", "Hours since the snapshot of the newest complete backup.", d => d.State?.LastBackupAt is { } at ? Math.Round((status.Now - at).TotalHours, 3) : null);
        Gauge("backup_max_age_hours", "Hours that the newest complete backup may be old.", d => d.State?.MaxAgeHours);
        Gauge("backup_size_bytes", "Stored bytes of the newest complete backup.", d => d.State?.StoredBytes);
        Gauge("backup_rows", "Rows in the newest complete backup.", d => d.State?.Rows);
        Gauge("backup_size_deviation_percent", "Stored bytes against the median of the last seven of the same kind.", d => d.State?.SizeDeviation);
        Gauge("backup_count", "Backups in the vault, without increments.", d => d.State?.Backups);
        Gauge("backup_drill_age_hours", "Hours since the newest drill that passed.", d => d.State?.DrillAgeHours);
        Gauge("backup_increment_age_hours", "Hours since the rows of critical tables were copied.", d => d.State?.IncrementAgeHours);
        Gauge("backup_copy_lag_hours", "Hours since the oldest backup that the copy lacks was stored.", d => d.State?.CopyLagHours);
        Gauge("backup_next_run_timestamp_seconds", "When the next scheduled backup begins, in Unix time.", d => d.Next?.ToUnixTimeSeconds());
        Family(text, "backup_findings", "gauge", "Findings of the newest look at the vault.", databases.Where(d => d.State is not null).SelectMany(d => Enum.GetValues<Severity>()
            .Select(s => ($"{Labels(status, d.Name)},severity=\"{Words.Of(s)}\"", (double?)d.State!.Findings.Count(f => f.Severity == s)))));
        Family(text, "backup_last_work_success", "gauge", "1 when the last work of this kind succeeded, 0 when it failed; since the service started.",
            status.Counts.Select(c => (Labels(status, c), (double?)(c.Last.Result.Outcome == WorkOutcome.Done ? 1 : 0))));
        Family(text, "backup_last_work_duration_seconds", "gauge", "How long the last work of this kind took.", status.Counts.Select(c => (Labels(status, c), (double?)Math.Round(c.Last.Duration.TotalSeconds, 3))));
        Family(text, "backup_last_work_timestamp_seconds", "gauge", "When the last work of this kind ended, in Unix time.", status.Counts.Select(c => (Labels(status, c), (double?)c.Last.EndedAt.ToUnixTimeSeconds())));
        Family(text, "backup_works_total", "counter", "Works that ended, since the service started.", status.Counts.SelectMany(c =>
            ((string, double?)[])[($"{Labels(status, c)},outcome=\"done\"", c.Succeeded), ($"{Labels(status, c)},outcome=\"failed\"", c.Failed)]));
        var environment = $"environment=\"{Escape(status.Policy.Environment)}\"";
        Family(text, "backup_running", "gauge", "Works that run now.", [(environment, status.Running.Count)]);
        Family(text, "backup_waiting", "gauge", "Works that wait for their turn.", [(environment, status.Waiting.Count)]);
        Family(text, "backup_watch_age_seconds", "gauge", "Seconds since the newest look at the vault.", [(environment, status.LookedAt is { } looked ? Math.Round((status.Now - looked).TotalSeconds) : null)]);
        Family(text, "backup_healthy", "gauge", "1 when the scheduler runs and the vault was read within two hours.", [(environment, status.Illness is null ? 1 : 0)]);
        Family(text, "backup_start_timestamp_seconds", "gauge", "When the service started, in Unix time.", [(environment, status.StartedAt.ToUnixTimeSeconds())]);
        return text.ToString();
    }

    private static void Family(StringBuilder text, string name, string type, string help, IEnumerable<(string Labels, double? Value)> samples)
    {
        var known = samples.Where(s => s.Value is not null).ToList();
        if (known.Count == 0) return;
        text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {help}\n# TYPE {name} {type}\n");
        foreach (var (labels, value) in known) text.Append(CultureInfo.InvariantCulture, $"{name}{{{labels}}} {value!.Value:R}\n");
    }

    private static string Labels(ServiceStatus status, string database) => $"environment=\"{Escape(status.Policy.Environment)}\",database=\"{Escape(database)}\"";

    private static string Labels(ServiceStatus status, WorkCount count) => $"{Labels(status, count.Database ?? "")},work=\"{Words.Of(count.Kind)}\"";

    private static string Escape(string value) =>
        value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
}
