using Backup.Core.Model;
using Backup.Core.Operations.Schemas;
using Backup.Core.Postgres;
using Npgsql;

namespace Backup.Core.Operations;

/// <summary>Which entries of the base archive are restored, in which step and by whom.</summary>
internal sealed record RestorePlan
{
    private static readonly string[] _withRows = [" TABLE ", " COLUMN ", " SEQUENCE ", " LARGE OBJECT"];

    public required IReadOnlyList<ArchiveEntry> PreData { get; init; }
    public required IReadOnlyList<ArchiveEntry> Data { get; init; }

    /// <summary>
    /// On what holds rows, and behind the rows, as pg_restore does it when it restores everything at once: an owner may have taken from himself the right to write.
    /// </summary>
    public required IReadOnlyList<ArchiveEntry> Rights { get; init; }

    /// <summary>Constraints that read rows with the rights of whoever adds them: by the loading role, where there is one.</summary>
    public IReadOnlyList<ArchiveEntry> Checks { get; init; } = [];
    public required IReadOnlyList<ArchiveEntry> PostData { get; init; }

    /// <summary>What only a superuser may own; last, since event triggers would run in every later step.</summary>
    public IReadOnlyList<ArchiveEntry> Unowned { get; init; } = [];

    /// <summary>Foreign keys to tables that are not restored.</summary>
    public IReadOnlyList<ArchiveEntry> LeftOut { get; init; } = [];
    public IReadOnlyList<TableName> OfIgnoredExtensions { get; init; } = [];

    /// <summary>Foreign keys from or to a table that is newer than the rest, because of increments: they may not hold.</summary>
    public IReadOnlyList<ForeignKey> Late { get; init; } = [];
    public IReadOnlyList<ArchiveEntry> LateComments { get; init; } = [];

    /// <summary>Foreign keys of chosen schemas to tables that the target has already: their rows may not be the original's.</summary>
    public IReadOnlyList<ForeignKey> Outside { get; init; } = [];

    /// <summary>Comments on keys that exist now: one on a missing key is an error.</summary>
    public IEnumerable<ArchiveEntry> CommentsOn(IReadOnlyList<ForeignKey> made) => LateComments.Where(c => made.Any(k => k.IsCommented(c)));

    /// <summary>By dump id, what each entry of the archive needs.</summary>
    public required IReadOnlyDictionary<int, IReadOnlyList<int>> Needs { get; init; }

    /// <summary>
    /// Primary keys, unique and exclusion constraints of a table, which can be made as soon as it has its rows, and the comments on them and their indexes. By what
    /// needs what: names are not exact in the list, and the comment on an index stands anywhere behind its key.
    /// </summary>
    /// <param name="table">Its OID in the source.</param>
    public IReadOnlyList<ArchiveEntry> KeysOf(uint table)
    {
        var tables = PreData.Where(e => e.Oid == table && Is(e, "TABLE")).Select(e => e.DumpId).ToList();
        var keys = PostData.Where(e => Is(e, "CONSTRAINT") && NeedsAny(e, tables)).ToList();
        var ids = keys.Select(k => k.DumpId).ToList();
        return [.. keys, .. PostData.Where(e => Is(e, "COMMENT") && NeedsAny(e, ids))];
    }

    private bool NeedsAny(ArchiveEntry entry, List<int> ids) => Needs.GetValueOrDefault(entry.DumpId, []).Any(ids.Contains);

    /// <param name="restore">The archive.</param>
    /// <param name="chosen">Tables whose rows are wanted.</param>
    /// <param name="incremented">Quoted names of tables that increments bring forward.</param>
    /// <param name="request">Of the restore.</param>
    /// <param name="isSuperuser">Of the role that restores.</param>
    /// <param name="schemas">Not null: only these schemas.</param>
    /// <param name="cancel">Stops.</param>
    public static async Task<RestorePlan> MakeAsync(
        ArchiveRestore restore, TableChoice chosen, IReadOnlySet<string> incremented, RestoreRequest request, bool isSuperuser, SchemaRestore? schemas, CancellationToken cancel)
    {
        var ignored = request.IgnoreExtensions.SelectMany(e => (string[])[$"EXTENSION - {e} ", $"COMMENT - EXTENSION {e} "]).ToList();
        // The comment of an extension belongs to its owner, which at a provider is never the login role.
        var all = (schemas is null ? await restore.ListAsync(cancel) : schemas.Entries)
            .Where(e => isSuperuser || !Is(e, "COMMENT - EXTENSION"))
            .Where(e => !ignored.Exists(i => $"{e.Description} ".StartsWith(i, StringComparison.Ordinal))).ToList();
        var keys = chosen.IsAll && incremented.Count == 0 ? [] : await restore.ForeignKeysAsync(all, cancel);
        // Foreign keys of the chosen tables that point to tables whose rows are not restored cannot hold.
        var dangling = chosen.IsAll ? [] : schemas is not null ? keys.Where(k => !chosen.HasAllOf(TableName.Parse(k.To).Schema)).ToList() : keys.Where(k => chosen.Sql.Contains(k.From) && !chosen.Sql.Contains(k.To)).ToList();
        var outside = schemas is null ? [] : dangling.Where(k => schemas.Tables.Contains(k.To)).ToList();
        var late = keys.Except(dangling).Where(k => incremented.Contains(k.From) || incremented.Contains(k.To)).ToList();
        var comments = all.Where(e => late.Concat(dangling).Any(k => k.IsCommented(e))).ToList();
        var checks = request.LoadAs is null ? [] : all.Where(e => Is(e, "CHECK CONSTRAINT")).ToList();
        var unowned = request.LoadAs is null ? [] : all.Where(e => Is(e, "PUBLICATION") || Is(e, "EVENT TRIGGER") || Is(e, "SUBSCRIPTION")
            || Is(e, "COMMENT - PUBLICATION") || Is(e, "COMMENT - EVENT TRIGGER") || Is(e, "COMMENT - SUBSCRIPTION")).ToList();
        // In a database with default privileges every right comes after these have been taken back; see SchemaRights. The comment of a schema that is there already has
        // nothing before it that would say its section.
        var rights = all.Where(e => schemas is null ? IsRightToRows(e) : Is(e, "ACL") || Is(e, "DEFAULT ACL") || Is(e, "COMMENT - SCHEMA") || Is(e, "SECURITY LABEL - SCHEMA")).ToList();
        return new RestorePlan
        {
            PreData = [.. all.Except(rights)],
            Rights = rights,
            Needs = await restore.DependenciesAsync(cancel),
            Data = chosen.IsAll ? all : [.. all.Where(e => !e.IsTableData || chosen.Includes(e)).Where(e => !e.Description.StartsWith("BLOB", StringComparison.Ordinal))],
            Checks = checks,
            PostData = [.. all.Except(dangling.Select(k => k.Entry)).Except(late.Select(k => k.Entry)).Except(comments).Except(checks).Except(unowned).Except(schemas is null ? [] : rights)
                .Where(e => chosen.IsAll || schemas is not null || !Is(e, "MATERIALIZED VIEW DATA"))],
            Unowned = unowned,
            LeftOut = [.. dangling.Except(outside).Select(k => k.Entry)],
            Outside = outside,
            Late = late,
            LateComments = comments,
        };
    }

    /// <summary>
    /// After the schema: what an ignored extension would have made is not there, and its rows are left out. Only tables that the archive itself does
    /// not make can be an extension's: any other one that is missing is missing.
    /// </summary>
    public async Task<RestorePlan> WithoutMissingAsync(Manifest manifest, RestoreRequest request, ConnectionTarget target, CancellationToken cancel)
    {
        if (request.IgnoreExtensions.Count == 0) return this;
        var made = PreData.Where(e => Is(e, "TABLE") && !e.IsTableData).Select(e => e.Oid).ToHashSet();
        var tables = manifest.Fingerprints.Where(f => !f.Oids.Any(made.Contains)).ToList();
        var sequences = manifest.Snapshot.Sequences.Select(s => s.Sequence).Where(s => !PreData.Any(e => Is(e, $"SEQUENCE {s.Schema} {s.Name}"))).ToList();
        var missing = await MissingAsync([.. tables.Select(t => t.Table), .. sequences], target, cancel);
        var oids = tables.Where(t => missing.Contains(t.Table)).SelectMany(t => t.Oids).ToHashSet();
        return this with
        {
            OfIgnoredExtensions = missing,
            Data = [.. Data.Where(e => !(e.IsTableData && oids.Contains(e.Oid)) && !missing.Any(m => Is(e, $"SEQUENCE SET {m.Schema} {m.Name}")))],
        };
    }

    private static bool Is(ArchiveEntry entry, string kind) => entry.Description.StartsWith(kind + " ", StringComparison.Ordinal);

    private static bool IsRightToRows(ArchiveEntry entry) => Is(entry, "ACL") && _withRows.Any(kind => entry.Description.Contains(kind, StringComparison.Ordinal));

    private static async Task<IReadOnlyList<TableName>> MissingAsync(IReadOnlyList<TableName> names, ConnectionTarget target, CancellationToken cancel)
    {
        await using var session = await Connector.OpenAsync(target, "backup restore", cancel);
        await using var command = new NpgsqlCommand("SELECT to_regclass(n) IS NULL FROM unnest(@names) WITH ORDINALITY u(n, i) ORDER BY i", session);
        command.Parameters.AddWithValue("names", names.Select(n => n.Sql).ToArray());
        await using var rows = await command.ExecuteReaderAsync(cancel);
        var missing = new List<TableName>();
        for (var i = 0; await rows.ReadAsync(cancel); i++)
            if (rows.GetBoolean(0)) missing.Add(names[i]);
        return missing;
    }
}
