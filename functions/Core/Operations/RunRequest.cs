using Backup.Core.Model;
using Backup.Core.Policies;
using Backup.Core.Postgres;
using Backup.Core.Storage;

namespace Backup.Core.Operations;

/// <summary>One backup to make, with everything decided: the host has read policy, environment and secrets.</summary>
public sealed record RunRequest
{
    public required string Project { get; init; }
    public required string Environment { get; init; }
    public required DatabasePolicy Database { get; init; }
    public required ConnectionTarget Source { get; init; }
    public required IVault Vault { get; init; }
    public required BackupKind Kind { get; init; }

    /// <summary>The schedule's own time; it makes the id, so that a repeated trigger makes one backup.</summary>
    public DateTimeOffset? ScheduledTime { get; init; }

    /// <summary>Chosen by the caller of a run that no schedule started: a repeated trigger with the same one makes one backup.</summary>
    public string? RequestId { get; init; }
    public RetentionPolicy? Retention { get; init; }
    public LockMode Lock { get; init; } = LockMode.None;

    /// <summary>Public key files; empty = no gpg.</summary>
    public IReadOnlyList<string> GpgRecipients { get; init; } = [];
    public Deployment? Deployment { get; init; }
    public int ZstdLevel { get; init; } = Machine.Toolbox.DefaultZstdLevel;

    /// <summary>Run although the server's lock table may be too small.</summary>
    public bool IgnoreLockLimit { get; init; }

    /// <summary>How long a table lock is waited for before the run gives up.</summary>
    public TimeSpan LockTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>As the policy wants it.</summary>
    public static RunRequest Of(Policy policy, DatabasePolicy database, ConnectionTarget source, IVault vault, BackupKind kind)
    {
        ArgumentNullException.ThrowIfNull(policy);
        return new RunRequest
        {
            Project = policy.Project,
            Environment = policy.Environment,
            Database = database,
            Source = source,
            Vault = vault,
            Kind = kind,
            Retention = policy.Retention,
            Lock = policy.Lock,
            GpgRecipients = policy.Encryption.GpgRecipients,
        };
    }

    /// <summary>The lock that a backup is born with: until retention may expire it, never longer.</summary>
    public LockPromise? Promise(DateTimeOffset? expiresAt) => Lock == LockMode.None || expiresAt is not { } until ? null : new LockPromise(Lock, until);
}

public enum RunOutcome
{
    /// <summary>A new backup is committed.</summary>
    Committed,

    /// <summary>This id is committed already: nothing to do.</summary>
    AlreadyDone,

    /// <summary>This id is being made by another process right now.</summary>
    AlreadyRunning,
}

public sealed record RunReport
{
    public required RunOutcome Outcome { get; init; }
    public required BackupId Id { get; init; }

    /// <summary>Null when another process is making it.</summary>
    public Manifest? Manifest { get; init; }
    public string? Prefix { get; init; }
    public IReadOnlyDictionary<Stage, TimeSpan> Stages { get; init; } = new Dictionary<Stage, TimeSpan>();
}

/// <summary>Something worth telling a person who waits. Numbers are sums since the start.</summary>
/// <param name="What">One line.</param>
/// <param name="RawBytes">Bytes read from the database.</param>
/// <param name="StoredBytes">Bytes that left for the vault.</param>
/// <param name="ExpectedBytes">Estimate of the final <paramref name="RawBytes"/>; 0 = unknown.</param>
public sealed record Progress(string What, long RawBytes = 0, long StoredBytes = 0, long ExpectedBytes = 0)
{
    /// <summary>A step of its own rather than a new figure of the present one.</summary>
    public bool IsStep { get; init; }
}
