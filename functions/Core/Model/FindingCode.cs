namespace Backup.Core.Model;

/// <summary>Who notices it.</summary>
public enum FindingGroup
{
    /// <summary>Reading a policy: it cannot be used.</summary>
    Policy,

    /// <summary><c>check</c>: the policy can be used, and promises what it does not keep or costs more than it must.</summary>
    Check,

    /// <summary>A run, verify, drill or restore; run findings are kept in the manifest.</summary>
    Run,

    /// <summary>The watch.</summary>
    Watch,
}

/// <summary>Whom a notice of a critical finding is for. Warnings of <see cref="Page"/> go where <see cref="Chat"/> goes; nobody hears of infos.</summary>
public enum NoticeRoute
{
    None,

    /// <summary>Somebody is woken.</summary>
    Page,

    /// <summary>Somebody should look at it today.</summary>
    Mail,

    /// <summary>The team's channel.</summary>
    Chat,
}

/// <summary>
/// The one table of finding codes. Names are never changed or reused: scripts, runbooks and notices rely on them. docs/runbooks/findings.md prints this
/// table and has one heading per code; a test compares the two.
/// </summary>
/// <param name="Name">Dotted, for example <c>backup.missed</c>. Also the heading of its runbook.</param>
/// <param name="Severity">The usual one; a finding may be milder or worse.</param>
/// <param name="Route">Where notices go.</param>
/// <param name="Group">Who notices it.</param>
/// <param name="Meaning">One clause.</param>
public sealed record FindingCode(string Name, Severity Severity, NoticeRoute Route, FindingGroup Group, string Meaning)
{
    public static readonly FindingCode VaultUnreachable = Watch("vault.unreachable", Severity.Critical, NoticeRoute.Page, "the vault could not be read, so nothing is known");
    public static readonly FindingCode BackupNone = Watch("backup.none", Severity.Critical, NoticeRoute.Page, "there is no complete backup at all");
    public static readonly FindingCode BackupOld = Watch("backup.old", Severity.Critical, NoticeRoute.Page, "the newest complete backup is older than it may be");
    public static readonly FindingCode BackupMissed = Watch("backup.missed", Severity.Critical, NoticeRoute.Page, "a scheduled time passed without a backup");
    public static readonly FindingCode BackupUnreadable = Watch("backup.unreadable", Severity.Critical, NoticeRoute.Page, "a manifest cannot be read");
    public static readonly FindingCode BackupIncomplete = Watch("backup.incomplete", Severity.Critical, NoticeRoute.Page, "objects that the manifest names are not there or have another size");
    public static readonly FindingCode BackupHidden = Watch("backup.hidden", Severity.Critical, NoticeRoute.Page, "the lock or the results of a backup are there, and its manifest is not");
    public static readonly FindingCode BackupFuture = Watch("backup.future", Severity.Warning, NoticeRoute.Chat, "a manifest is dated in the future; it counts for nothing");
    public static readonly FindingCode BackupUnexpected = Watch("backup.unexpected", Severity.Warning, NoticeRoute.Chat, "a backup that no schedule made, or that was not stored when it says");
    public static readonly FindingCode DatabaseUnknown = Watch("database.unknown", Severity.Info, NoticeRoute.None, "the vault holds backups of a database that the policy does not name");
    public static readonly FindingCode SizeLearning = Watch("size.learning", Severity.Info, NoticeRoute.None, "too few earlier backups to judge sizes by");
    public static readonly FindingCode SizeDeviation = Watch("size.deviation", Severity.Warning, NoticeRoute.Mail, "size or rows are far from the median of the last backups");
    public static readonly FindingCode TableShrunk = Watch("table.shrunk", Severity.Critical, NoticeRoute.Mail, "a table lost many of its rows");
    public static readonly FindingCode TableVanished = Watch("table.vanished", Severity.Critical, NoticeRoute.Mail, "a table is no longer in the backups");
    public static readonly FindingCode TableAppeared = Watch("table.appeared", Severity.Info, NoticeRoute.None, "a table is new in the backups");
    public static readonly FindingCode VerifyFailed = Watch("verify.failed", Severity.Critical, NoticeRoute.Page, "the newest verify found a difference");
    public static readonly FindingCode DrillFailed = Watch("drill.failed", Severity.Critical, NoticeRoute.Page, "the newest restore drill failed");
    public static readonly FindingCode DrillInconclusive = Watch("drill.inconclusive", Severity.Warning, NoticeRoute.Chat, "the newest restore drill could not verify");
    public static readonly FindingCode DrillOverdue = Watch("drill.overdue", Severity.Warning, NoticeRoute.Chat, "no restore drill ended when one was due");
    public static readonly FindingCode ProofNone = Watch("proof.none", Severity.Info, NoticeRoute.None, "no backup was ever verified or drilled");
    public static readonly FindingCode LockMissing = Watch("lock.missing", Severity.Critical, NoticeRoute.Page, "a backup lacks the lock that it was promised");
    public static readonly FindingCode LockRepaired = Watch("lock.repaired", Severity.Info, NoticeRoute.None, "a lock was missing and has been completed");
    public static readonly FindingCode LockExpiring = Watch("lock.expiring", Severity.Warning, NoticeRoute.Chat, "the newest backup's lock ends soon");
    public static readonly FindingCode ObjectHidden = Watch("object.hidden", Severity.Critical, NoticeRoute.Page, "an object of a backup is hidden by a delete marker");
    public static readonly FindingCode ObjectOverwritten = Watch("object.overwritten", Severity.Critical, NoticeRoute.Page, "an object of a backup has more than one version");
    public static readonly FindingCode ExpiryUnexplained = Watch("expiry.unexplained", Severity.Critical, NoticeRoute.Page, "the bucket removed a backup that no prune had ended");
    public static readonly FindingCode ObjectOrphaned = Watch("object.orphaned", Severity.Info, NoticeRoute.Chat, "objects of attempts that never became a backup");
    public static readonly FindingCode ObjectUnknown = Watch("object.unknown", Severity.Warning, NoticeRoute.Chat, "objects that this program did not write");
    public static readonly FindingCode IncrementLate = Watch("increment.late", Severity.Critical, NoticeRoute.Page, "a critical table's rows are copied less often than asked");
    public static readonly FindingCode IncrementBroken = Watch("increment.broken", Severity.Critical, NoticeRoute.Page, "an increment is missing in the chain of the newest backup");
    public static readonly FindingCode CopyBehind = Watch("copy.behind", Severity.Critical, NoticeRoute.Chat, "backups are missing in the copy of the vault");
    public static readonly FindingCode CopyUnreachable = Watch("copy.unreachable", Severity.Critical, NoticeRoute.Chat, "the copy of the vault could not be read");
    public static readonly FindingCode NoticeUnconfirmed = Watch("notice.unconfirmed", Severity.Warning, NoticeRoute.Chat, "somebody whom alarms should reach has not confirmed the subscription");

    public static readonly FindingCode BackupFailed = Run("backup.failed", Severity.Critical, NoticeRoute.Page, "a run of a backup failed");
    public static readonly FindingCode SyncFailed = Run("sync.failed", Severity.Critical, NoticeRoute.Chat, "copying backups to another vault failed");
    public static readonly FindingCode BackupDamaged = Run("backup.damaged", Severity.Critical, NoticeRoute.Page, "what is stored differs from what was written");
    public static readonly FindingCode GlobalsMissing = Run("globals.missing", Severity.Warning, NoticeRoute.None, "the server does not show its roles; the backup is without them");
    public static readonly FindingCode GlobalsSecret = Run("globals.secret", Severity.Warning, NoticeRoute.None, "a role's setting looks like a secret; roles are not in the backup");
    public static readonly FindingCode SettingsSecret = Run("settings.secret", Severity.Warning, NoticeRoute.None, "a setting of the database looks like a secret and is left out");
    public static readonly FindingCode DatabaseSetting = Run("database.setting", Severity.Warning, NoticeRoute.None, "a setting of the database could not be restored");
    public static readonly FindingCode TargetEventTriggers = Run("target.eventTriggers", Severity.Warning, NoticeRoute.None, "the restore target has event triggers, which run with every statement");
    public static readonly FindingCode SchemaLeftOut = Run("schema.leftOut", Severity.Warning, NoticeRoute.None, "a restore of schemas left out what belongs to none of them or is not its role's to make");
    public static readonly FindingCode SchemaOwner = Run("schema.owner", Severity.Warning, NoticeRoute.None, "restored objects belong to the restoring role, which may not give them to their owner");
    public static readonly FindingCode SchemaForeignKey = Run("schema.foreignKey", Severity.Warning, NoticeRoute.None, "a foreign key to a table of another schema does not hold or could not be made");
    public static readonly FindingCode ErasuresSkipped = Run("erasures.skipped", Severity.Warning, NoticeRoute.None, "a restore was made without the erasures of its policy");
    public static readonly FindingCode QuestionFailed = Run("check.failed", Severity.Critical, NoticeRoute.None, "a drill's restored data answered a check of the policy wrongly");
    public static readonly FindingCode QuestionNotRun = Run("check.notRun", Severity.Warning, NoticeRoute.None, "a check of the policy could not be asked");
    public static readonly FindingCode IncrementFull = Run("increment.full", Severity.Warning, NoticeRoute.None, "a table was copied whole instead of by its changes");
    public static readonly FindingCode IncrementWatermark = Run("increment.watermark", Severity.Info, NoticeRoute.None, "a watermark is accepted and not used");
    public static readonly FindingCode IncrementDeletes = Run("increment.deletes", Severity.Info, NoticeRoute.None, "deleted rows are not seen by an increment");
    public static readonly FindingCode IncrementNoTable = Run("increment.noTable", Severity.Warning, NoticeRoute.None, "increments hold a table that their backup does not have");
    public static readonly FindingCode IncrementForeignKey = Run("increment.foreignKey", Severity.Warning, NoticeRoute.None, "a foreign key between two moments could not be made whole");
    public static readonly FindingCode IncrementNewer = Run("increment.newer", Severity.Warning, NoticeRoute.None, "an increment of another backup holds newer rows than what was restored");
    public static readonly FindingCode IncrementPartition = Run("increment.partition", Severity.Warning, NoticeRoute.None, "a partition that came after the backup could not be made");
    public static readonly FindingCode IncrementColumns = Run("increment.columns", Severity.Warning, NoticeRoute.None, "increments hold columns that their backup does not have");
    public static readonly FindingCode PruneNotRemoved = Run("prune.notRemoved", Severity.Warning, NoticeRoute.None, "what expired long ago is still stored");
    public static readonly FindingCode ToolNewer = Run("tool.newer", Severity.Warning, NoticeRoute.None, "pg_dump is newer than the server");

    public static readonly FindingCode CheckRpo = Check("check.rpo", Severity.Warning, "the schedules cannot reach the recovery point that is promised");
    public static readonly FindingCode CheckRto = Check("check.rto", Severity.Warning, "the recovery time that is promised was not reached, or cannot be");
    public static readonly FindingCode CheckMaxAge = Check("check.maxAge", Severity.Warning, "watch.maxAge alarms before a backup is due");
    public static readonly FindingCode CheckLambda = Check("check.lambda", Severity.Warning, "runs approach or pass the time that Lambda has");
    public static readonly FindingCode CheckDrillDisk = Check("check.drillDisk", Severity.Warning, "the database is too large to be drilled on Fargate");
    public static readonly FindingCode CheckEgress = Check("check.egress", Severity.Info, "what the provider charges for reading the backups");
    public static readonly FindingCode CheckErasure = Check("check.erasure", Severity.Warning, "a lock that nobody can break outlasts a year");
    public static readonly FindingCode CheckNotify = Check("check.notify", Severity.Warning, "notices of this kind would reach nobody");
    public static readonly FindingCode CheckDrillKey = Check("check.drillKey", Severity.Warning, "no private key is online for proofs on AWS, or one that opens every backup is");
    public static readonly FindingCode CheckNoDrill = Check("check.noDrill", Severity.Info, "nothing proves that backups can be restored");

    private static readonly FindingCode[] _policy =
    [
        Policy("policy.unreadable", "the file cannot be read"),
        Policy("policy.notUtf8", "the file is not UTF-8 text"),
        Policy("policy.empty", "the document is empty"),
        Policy("policy.syntax", "the document is not YAML"),
        Policy("policy.severalDocuments", "the file holds more than one document"),
        Policy("policy.wrongType", "a value has another type than its key wants"),
        Policy("policy.unknownKey", "a key that no policy has"),
        Policy("policy.missingKey", "a key that every policy has is missing"),
        Policy("policy.duplicateKey", "a key stands twice"),
        Policy("policy.duplicateName", "a name stands twice"),
        Policy("policy.badValue", "a value has the wrong form"),
        Policy("policy.contradiction", "two values cannot both hold"),
        Policy("policy.literalSecret", "a credential stands in the policy"),
        Policy("policy.keyFile", "a public key file cannot be used"),
        Policy("policy.sqlFile", "the SQL that is run after a restore cannot be used"),
    ];

    /// <summary>Every code, in the order in which docs/runbooks/findings.md lists them.</summary>
    public static IReadOnlyList<FindingCode> All { get; } =
    [
        VaultUnreachable, BackupNone, BackupOld, BackupMissed, BackupUnreadable, BackupIncomplete, BackupHidden, BackupFuture, BackupUnexpected, DatabaseUnknown,
        SizeLearning, SizeDeviation, TableShrunk, TableVanished, TableAppeared, VerifyFailed, DrillFailed, DrillInconclusive, DrillOverdue, ProofNone,
        LockMissing, LockRepaired, LockExpiring, ObjectHidden, ObjectOverwritten, ExpiryUnexplained, ObjectOrphaned, ObjectUnknown, IncrementLate, IncrementBroken, CopyBehind, CopyUnreachable, NoticeUnconfirmed,
        BackupFailed, SyncFailed, BackupDamaged, GlobalsMissing, GlobalsSecret, SettingsSecret, DatabaseSetting, TargetEventTriggers, SchemaLeftOut, SchemaOwner, SchemaForeignKey, ErasuresSkipped,
        QuestionFailed, QuestionNotRun, IncrementFull, IncrementWatermark, IncrementDeletes, IncrementNoTable, IncrementForeignKey, IncrementNewer, IncrementPartition, IncrementColumns,
        PruneNotRemoved, ToolNewer,
        CheckRpo, CheckRto, CheckMaxAge, CheckLambda, CheckDrillDisk, CheckEgress, CheckErasure, CheckNotify, CheckDrillKey, CheckNoDrill,
        .. _policy,
    ];

    /// <summary>Null for a name that is not in the table.</summary>
    public static FindingCode? Find(string name) => All.FirstOrDefault(c => c.Name == name);

    /// <param name="subject">What it is about.</param>
    /// <param name="sentence">Without a full stop, as errors are.</param>
    /// <param name="nextStep">One sentence in the imperative.</param>
    /// <param name="severity">Null: the usual one.</param>
    public Finding On(string subject, string sentence, string nextStep, Severity? severity = null) => new()
    {
        Severity = severity ?? Severity,
        Code = Name,
        Subject = subject,
        Sentence = sentence,
        NextStep = nextStep,
    };

    private static FindingCode Watch(string name, Severity severity, NoticeRoute route, string meaning) => new(name, severity, route, FindingGroup.Watch, meaning);

    private static FindingCode Run(string name, Severity severity, NoticeRoute route, string meaning) => new(name, severity, route, FindingGroup.Run, meaning);

    private static FindingCode Check(string name, Severity severity, string meaning) => new(name, severity, NoticeRoute.None, FindingGroup.Check, meaning);

    private static FindingCode Policy(string name, string meaning) => new(name, Severity.Critical, NoticeRoute.None, FindingGroup.Policy, meaning);
}
