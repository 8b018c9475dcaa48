using Backup.Core.Catalog;
using Backup.Core.Model;
using Backup.Core.Postgres;
using Backup.Core.Storage;

namespace Backup.Core.Operations;

public enum RestoreMode
{
    /// <summary>Into a database that exists and is empty.</summary>
    Empty,

    /// <summary>Into a new database; removed again when the restore fails.</summary>
    Create,

    /// <summary>In place of a database: beside it, compared, swapped by rename; the old one is kept.</summary>
    Replace,
}

/// <summary>How the restored database is compared with the manifest before it is called restored.</summary>
public enum Comparison
{
    /// <summary>The rows of every table, and the sequences.</summary>
    Counts,

    /// <summary>Also every row's content, by fingerprint.</summary>
    Full,
}

public sealed record RestoreRequest
{
    public required IVault Vault { get; init; }
    public required CatalogEntry Backup { get; init; }

    /// <summary>Increments of <see cref="Backup"/> to apply on top, oldest first.</summary>
    public IReadOnlyList<CatalogEntry> Increments { get; init; } = [];
    public required ConnectionTarget Target { get; init; }
    public required RestoreMode Mode { get; init; }

    /// <summary>Only the rows of these tables; empty = all. The whole schema is restored either way.</summary>
    public IReadOnlyList<string> Tables { get; init; } = [];

    /// <summary>Only these schemas, and into a database that may hold others. Empty = the whole database.</summary>
    public IReadOnlyList<string> Schemas { get; init; } = [];

    /// <summary>Rows of these tables into empty ones that the target has already; nothing else of their schemas.</summary>
    public IReadOnlyList<string> RowsOf { get; init; } = [];

    /// <summary>The target keeps what else it has.</summary>
    public bool IsPartial => Schemas.Count > 0 || RowsOf.Count > 0;
    public int Jobs { get; init; } = 2;

    /// <summary>Databases that are never a target by accident.</summary>
    public IReadOnlyList<ConnectionTarget> Protected { get; init; } = [];
    public bool AllowProtected { get; init; }

    /// <summary>Leave owners and grants out: everything belongs to the login role.</summary>
    public bool NoOwner { get; init; }

    /// <summary>What is run after the comparison and before anybody gets the database.</summary>
    public required AfterRestore AfterRestore { get; init; }

    /// <summary>Null: the caller compares.</summary>
    public Comparison? Comparison { get; init; } = Operations.Comparison.Counts;

    /// <summary>
    /// The role that loads rows and adds checks, when <see cref="Target"/> logs in as a superuser: checks of columns and domains are code of the source,
    /// and run with the rights of whoever loads. It logs in like the target's user and is a member of the roles that own tables. Objects that only
    /// superusers may own (publications, event triggers) then stay with the target's user. Null: everything by the target's user.
    /// </summary>
    public string? LoadAs { get; init; }

    /// <summary>Null: what is encrypted is read with gpg's own keyring.</summary>
    public UnlockedArtifacts? Unlocked { get; init; }

    /// <summary>Left out, with the rows of their configuration tables where these are missing because of it.</summary>
    public IReadOnlyList<string> IgnoreExtensions { get; init; } = [];

    /// <summary>Leave evidence in the vault's trail. A drill leaves its own.</summary>
    public bool Record { get; init; } = true;

    /// <summary>Put everything into the server's default tablespace.</summary>
    public bool NoTablespaces { get; init; }
}

public sealed record RestoreReport
{
    public required string Id { get; init; }

    /// <summary>Host, port and database that now hold the data.</summary>
    public required string Target { get; init; }

    /// <summary>The schemas that were restored; empty = the whole database, or rows alone.</summary>
    public IReadOnlyList<string> Schemas { get; init; } = [];

    /// <summary>Tables of the target that were filled, as they were named.</summary>
    public IReadOnlyList<string> RowsOf { get; init; } = [];

    /// <summary>Name under which the database that was there before is kept.</summary>
    public string? KeptAs { get; init; }
    public required long Rows { get; init; }
    public required int Tables { get; init; }

    /// <summary>Bytes fetched from the vault.</summary>
    public required long BytesRead { get; init; }

    /// <summary>Null: not compared yet.</summary>
    public Comparison? Compared { get; init; }

    /// <summary>The moment that the restored rows are from, of all tables that are not in <see cref="Increments"/>.</summary>
    public required DateTimeOffset SnapshotTime { get; init; }

    /// <summary>Tables that are newer than the backup, because increments were applied.</summary>
    public IReadOnlyList<IncrementedTable> Increments { get; init; } = [];

    /// <summary>Per step, in order: check, fetch, schema, data, (increments), indexes, (foreign keys), (other schemas), compare (analyze, when the caller compares), (erasures).</summary>
    public required IReadOnlyList<StepTime> Steps { get; init; }

    /// <summary>Null when no file was named.</summary>
    public AfterRestoreResult? AfterRestore { get; init; }

    /// <summary>Foreign keys that could not be restored because the table that they point to was not.</summary>
    public IReadOnlyList<string> LeftOut { get; init; } = [];

    /// <summary>Tables and sequences of extensions that were ignored: neither there nor to be compared.</summary>
    public IReadOnlyList<TableName> OfIgnoredExtensions { get; init; } = [];
    public IReadOnlyList<Finding> Findings { get; init; } = [];
}

/// <param name="Time">The snapshot of the last increment that holds the table.</param>
/// <param name="Increments">How many were applied.</param>
/// <param name="Rows">New and changed rows in them.</param>
public sealed record IncrementedTable(TableName Table, DateTimeOffset Time, int Increments, long Rows);

public sealed record StepTime(string Step, double Seconds);
