using System.Globalization;
using Backup.Core.Policies;

namespace Backup.Infra.Compile;

/// <summary>The dashboard: per database one row with age, size, rows, duration and drills against the promised recovery time; above them all alarms.</summary>
public static class DashboardCompiler
{
    private const int MostAlarms = 100;
    private const int RowHeight = 6;

    public static string Body(Names names, Policy policy, IEnumerable<string> alarmArns)
    {
        ArgumentNullException.ThrowIfNull(names);
        ArgumentNullException.ThrowIfNull(policy);
        var widgets = new List<object>
        {
            new
            {
                type = "alarm", x = 0, y = 0, width = 24, height = 4,
                properties = new { title = $"{policy.Project} {policy.Environment}: alarms", alarms = alarmArns.Take(MostAlarms).ToArray() },
            },
        };
        var y = 4;
        foreach (var database in policy.Databases)
        {
            widgets.AddRange(Row(names, policy, database, y));
            y += RowHeight;
        }

        return JsonText.Of(new { widgets });
    }

    private static IEnumerable<object> Row(Names names, Policy policy, DatabasePolicy database, int y)
    {
        var missing = AlarmCompiler.MissingAfterHours(policy, database);
        yield return Graph(0, 5, "age (hours)", [.. new[] { "BackupAge", "IncrementalAge" }.Take(database.CriticalTables.Count > 0 ? 2 : 1)], "Maximum", 3600, missing, "missing from here");
        yield return Graph(5, 5, "size (bytes)", ["BackupSize", "BackupRawSize"], "Maximum", 86400, null, "");
        yield return Graph(10, 4, "rows", ["BackupRows"], "Maximum", 86400, null, "");
        yield return Graph(14, 5, "duration (seconds)", ["BackupDuration"], "Maximum", 86400, null, "");
        yield return Graph(19, 5, "drill (seconds)", ["DrillDuration"], "Maximum", 86400, policy.Objectives?.Rto.TotalSeconds, "promised recovery time");

        object Graph(int x, int width, string what, string[] metrics, string stat, int period, double? line, string label) => new
        {
            type = "metric",
            x,
            y,
            width,
            height = RowHeight,
            properties = new
            {
                title = $"{database.Name}: {what}",
                region = names.Region,
                view = "timeSeries",
                stat,
                period,
                metrics = metrics.Select(m => new[] { AlarmCompiler.Namespace, m, "Environment", policy.Environment, "Database", database.Name }).ToArray(),
                annotations = new { horizontal = line is { } value ? [new { value, label }] : Array.Empty<object>() },
            },
        };
    }

    public static string Url(Names names)
    {
        ArgumentNullException.ThrowIfNull(names);
        return string.Create(CultureInfo.InvariantCulture, $"https://{names.Region}.console.aws.amazon.com/cloudwatch/home?region={names.Region}#dashboards/dashboard/{names.DashboardName}");
    }
}
