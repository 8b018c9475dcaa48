namespace Backup.Core.Model;

/// <summary>
/// The one table of error codes and exit codes. Names and numbers are never changed or reused: scripts and
/// runbooks rely on them. README prints this table and a test compares the two.
/// </summary>
public sealed record ErrorCode(string Name, int ExitCode, string Meaning)
{
    public const int Done = 0;
    public const int Failed = 1;
    public const int Usage = 2;
    public const int Different = 3;
    public const int Problem = 4;
    public const int CancelledExit = 130;

    public static readonly ErrorCode UsageWrong = new("usage", Usage, "the command line is wrong");
    public static readonly ErrorCode PolicyInvalid = new("policy.invalid", Usage, "the policy has problems; all are listed");
    public static readonly ErrorCode ToolMissing = new("tool.missing", Failed, "a program that is needed is not installed");
    public static readonly ErrorCode ToolVersion = new("tool.version", Failed, "the PostgreSQL client is older than the server");
    public static readonly ErrorCode ToolFailed = new("tool.failed", Failed, "a program in the pipeline failed");
    public static readonly ErrorCode SourceUnreachable = new("source.unreachable", Failed, "the database does not answer or refuses the login");
    public static readonly ErrorCode SourcePooled = new("source.pooled", Usage, "the connection goes through a pooler that breaks snapshots");
    public static readonly ErrorCode SourceRights = new("source.rights", Failed, "the role cannot read everything that must be copied");
    public static readonly ErrorCode SourceLimits = new("source.limits", Failed, "the server's settings do not allow a complete copy");
    public static readonly ErrorCode SourceBusy = new("source.busy", Failed, "another backup of this database is running");
    public static readonly ErrorCode SourceBlocked = new("source.blocked", Failed, "a lock of another session is in the way");
    public static readonly ErrorCode SourceChanged = new("source.changed", Failed, "the schema changed while it was being copied");
    public static readonly ErrorCode SourceLost = new("source.lost", Failed, "the snapshot or its connection was lost");
    public static readonly ErrorCode SourceTable = new("source.table", Failed, "a critical table cannot be copied by increments");
    public static readonly ErrorCode VaultUnreachable = new("vault.unreachable", Failed, "the vault does not answer or the network failed");
    public static readonly ErrorCode VaultDenied = new("vault.denied", Failed, "the vault refuses access");
    public static readonly ErrorCode VaultFull = new("vault.full", Failed, "the vault has no space left");
    public static readonly ErrorCode VaultBusy = new("vault.busy", Failed, "another run is writing this database into this vault");
    public static readonly ErrorCode VaultConflict = new("vault.conflict", Failed, "an object of this name exists already");
    public static readonly ErrorCode VaultMissing = new("vault.missing", Failed, "an object or the vault itself does not exist");
    public static readonly ErrorCode VaultCold = new("vault.cold", Failed, "objects are in an archive class and must be thawed first");
    public static readonly ErrorCode BackupNotFound = new("backup.notFound", Usage, "no backup matches");
    public static readonly ErrorCode BackupDamaged = new("backup.damaged", Different, "what is stored differs from what was written");
    public static readonly ErrorCode BackupFormat = new("backup.format", Failed, "the manifest's version is not known to this program");
    public static readonly ErrorCode TargetRefused = new("target.refused", Usage, "the restore target is protected, is the source, or is not empty");
    public static readonly ErrorCode TargetUnfit = new("target.unfit", Failed, "the restore target lacks roles, extensions or rights");
    public static readonly ErrorCode RestoreFailed = new("restore.failed", Failed, "a statement of the restore failed");
    public static readonly ErrorCode RestoreDifferent = new("restore.different", Different, "the restored database differs from the manifest");
    public static readonly ErrorCode SecretUnusable = new("secret.unusable", Failed, "a stored login or key is missing, may not be read, or is not understood");
    public static readonly ErrorCode RotationFailed = new("rotation.failed", Failed, "a database password could not be changed; the old one works");
    public static readonly ErrorCode RunnerUnavailable = new("runner.unavailable", Failed, "another machine that should take over could not be started");
    public static readonly ErrorCode NoticeFailed = new("notice.failed", Failed, "a notice could not be delivered");
    public static readonly ErrorCode Cancelled = new("cancelled", CancelledExit, "stopped by the operator");
    public static readonly ErrorCode Internal = new("internal", Failed, "a defect of this program; please report it");

    /// <summary>Every code, in the order in which README lists them.</summary>
    public static IReadOnlyList<ErrorCode> All { get; } =
    [
        UsageWrong, PolicyInvalid, ToolMissing, ToolVersion, ToolFailed, SourceUnreachable, SourcePooled, SourceRights,
        SourceLimits, SourceBusy, SourceBlocked, SourceChanged, SourceLost, SourceTable, VaultUnreachable, VaultDenied, VaultFull, VaultBusy,
        VaultConflict, VaultMissing, VaultCold, BackupNotFound, BackupDamaged, BackupFormat, TargetRefused, TargetUnfit,
        RestoreFailed, RestoreDifferent, SecretUnusable, RotationFailed, RunnerUnavailable, NoticeFailed, Cancelled, Internal,
    ];
}
