using System.Text.Json;
using System.Text.Json.Serialization;

namespace Backup.Core.Model;

/// <summary>
/// The stored description of one backup, written last: it is the commit. Every field is documented in docs/FORMAT.md.
/// A reader refuses a <see cref="SchemaVersion"/> that it does not know; fields that it does not know survive.
/// </summary>
public sealed record Manifest
{
    public const int CurrentVersion = 1;

    public required int SchemaVersion { get; init; }
    public required string Id { get; init; }
    public required string Project { get; init; }
    public required string Environment { get; init; }
    public required string Database { get; init; }
    public required Provider Provider { get; init; }
    public required Tier Tier { get; init; }
    public required BackupKind Kind { get; init; }
    public required DateTimeOffset StartedAt { get; init; }
    public required DateTimeOffset FinishedAt { get; init; }

    /// <summary>user@host of the process that made it.</summary>
    public required string Operator { get; init; }
    public Deployment? Deployment { get; init; }

    /// <summary>What the caller of a run without a schedule named it; repeated triggers carry the same.</summary>
    public string? RequestId { get; init; }

    /// <summary>The 8 characters under which this backup's artifacts lie.</summary>
    public required string Attempt { get; init; }
    public required Totals Totals { get; init; }
    public required SourceFacts Source { get; init; }
    public required SnapshotFacts Snapshot { get; init; }
    public required ToolVersions Tools { get; init; }
    public required IReadOnlyList<Artifact> Artifacts { get; init; }
    public required IReadOnlyList<TableFingerprint> Fingerprints { get; init; }

    /// <summary>Of an increment: what it is relative to. Null for every other backup.</summary>
    public IncrementFacts? Increment { get; init; }

    /// <summary>What the run noticed, for example globals that the server does not show.</summary>
    public IReadOnlyList<Finding> Findings { get; init; } = [];

    /// <summary>From when retention may expire it; null = never by itself.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>The lock that was asked for; <c>locked.json</c> beside the manifest says that it is in place.</summary>
    public LockPromise? Lock { get; init; }

    /// <summary>
    /// Name of the file with SQL that the policy had run after a restore (<c>afterRestore</c>), so that a restore without that policy does not forget it. Never its
    /// content, which may name people.
    /// </summary>
    public string? AfterRestore { get; init; }

    /// <summary>Shell commands that restore this backup with stock tools alone, run in the folder of the manifest.</summary>
    public required IReadOnlyList<string> RestoreByHand { get; init; }

    /// <summary>SHA-256 of the manifest file with these 64 digits replaced by zeros; last field of the file.</summary>
    [JsonPropertyOrder(int.MaxValue)]
    public required string ManifestSha256 { get; init; }

    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Unknown { get; set; } // the serializer cannot fill an init-only one
}

/// <summary>The software release that a pre-deploy backup precedes.</summary>
public sealed record Deployment(string? Commit, string? Ref);

/// <summary>Sums over the backup, so that a list need not read every artifact. Bytes.</summary>
public sealed record Totals(long RawBytes, long StoredBytes, long Rows, int Tables);

/// <summary>Where the data came from. No user, no password.</summary>
/// <param name="History">See <c>ServerFacts.History</c>; null in older manifests.</param>
public sealed record SourceFacts(string Host, int Port, string Database, string? SystemIdentifier, string? History = null);

public sealed record SnapshotFacts
{
    /// <summary>Server clock at the snapshot: what was committed before it is in the backup.</summary>
    public required DateTimeOffset Time { get; init; }
    public required string Lsn { get; init; }

    /// <summary>pg_snapshot_xmin: increments start here.</summary>
    public required string Xmin { get; init; }
    public required string ServerVersion { get; init; }
    public required int ServerMajor { get; init; }
    public required long DatabaseBytes { get; init; }
    public required string Encoding { get; init; }
    public required string Collation { get; init; }
    public required string Ctype { get; init; }

    /// <summary>c = libc, i = ICU, b = builtin.</summary>
    public required string LocaleProvider { get; init; }
    public string? IcuLocale { get; init; }
    public required bool Standby { get; init; }
    public required IReadOnlyList<ExtensionFact> Extensions { get; init; }
    public required IReadOnlyList<SequenceFact> Sequences { get; init; }

    /// <summary>Roles that own, hold grants in, or are named by policies of the database, and the bootstrap role.</summary>
    public required IReadOnlyList<string> Roles { get; init; }

    /// <summary>SQL that gives a new database this one's settings, grants, comment and limits; {database} stands for its quoted name.</summary>
    public required IReadOnlyList<string> DatabaseSql { get; init; }

    /// <summary>Tables whose rows no PostgreSQL dump holds: foreign tables, unlogged tables of a standby.</summary>
    public IReadOnlyList<TableName> WithoutRows { get; init; } = [];

    /// <summary>With the sequences as they were read once more at the end, in the same order.</summary>
    public SnapshotFacts WithSequencesAfter(IReadOnlyList<SequenceFact> after) => this with
    {
        Sequences = [.. Sequences.Zip(after, (b, a) => b with { After = a.After, CalledAfter = a.CalledAfter })],
    };

    /// <summary>Null in manifests of programs that did not look.</summary>
    public LargeObjectFact? LargeObjects { get; init; }

    /// <summary>Null in manifests of programs that did not look.</summary>
    public IReadOnlyList<MaterializedViewFact>? MaterializedViews { get; init; }

    /// <summary>Every schema that is in the backup. Null in manifests of programs that did not look.</summary>
    public IReadOnlyList<SchemaFact>? Schemas { get; init; }
}

/// <summary>A schema of the source; on a managed database the owner tells the provider's from the team's.</summary>
public sealed record SchemaFact(string Name, string Owner);

/// <summary>All large objects together; see docs/FORMAT.md.</summary>
/// <param name="Hash">32 hex digits; null when they were only counted.</param>
public sealed record LargeObjectFact(long Count, string? Hash);

/// <param name="Rows">Null when not populated, not counted or not readable. A restore makes the rows anew, so theirs may be other ones.</param>
public sealed record MaterializedViewFact(TableName View, bool Populated, long? Rows);

public sealed record ExtensionFact(string Name, string Version, string Schema);

/// <summary>A sequence before and after the dump: the archive's value lies between (in the direction of the increment).</summary>
public sealed record SequenceFact
{
    public required TableName Sequence { get; init; }
    public required long Before { get; init; }
    public required long After { get; init; }
    public required bool CalledBefore { get; init; }
    public required bool CalledAfter { get; init; }
    public required long Increment { get; init; }
    public required bool Cycles { get; init; }
}

/// <param name="PgDump">Null for increments, which need none.</param>
public sealed record ToolVersions(string Backup, string? PgDump, string Zstd, string? Gpg);

public enum ArtifactRole
{
    Base,
    Chunk,
    Globals,
}

public sealed record Artifact
{
    public required string Key { get; init; }
    public required ArtifactRole Role { get; init; }

    /// <summary>Chunks only: the table whose rows these are.</summary>
    public TableName? Table { get; init; }

    /// <summary>Chunks only: the table's OID in the source, which joins it with a fingerprint and with the archive's contents.</summary>
    public uint? Oid { get; init; }

    /// <summary>Chunks only: the table named in COPY on restore; the partition root where rows may move between leaves.</summary>
    public TableName? LoadInto { get; init; }

    /// <summary>Chunks only: column order of the rows.</summary>
    public IReadOnlyList<string>? Columns { get; init; }
    public long? Rows { get; init; }

    /// <summary>Bytes before the filters.</summary>
    public required long RawBytes { get; init; }
    public required long StoredBytes { get; init; }

    /// <summary>Of the stored bytes, lower-case hex.</summary>
    public required string Sha256 { get; init; }

    /// <summary>Applied in this order: <c>zstd</c>, <c>gpg</c>.</summary>
    public required IReadOnlyList<string> Filters { get; init; }
}

/// <summary>
/// Rows of a table (of a whole partition tree under its root) in the snapshot, and their order-independent hash; see docs/FORMAT.md.
/// </summary>
public sealed record TableFingerprint
{
    public required TableName Table { get; init; }
    public required IReadOnlyList<string> Columns { get; init; }

    /// <summary>Extension configuration tables: the extension's own condition on the rows that are dumped.</summary>
    public string? Where { get; init; }
    /// <summary>OIDs in the source of the tables that are summed here: its own, or those of the tree's leaves.</summary>
    public required IReadOnlyList<uint> Oids { get; init; }

    /// <summary>pg_class.relfilenode of each of <see cref="Oids"/>: another number later means that the table was rewritten or emptied. Null in old manifests.</summary>
    public IReadOnlyList<uint>? Files { get; init; }

    /// <summary>Null when the policy asked for no fingerprints and the rows were not counted on the way.</summary>
    public long? Rows { get; init; }

    /// <summary>32 hex digits; null when the policy asked for counts only.</summary>
    public string? Hash { get; init; }
}

public sealed record LockPromise(LockMode Mode, DateTimeOffset Until);

/// <summary>Written after every artifact's lock has been extended.</summary>
public sealed record LockedFact(LockMode Mode, DateTimeOffset Until, DateTimeOffset At, int Objects);
