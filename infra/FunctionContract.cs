using Backup.Core.Policies;

namespace Backup.Infra;

/// <summary>
/// What the functions may rely on: their names, their environment variables, their events. The one place that both sides read;
/// infra/README.md prints it. Secrets are never here: functions read them from Secrets Manager by the policy's <c>secret:</c> at each invocation.
/// </summary>
public static class FunctionContract
{
    /// <summary>Which handler of the one image runs: one of <see cref="Verbs"/>.</summary>
    public const string Handler = "ANNOTATIONS_HANDLER";

    /// <summary>The policy bundle: <c>{"policy": {…}, "files": {"keys/ops.asc": "…"}}</c> in the config bucket, and the SHA-256 (hex) that it must have.</summary>
    public const string PolicyBucket = "BACKUP_POLICY_BUCKET";
    public const string PolicyKey = "BACKUP_POLICY_KEY";
    public const string PolicySha256 = "BACKUP_POLICY_SHA256";

    /// <summary>The policy's environment: figures carry it, also when the policy cannot be read.</summary>
    public const string Environment = "BACKUP_ENVIRONMENT";

    /// <summary>Dump and Incremental, with a key per database: ARN of the key of what they store; absent: the bucket's own.</summary>
    public const string KmsKey = "BACKUP_KMS_KEY";

    /// <summary>The one database that this function may serve; absent where it serves all.</summary>
    public const string Database = "BACKUP_DATABASE";

    /// <summary>For ecs:RunTask when a run is handed over; absent where the policy says <c>runner: lambda</c> (Dump, Incremental).</summary>
    public const string Cluster = "BACKUP_CLUSTER";
    public const string TaskDefinition = "BACKUP_TASK_DEFINITION";
    public const string Subnets = "BACKUP_SUBNETS";
    public const string SecurityGroup = "BACKUP_SECURITY_GROUP";
    public const string AssignPublicIp = "BACKUP_ASSIGN_PUBLIC_IP";

    /// <summary>Set by whoever starts a task (container override): the same JSON event that the function got.</summary>
    public const string TaskEvent = "BACKUP_EVENT";
    public const string TaskContainer = "backup";

    /// <summary>In the image: runs the handler of <see cref="Handler"/> once with the event of <see cref="TaskEvent"/> and ends with its exit code.</summary>
    public const string TaskEntryPoint = "/usr/local/bin/backup-task";

    /// <summary>Watch only: what it looks at, starts and tries.</summary>
    public const string CopyBucket = "BACKUP_COPY_BUCKET";
    public const string PruneFunction = "BACKUP_PRUNE_FUNCTION";
    public const string TestAlarm = "BACKUP_TEST_ALARM";

    /// <summary>Watch only: ARNs of the topics of alarms, with commas.</summary>
    public const string Topics = "BACKUP_TOPICS";

    /// <summary>Begins the keys of the months' reports in the config bucket, which Watch writes once.</summary>
    public const string Reports = "reports/";

    public const string Dump = "Dump";
    public const string Incremental = "Incremental";
    public const string Verify = "Verify";
    public const string Watch = "Watch";
    public const string Prune = "Prune";
    public const string RotateSecret = "RotateSecret";

    public static IReadOnlyList<string> Verbs { get; } = [Dump, Incremental, Verify, Watch, Prune, RotateSecret];

    /// <summary>Scheduler puts the planned time here: the id of the backup, however often the event is delivered.</summary>
    public const string ScheduledTime = "<aws.scheduler.scheduled-time>";

    public static object DumpEvent(DatabasePolicy database) =>
        new { database = database.Name, kind = "scheduled", scheduledTime = ScheduledTime };

    public static object IncrementalEvent(DatabasePolicy database) =>
        new { database = database.Name, kind = "incremental", scheduledTime = ScheduledTime };

    /// <summary>level: checksum, archive or restore. A drill is restore with its checks and its report.</summary>
    public static object VerifyEvent(DatabasePolicy database, string level) =>
        new { database = database.Name, backup = "latest", level, scheduledTime = ScheduledTime };

    /// <summary>From EventBridge, which puts the key of a manifest that lifecycle removed in the place of <c>&lt;key&gt;</c>.</summary>
    public const string ExpiryEvent = """{"kind":"expiry","key":<key>}""";

    /// <summary>Hourly. The first of a day also prunes and compares the copy, the first of a month also sends the test page and reports.</summary>
    public static object WatchEvent() => new { kind = "hourly", scheduledTime = ScheduledTime };
}
