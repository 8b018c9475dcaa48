using Backup.Core.Model;

namespace Backup.Core.Policies;

/// <summary>What to protect and how: one document per environment. Read by <c>PolicyReader</c>; holds no secret.</summary>
public sealed record Policy
{
    public required string Project { get; init; }
    public required string Environment { get; init; }
    public Objectives? Objectives { get; init; }

    /// <summary>A folder or <c>s3://bucket/prefix</c>; null when Pulumi sets it at deployment.</summary>
    public string? Vault { get; init; }
    public required IReadOnlyList<DatabasePolicy> Databases { get; init; }
    public RetentionPolicy? Retention { get; init; }
    public IReadOnlyDictionary<Tier, StorageClasses> Storage { get; init; } = new Dictionary<Tier, StorageClasses>();
    public LockMode Lock { get; init; } = LockMode.None;

    /// <summary>Legal basis and period of the lock, in the team's words.</summary>
    public string? LockReason { get; init; }
    public CopyMode Copy { get; init; } = CopyMode.None;
    public EncryptionPolicy Encryption { get; init; } = new();
    public WatchPolicy Watch { get; init; } = new();
    public DrillPolicy? Drill { get; init; }
    public NotifyPolicy Notify { get; init; } = new();
}

/// <summary>Recovery point (data that may be lost) and recovery time (until it works again) that the policy promises.</summary>
public sealed record Objectives(TimeSpan Rpo, TimeSpan Rto);

public sealed record DatabasePolicy
{
    /// <summary>Name in keys and commands: letters, digits, dot, dash, underscore.</summary>
    public required string Name { get; init; }
    public Provider Provider { get; init; } = Provider.Postgres;

    /// <summary>Name of the environment variable that holds the connection URL (<c>url: "${NAME}"</c>), or null.</summary>
    public string? UrlVariable { get; init; }

    /// <summary>Name of a Secrets Manager secret, or null. Exactly one of this and <see cref="UrlVariable"/> is set.</summary>
    public string? Secret { get; init; }
    public bool Protected { get; init; }

    /// <summary>Five-field cron in UTC, or null for on-demand databases.</summary>
    public string? Schedule { get; init; }
    public int Jobs { get; init; } = 2;

    /// <summary>Tables of at least this many bytes (TOAST included) become chunks.</summary>
    public long ShardAbove { get; init; } = 32L << 20;
    public Runner Runner { get; init; } = Runner.Auto;
    public IReadOnlyList<string> ExcludeSchemas { get; init; } = [];
    public FingerprintMode Fingerprint { get; init; } = FingerprintMode.Full;
    public IReadOnlyList<CriticalTable> CriticalTables { get; init; } = [];
    public IReadOnlyList<DataCheck> Checks { get; init; } = [];

    /// <summary>Path of a file with SQL that every restore runs before the database is released: erasures that a backup knows nothing of. See <see cref="SqlFile"/>.</summary>
    public string? AfterRestore { get; init; }
}

/// <summary>A table that increments copy between backups.</summary>
/// <param name="Table"><c>schema.table</c>.</param>
/// <param name="Key">Columns of a unique index, separated by commas; null = the primary key.</param>
/// <param name="Watermark">A column that holds the time of the last change; see docs.</param>
/// <param name="Every">How often.</param>
/// <param name="Mode">Full: the whole table each time, so that deleted rows are gone too.</param>
public sealed record CriticalTable(string Table, string? Key, string? Watermark, TimeSpan Every, IncrementMode Mode = IncrementMode.Changes)
{
    public TableName Name => TableName.Parse(Table);
}

/// <summary>A question to a restored database: one SQL query with one value, and what the value must be.</summary>
public sealed record DataCheck
{
    public required string Name { get; init; }
    public required string Sql { get; init; }
    public decimal? Min { get; init; }
    public decimal? Max { get; init; }
    public string? EqualTo { get; init; }
    public TimeSpan? MaxAge { get; init; }
}

/// <summary>How long each tier is kept. A tier that the policy does not name uses no slot: nothing is put there.</summary>
public sealed record RetentionPolicy(IReadOnlyDictionary<Tier, CalendarSpan> Keep, int MinimumKept = 3)
{
    /// <summary>What to write where nobody has a better idea. Never assumed: a policy that says nothing keeps everything.</summary>
    public const string Standard = "retention: { daily: 30d, weekly: 8w, monthly: 12mo, annual: 7y, pre-deploy: 3y }";

    /// <summary>Days for which a vault with a lock locks everything from its first byte, whatever its tier: time to notice a run that died before it set the full date.</summary>
    public const int FirstLockDays = 7;

    /// <summary>The tiers that a scheduled backup can take.</summary>
    public static bool IsScheduled(Tier tier) => tier is Tier.Daily or Tier.Weekly or Tier.Monthly or Tier.Annual;
}

/// <summary>Days after which a tier moves to a colder class; null = never.</summary>
public sealed record StorageClasses(int? Ia = null, int? Instant = null, int? Glacier = null, int? DeepArchive = null);

public sealed record EncryptionPolicy
{
    /// <summary>Paths of public key files. Empty = no gpg.</summary>
    public IReadOnlyList<string> GpgRecipients { get; init; } = [];

    /// <summary>
    /// Name of a Secrets Manager secret with a private key for proofs on AWS, or null: drills there could not verify. Its public half is one of <see cref="GpgRecipients"/>,
    /// which only a proof can show.
    /// </summary>
    public string? DrillKey { get; init; }
}

public sealed record WatchPolicy
{
    /// <summary>Fraction: 0.2 is 20 %.</summary>
    public double SizeWarning { get; init; } = 0.2;
    public double SizeCritical { get; init; } = 0.5;
    public TimeSpan? MaxAge { get; init; }
}

public sealed record DrillPolicy(string Schedule)
{
    public IReadOnlyList<string> IgnoreExtensions { get; init; } = [];
}

/// <summary>Where notices go. The URLs are secrets: the policy names environment variables only.</summary>
public sealed record NotifyPolicy
{
    public string? PagerDutyVariable { get; init; }
    public string? SlackVariable { get; init; }
    public IReadOnlyList<string> Email { get; init; } = [];

    /// <summary>Holds <c>smtps://user:password@host:465</c> or <c>smtp://…:587</c>; on AWS mail goes another way.</summary>
    public string? SmtpVariable { get; init; }
    public string? HeartbeatVariable { get; init; }
}
