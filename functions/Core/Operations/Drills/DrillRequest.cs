using Backup.Core.Catalog;
using Backup.Core.Policies;
using Backup.Core.Storage;

namespace Backup.Core.Operations.Drills;

/// <summary>One drill, with everything decided.</summary>
public sealed record DrillRequest
{
    public required IVault Vault { get; init; }
    public required CatalogEntry Backup { get; init; }

    /// <summary>
    /// Increments of <see cref="Backup"/>, oldest first, to be proven instead of it: only the tables that they hold are restored, and brought forward.
    /// The result belongs to the last one.
    /// </summary>
    public IReadOnlyList<CatalogEntry> Increments { get; init; } = [];

    /// <summary>What the drill says something about.</summary>
    public CatalogEntry Subject => Increments.Count > 0 ? Increments[^1] : Backup;

    /// <summary>Questions to the restored database, of the policy. Increments are not asked: most of the database is not there.</summary>
    public IReadOnlyList<DataCheck> Checks { get; init; } = [];

    /// <summary>The policy's file of SQL that every restore runs, or null. Not with increments: most of the database is not there.</summary>
    public string? AfterRestore { get; init; }

    /// <summary>Left out of the restore, and named in the report as not proven.</summary>
    public IReadOnlyList<string> IgnoreExtensions { get; init; } = [];

    /// <summary>Of an encrypted backup. Null: gpg's own keyring serves.</summary>
    public PrivateKeySource? PrivateKey { get; init; }

    /// <summary>The recovery time that the policy promises, or null. A drill of increments measures none.</summary>
    public TimeSpan? Rto { get; init; }
    public int Jobs { get; init; } = 2;

    /// <summary>False leaves no result object behind.</summary>
    public bool Record { get; init; } = true;

    /// <summary>How long one check may take.</summary>
    public TimeSpan CheckTimeout { get; init; } = TimeSpan.FromMinutes(5);
}
