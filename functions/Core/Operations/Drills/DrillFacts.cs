using Backup.Core.Model;
using Backup.Core.Postgres;
using Npgsql;

namespace Backup.Core.Operations.Drills;

/// <summary>What is read from a restored database beside its rows, and what a drill of this backup cannot say.</summary>
internal static class DrillFacts
{
    private const int NamesShown = 20;

    /// <summary>A restore validates what it adds; what is not validated was not in the source either, and is named.</summary>
    public static async Task<ConstraintFacts> ConstraintsAsync(ConnectionTarget target, CancellationToken cancel)
    {
        await using var session = await Connector.OpenAsync(target, "backup compare", cancel);
        await using var command = new NpgsqlCommand("""
            SELECT c.convalidated, c.conname::text, n.nspname::text, coalesce(r.relname, t.typname)::text
            FROM pg_constraint c JOIN pg_namespace n ON n.oid = c.connamespace
            LEFT JOIN pg_class r ON r.oid = c.conrelid LEFT JOIN pg_type t ON t.oid = c.contypid
            WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY 3, 4, 2
            """, session);
        await using var row = await command.ExecuteReaderAsync(cancel);
        var validated = 0;
        var not = new List<string>();
        while (await row.ReadAsync(cancel))
        {
            if (row.GetBoolean(0)) validated++;
            else not.Add($"{row.GetString(1)} on {new TableName(row.GetString(2), row.GetString(3))}");
        }

        return new ConstraintFacts(validated, not);
    }

    /// <summary>Everything that a PASS would otherwise seem to cover.</summary>
    public static IEnumerable<NotProven> NotProven(Manifest manifest, DrillRequest request, RestoreReport? restored)
    {
        ArgumentNullException.ThrowIfNull(manifest);
        var s = manifest.Snapshot;
        if (request.Increments.Count > 0)
        {
            yield return new NotProven($"every other table, the policy's checks{(request.AfterRestore is null ? "" : ", its afterRestore")}", $"Only the tables of the increments were restored; `backup drill {manifest.Id}` proves the backup itself.");
            var unknown = request.Increments.SelectMany(i => i.Manifest!.Increment!.Tables).Select(t => t.Table).Distinct().Where(t => manifest.Fingerprints.All(f => f.Table != t));
            if (Names(unknown) is { Length: > 0 } late)
                yield return new NotProven(late, $"In increments and not in {manifest.Id}, so not restored; the next backup holds them.");
            yield return new NotProven("rows deleted since the backup", "Increments do not see deletions, unless the table was copied whole: such rows are there again.");
            yield return new NotProven("content of rows after the increments", "The backup's rows were compared by content before them, every increment by its own fingerprint while it was read; the sum of both is counted.");
            yield break;
        }

        if (manifest.AfterRestore is { } file && request.AfterRestore is null)
            yield return new NotProven($"afterRestore ({file})", "The run's policy had it run after a restore; no policy, or one without it, was given to this drill.");
        foreach (var extension in request.IgnoreExtensions.Where(e => s.Extensions.Any(x => x.Name == e)))
            yield return new NotProven($"extension {extension}", "The policy leaves it out (drill.ignoreExtensions).");
        if (restored?.OfIgnoredExtensions is { Count: > 0 } gone)
            yield return new NotProven(Names(gone), "They belong to an extension that was left out.");
        if (Names(manifest.Fingerprints.Where(f => f is { Hash: null, Rows: not null }).Select(f => f.Table)) is { Length: > 0 } counted)
            yield return new NotProven(counted, "Rows were counted; their content was not compared, since the run took no fingerprint of it.");
        if (Names(manifest.Fingerprints.Where(f => f.Rows is null).Select(f => f.Table)) is { Length: > 0 } uncounted)
            yield return new NotProven(uncounted, "Restored; neither rows nor content were compared, since the run took no fingerprint of them.");
        if (s.WithoutRows.Count > 0)
            yield return new NotProven(Names(s.WithoutRows), "Foreign tables, or unlogged tables of a standby: no dump holds their rows.");
        if (s.LargeObjects is null)
            yield return new NotProven("large objects", "Restored; not compared, since the manifest does not say how many there were.");
        else if (s.LargeObjects is { Count: > 0, Hash: null })
            yield return new NotProven("large objects", "Counted; their content was not compared, since the run took no fingerprint of it.");
        if (s.MaterializedViews is { Count: > 0 } views)
            yield return new NotProven(Names(views.Select(v => v.View)), "Materialised views: a restore computes them anew from the restored tables, so their rows may differ from the original's.");
        yield return new NotProven("increments", "The backup alone was restored. `backup drill latest --increments` applies them.");
        yield return new NotProven("passwords and memberships of roles", "No backup holds passwords. The drill makes every role that the archive names, without rights of its own.");
        if (manifest.Artifacts.Any(a => a.Role == ArtifactRole.Globals))
            yield return new NotProven("roles file (globals)", "Its checksum was compared; it was not run.");
        yield return new NotProven("tablespaces, publications' and event triggers' owners", "Everything is restored into one tablespace; what only a superuser may own belongs to the drill's.");
    }

    private static string Names(IEnumerable<TableName> tables)
    {
        var all = tables.Select(t => t.ToString()).ToList();
        return string.Join(", ", all.Take(NamesShown)) + (all.Count > NamesShown ? $" and {all.Count - NamesShown} more" : "");
    }
}
