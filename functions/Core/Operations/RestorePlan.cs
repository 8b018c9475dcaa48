using Backup.Core.Model;
using Backup.Core.Postgres;
using Npgsql;

namespace Backup.Core.Operations;

/// <summary>Which entries of the base archive are restored, in which step and by whom.</summary>
internal sealed record RestorePlan
{
    public required IReadOnlyList<ArchiveEntry> PreData { get; init; }
    public required IReadOnlyList<ArchiveEntry> Data { get; init; }

    /// <summary>Constraints that read rows with the rights of whoever adds them: by the loading role, where there is one.</summary>
    public IReadOnlyList<ArchiveEntry> Checks { get; init; } = [];
    public required IReadOnlyList<ArchiveEntry> PostData { get; init; }

    /// <summary>What only a superuser may own; last, since event triggers would run in every later step.</summary>
    public IReadOnlyList<ArchiveEntry> Unowned { get; init; } = [];

    /// <summary>Foreign keys to tables that are not restored.</summary>
    public IReadOnlyList<ArchiveEntry> LeftOut { get; init; } = [];
    public IReadOnlyList<TableName> OfIgnoredExtensions { get; init; } = [];

    public static async Task<RestorePlan> MakeAsync(
        ArchiveRestore restore, TableChoice chosen, RestoreRequest request, bool isSuperuser, CancellationToken cancel)
    {
        var ignored = request.IgnoreExtensions.SelectMany(e => (string[])[$"EXTENSION - {e} ", $"COMMENT - EXTENSION {e} "]).ToList();
        // The comment of an extension belongs to its owner, which at a provider is never the login role.
        var all = (await restore.ListAsync(cancel))
            .Where(e => isSuperuser || !Is(e, "COMMENT - EXTENSION"))
            .Where(e => !ignored.Exists(i => $"{e.Description} ".StartsWith(i, StringComparison.Ordinal))).ToList();
        if (!chosen.IsAll)
        {
            var dangling = await restore.DanglingForeignKeysAsync(all, chosen.Sql, cancel);
            return new RestorePlan
            {
                PreData = all,
                Data = [.. all.Where(e => !e.IsTableData || chosen.Includes(e)).Where(e => !e.Description.StartsWith("BLOB", StringComparison.Ordinal))],
                PostData = [.. all.Except(dangling).Where(e => !Is(e, "MATERIALIZED VIEW DATA"))],
                LeftOut = dangling,
            };
        }

        if (request.LoadAs is null) return new RestorePlan { PreData = all, Data = all, PostData = all };
        var checks = all.Where(e => Is(e, "CHECK CONSTRAINT")).ToList();
        var unowned = all.Where(e => Is(e, "PUBLICATION") || Is(e, "EVENT TRIGGER") || Is(e, "SUBSCRIPTION")
            || Is(e, "COMMENT - PUBLICATION") || Is(e, "COMMENT - EVENT TRIGGER") || Is(e, "COMMENT - SUBSCRIPTION")).ToList();
        return new RestorePlan { PreData = all, Data = all, Checks = checks, PostData = [.. all.Except(checks).Except(unowned)], Unowned = unowned };
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
