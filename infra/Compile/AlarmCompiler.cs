using Backup.Core.Model;
using Backup.Core.Policies;

namespace Backup.Infra.Compile;

/// <summary>
/// Alarms of a policy. What a run publishes keeps its state until the next run (missing = ignore), so a page is closed by a success and not by the clock;
/// ages are published hourly by Watch from outside the runner, and their silence is an alarm.
/// </summary>
public static class AlarmCompiler
{
    public const string Namespace = "Backup";
    private const int Hour = 3600;

    /// <summary>A run may take this long past its time before it is missing.</summary>
    private const double GraceHours = 2;

    /// <summary>S3 copies within minutes, and Watch compares once a day.</summary>
    private const int CopyHours = 24;

    /// <summary>More chunks than this has only a backup of some hundred gigabytes.</summary>
    private const int ObjectsOfBackup = 1000;

    /// <summary>An alarm takes 20 queries; this leaves room for the expression and a sum.</summary>
    private const int MostMetrics = 15;

    public static IReadOnlyList<AlarmSpec> Alarms(Names names, Policy policy, string? copyBucket, bool trail, bool rotation)
    {
        ArgumentNullException.ThrowIfNull(names);
        ArgumentNullException.ThrowIfNull(policy);
        return
        [
            .. policy.Databases.SelectMany(d => OfDatabase(policy, d)),
            .. Machinery(names, rotation),
            .. Pruning(policy),
            .. copyBucket is null ? [] : Copy(names, policy, copyBucket),
            .. trail ? [TooManyTags(names, policy)] : Array.Empty<AlarmSpec>(),
        ];
    }

    /// <summary>The hours after which a backup is missing; null for a database without a schedule: nothing is expected of it.</summary>
    public static double? MissingAfterHours(Policy policy, DatabasePolicy database)
    {
        ArgumentNullException.ThrowIfNull(policy);
        ArgumentNullException.ThrowIfNull(database);
        if (database.Schedule is null) return null;
        return policy.Watch.MaxAge?.TotalHours ?? (Schedule.Parse(database.Schedule).LargestGap.TotalHours + GraceHours);
    }

    private static IEnumerable<AlarmSpec> OfDatabase(Policy policy, DatabasePolicy database)
    {
        var name = Names.Database(database.Name);
        MetricRef Metric(string metric, string statistic) => Of(policy, metric, statistic, database.Name);
        yield return new AlarmSpec
        {
            Name = $"{name}-backup-failed",
            Description = $"The last backup of {database.Name} failed. See the function's log; the next success closes this.",
            Topic = AlarmTopic.Critical,
            // Maximum: a retry that succeeds within the period has mended it.
            Metrics = [Metric("BackupSuccess", "Maximum")],
            Comparison = "LessThanThreshold",
            Threshold = 1,
            PeriodSeconds = 300,
            Missing = "ignore",
        };
        if (MissingAfterHours(policy, database) is { } hours)
        {
            yield return new AlarmSpec
            {
                Name = $"{name}-backup-missing",
                Description = $"The newest backup of {database.Name} is older than {hours:0.#} hours, or nobody has looked for two hours.",
                Topic = AlarmTopic.Critical,
                Metrics = [Metric("BackupAge", "Maximum")],
                Comparison = "GreaterThanThreshold",
                Threshold = hours,
                PeriodSeconds = Hour,
                Periods = 2,
                Missing = "breaching",
            };
        }

        yield return new AlarmSpec
        {
            Name = $"{name}-backup-size",
            Description = $"The last backup of {database.Name} is more than {policy.Watch.SizeCritical:P0} larger or smaller than usual.",
            Topic = AlarmTopic.Notice,
            Metrics = [Metric("BackupSizeDeviation", "Maximum")],
            Expression = "ABS(m1)",
            Comparison = "GreaterThanThreshold",
            Threshold = Math.Round(policy.Watch.SizeCritical * 100, 4),
            PeriodSeconds = 300,
            Missing = "ignore",
        };
        if (database.CriticalTables.Count > 0)
        {
            yield return new AlarmSpec
            {
                Name = $"{name}-incremental-missing",
                Description = $"The newest increment of {database.Name} is older than two intervals.",
                Topic = AlarmTopic.Critical,
                Metrics = [Metric("IncrementalAge", "Maximum")],
                Comparison = "GreaterThanThreshold",
                Threshold = 2 * database.CriticalTables.Max(t => t.Every).TotalHours,
                PeriodSeconds = Hour,
                Periods = 2,
                Missing = "notBreaching",
            };
        }

        foreach (var spec in OfWatch(database, name, Metric)) yield return spec;
        if (policy.Drill is not { } drill) yield break;
        yield return new AlarmSpec
        {
            Name = $"{name}-drill-failed",
            Description = $"The last restore drill of {database.Name} did not pass: do not rely on its backups until it does.",
            Topic = AlarmTopic.Critical,
            Metrics = [Metric("DrillSuccess", "Maximum")],
            Comparison = "LessThanThreshold",
            Threshold = 1,
            PeriodSeconds = 300,
            Missing = "ignore",
        };
        yield return new AlarmSpec
        {
            Name = $"{name}-drill-overdue",
            Description = $"No drill of {database.Name} has passed for two intervals, or none ever has. Nothing is pruned until one does.",
            Topic = AlarmTopic.Notice,
            Metrics = [Metric("DrillAge", "Maximum")],
            Comparison = "GreaterThanThreshold",
            Threshold = 2 * Schedule.Parse(drill.Schedule).LargestGap.TotalHours,
            PeriodSeconds = Hour,
            Periods = 2,
            Missing = "breaching",
        };
    }

    /// <summary>What Watch finds critical and no figure of a run shows: locks, damage, missed runs, objects that somebody touched, rows that are gone.</summary>
    private static IEnumerable<AlarmSpec> OfWatch(DatabasePolicy database, string name, Func<string, string, MetricRef> metric)
    {
        yield return Found("at-risk", AlarmTopic.Critical, "WatchCritical", $"Watch finds {database.Name} at risk. Its log says what and what to do; docs/runbooks/findings.md explains each code.");
        yield return Found("touched", AlarmTopic.Critical, "WatchTouched", $"Objects of {database.Name} were hidden or stored over: treat who can write as stolen. Judged once a day.");
        yield return Found("rows-lost", AlarmTopic.Notice, "WatchShrunk", $"A table of {database.Name} lost many of its rows or vanished. Keep the backups before it.");

        AlarmSpec Found(string what, AlarmTopic topic, string figure, string description) => new()
        {
            Name = $"{name}-{what}",
            Description = description,
            Topic = topic,
            Metrics = [metric(figure, "Maximum")],
            Comparison = "GreaterThanThreshold",
            Threshold = 0,
            PeriodSeconds = Hour,
            Missing = "ignore",
        };
    }

    /// <summary>What Prune and the lifecycle rules do, for as many databases together as an alarm has room for.</summary>
    private static IEnumerable<AlarmSpec> Pruning(Policy policy)
    {
        foreach (var (databases, suffix) in Parts(policy))
        {
            yield return new AlarmSpec
            {
                Name = $"prune-failed{suffix}",
                Description = "Prune could not carry out retention: backups stay longer than wanted, and are paid for. See its log.",
                Topic = AlarmTopic.Notice,
                Metrics = [.. databases.Select(d => Of(policy, "PruneSuccess", "Minimum", d.Name))],
                Expression = $"MIN([{string.Join(", ", databases.Select((_, i) => $"FILL(m{i + 1}, 1)"))}])",
                Comparison = "LessThanThreshold",
                Threshold = 1,
                PeriodSeconds = 24 * Hour,
                Missing = "ignore",
            };
            yield return new AlarmSpec
            {
                Name = $"expiry-unexplained{suffix}",
                Description = "Lifecycle removed a backup that no prune had ended: somebody else set the tag. There are 14 days to bring it back: see docs/security.md.",
                Topic = AlarmTopic.Critical,
                Metrics = [.. databases.Select(d => Of(policy, "ExpiryUnexplained", "Sum", d.Name))],
                Expression = string.Join(" + ", databases.Select((_, i) => $"FILL(m{i + 1}, 0)")),
                Comparison = "GreaterThanThreshold",
                Threshold = 0,
                PeriodSeconds = 24 * Hour,
                Missing = "notBreaching",
            };
        }
    }

    private static IEnumerable<(DatabasePolicy[] Databases, string Suffix)> Parts(Policy policy) =>
        policy.Databases.Chunk(MostMetrics).Select((databases, part) => (databases, part == 0 ? "" : $"-{part + 1}"));

    private static IEnumerable<AlarmSpec> Machinery(Names names, bool rotation)
    {
        string[] shared = rotation ? ["watch", "prune", "rotate-secret"] : ["watch", "prune"];
        yield return new AlarmSpec
        {
            Name = "events-undelivered",
            Description = "An event could not be delivered or failed twice. It lies in the queue, with its reason.",
            Topic = AlarmTopic.Critical,
            Metrics = [Sum("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum", ("QueueName", names.Queue))],
            Comparison = "GreaterThanThreshold",
            Threshold = 0,
            PeriodSeconds = 300,
            Missing = "notBreaching",
        };
        yield return new AlarmSpec
        {
            Name = "function-errors",
            Description = "Watch, Prune or RotateSecret ended with an error. Dumps and drills have alarms of their own.",
            Topic = AlarmTopic.Critical,
            Metrics = [.. shared.Select(verb => Sum("AWS/Lambda", "Errors", "Sum", ("FunctionName", names.Function(verb, null))))],
            Expression = string.Join(" + ", shared.Select((_, i) => $"FILL(m{i + 1}, 0)")),
            Comparison = "GreaterThanThreshold",
            Threshold = 0,
            PeriodSeconds = Hour,
            Missing = "notBreaching",
        };
        yield return new AlarmSpec
        {
            Name = "test-page",
            Description = "A test: Watch sets it once a month and takes it back. Who is on call should have been paged.",
            Topic = AlarmTopic.Critical,
            Metrics = [Sum(Namespace, "TestPage", "Maximum", ("Stack", names.Stem))],
            Comparison = "GreaterThanThreshold",
            Threshold = 0,
            PeriodSeconds = 300,
            Missing = "notBreaching",
        };
    }

    private static IEnumerable<AlarmSpec> Copy(Names names, Policy policy, string copyBucket)
    {
        foreach (var (databases, suffix) in Parts(policy))
        {
            yield return new AlarmSpec
            {
                Name = $"copy-incomplete{suffix}",
                Description = $"The copy has lacked a backup for more than {CopyHours} hours.",
                Topic = AlarmTopic.Chat,
                Metrics = [.. databases.Select(d => Of(policy, "S3SyncLag", "Maximum", d.Name))],
                Expression = $"MAX([{string.Join(", ", databases.Select((_, i) => $"FILL(m{i + 1}, 0)"))}])",
                Comparison = "GreaterThanThreshold",
                Threshold = CopyHours,
                // Published once a day: within an hour the filling would close the alarm.
                PeriodSeconds = 24 * Hour,
                Missing = "ignore",
            };
        }

        yield return new AlarmSpec
        {
            Name = "copy-refused",
            Description = "S3 could not copy an object. Lifecycle will neither move nor expire it until the copy succeeds.",
            Topic = AlarmTopic.Chat,
            Metrics = [Sum("AWS/S3", "OperationsFailedReplication", "Sum", ("SourceBucket", names.VaultBucket), ("DestinationBucket", copyBucket), ("RuleId", ReplicationRule))],
            Comparison = "GreaterThanThreshold",
            Threshold = 0,
            PeriodSeconds = 300,
            Missing = "notBreaching",
        };
    }

    public const string ReplicationRule = "copy";

    // The trail counts the tags that were set, Prune says how many backups it ended. A stolen role that tags and says nothing is seen within the hour.
    private static AlarmSpec TooManyTags(Names names, Policy policy)
    {
        // With more databases than an alarm has room for, only the sum of tags can be judged.
        var databases = policy.Databases.Count <= MostMetrics ? policy.Databases : [];
        return new AlarmSpec
        {
            Name = "too-many-expired",
            Description = "More objects were tagged as expired than Prune's count explains. There are 14 days to bring them back: see docs/security.md.",
            Topic = AlarmTopic.Critical,
            Metrics =
            [
                Sum("AWS/Events", "MatchedEvents", "Sum", ("RuleName", $"{names.Stem}-expiry-tags")),
                .. databases.Select(d => Of(policy, "PruneExpired", "Sum", d.Name)),
            ],
            Expression = string.Concat(databases.Select((_, i) => $" - {ObjectsOfBackup} * FILL(m{i + 2}, 0)").Prepend("FILL(m1, 0)")),
            Comparison = "GreaterThanThreshold",
            Threshold = databases.Count > 0 ? 0 : ObjectsOfBackup * policy.Databases.Count,
            // A day: events arrive minutes after the tags, and an hour's end may fall between.
            PeriodSeconds = 24 * Hour,
            Missing = "notBreaching",
        };
    }

    private static MetricRef Of(Policy policy, string metric, string statistic, string database) =>
        Sum(Namespace, metric, statistic, ("Environment", policy.Environment), ("Database", database));

    private static MetricRef Sum(string space, string metric, string statistic, params (string Name, string Value)[] dimensions) =>
        new(space, metric, dimensions.ToDictionary(d => d.Name, d => d.Value), statistic);
}
