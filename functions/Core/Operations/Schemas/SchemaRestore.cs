using Backup.Core.Model;
using Backup.Core.Postgres;
using Npgsql;

namespace Backup.Core.Operations.Schemas;

/// <summary>What of an archive a restore of schemas makes, in which part of it, and as whose.</summary>
internal sealed record SchemaRestore
{
    /// <summary>Have an owner of their own; what hangs on a table has the table's.</summary>
    private static readonly string[] _owned = ["TABLE", "FOREIGN TABLE", "VIEW", "MATERIALIZED VIEW", "SEQUENCE", "TYPE", "DOMAIN", "FUNCTION", "PROCEDURE", "AGGREGATE", "OPERATOR", "COLLATION", "SCHEMA"];

    /// <summary>In the archive's order; what exists already and what may not be made is left out.</summary>
    public required IReadOnlyList<ArchiveEntry> Entries { get; init; }

    /// <summary>Made at the end, one by one, since they concern objects that are not this restore's.</summary>
    public required IReadOnlyList<ArchiveObject> Attached { get; init; }

    /// <summary>Comments on what is attached, by its dump id.</summary>
    public required ILookup<int, ArchiveEntry> AttachedComments { get; init; }

    /// <summary>Dump ids of entries whose owner this role may not name: they stay with it.</summary>
    public required IReadOnlySet<int> Unowned { get; init; }

    /// <summary>Rows that an extension which is there already has brought itself.</summary>
    public required IReadOnlySet<uint> OfExtensions { get; init; }

    /// <summary>Quoted names of the tables that are there beside the chosen schemas.</summary>
    public required IReadOnlySet<string> Tables { get; init; }

    /// <summary>Everything inside; for the way back.</summary>
    public required IReadOnlyList<ArchiveObject> Inside { get; init; }

    /// <summary>Reads the archive and the target, before anything is written.</summary>
    /// <param name="archive">The base archive; its connection is not used.</param>
    /// <param name="request">Asks for schemas, or rows alone.</param>
    /// <param name="session">Of the target; of any database of its server when the target is yet to be made.</param>
    /// <param name="server">The target's.</param>
    /// <param name="findings">What is left out.</param>
    /// <param name="cancel">Stops.</param>
    /// <exception cref="BackupException">target.unfit: something is needed and not there; all of it is named.</exception>
    public static async Task<SchemaRestore> PrepareAsync(
        ArchiveRestore archive, RestoreRequest request, NpgsqlConnection session, ServerFacts server, ICollection<Finding> findings, CancellationToken cancel)
    {
        var manifest = request.Backup.Manifest!;
        var target = new SchemaTarget(session);
        var entries = await archive.ListAsync(cancel);
        var objects = ArchiveObject.Read(entries, UserSchemas.All(manifest, entries), manifest.Snapshot.Roles);
        var choice = new SchemaChoice(objects, await archive.DependenciesAsync(cancel), request.Schemas.ToHashSet(StringComparer.Ordinal));
        UserSchemas.CheckChosen(request, objects);

        var isNew = request.Mode == RestoreMode.Create;
        // A new database has the schema public and nothing else.
        IReadOnlyDictionary<string, bool> there = isNew ? new Dictionary<string, bool>(StringComparer.Ordinal) { ["public"] = server.IsSuperuser || server.Major >= 15 } : await target.SchemasAsync(request.Schemas, cancel);
        var missing = isNew ? objects.Where(o => o is not { Kind: "SCHEMA", Name: "public" } and not { Kind: "EXTENSION", Name: "plpgsql" } and not { Kind: "PROCEDURAL LANGUAGE" }).Select(o => o.Id).ToHashSet()
            : await target.MissingAsync([.. choice.Outside.Select(o => o.Needed), .. choice.Extensions, .. choice.Extensions.SelectMany(choice.SchemasOf), .. choice.Attached, .. choice.Rest], cancel);
        var roles = await target.RolesAsync(cancel);
        var toMake = choice.Extensions.Where(e => missing.Contains(e.Id)).ToList();
        var wrong = new List<SchemaNeed>();
        wrong.AddRange(await SchemaNeed.ExtensionsAsync(choice, toMake, manifest, isNew, target, cancel));
        var around = toMake.SelectMany(choice.SchemasOf).Where(s => missing.Contains(s.Id)).DistinctBy(s => s.Id).ToList();
        wrong.AddRange(SchemaNeed.Objects(choice.Outside.Where(o => missing.Contains(o.Needed.Id) && !around.Contains(o.Needed))));
        wrong.AddRange(SchemaNeed.Partitions(manifest, request, objects));

        bool MayNotOwn(ArchiveObject o) => !server.IsSuperuser && o.Owner.Length > 0 && !roles.GetValueOrDefault(o.Owner);
        bool IsLeftOut(ArchiveObject o) => (SchemaChoice.SchemaOf(o) is { } schema && there.TryGetValue(schema, out var owned) && (o.Kind == "SCHEMA" || (SchemaChoice.IsOnSchema(o) && !owned)))
            || (o.Kind == "DEFAULT ACL" && MayNotOwn(o)) || (choice.ExtensionOf(o) is { } extension && !toMake.Contains(extension));
        var inside = choice.Inside.Where(o => !IsLeftOut(o)).ToList();
        wrong.AddRange(SchemaNeed.Roles(request, inside, await RightsAsync(archive, request, inside, cancel), manifest, roles));
        SchemaNeed.ThrowIfAny(wrong, request);

        var foreign = request.NoOwner ? [] : inside.Where(o => o.Kind is not ("ACL" or "COMMENT" or "TABLE DATA" or "SEQUENCE SET") && MayNotOwn(o)).ToList();
        if (foreign.Count > 0)
        {
            findings.Add(FindingCode.SchemaOwner.On(request.Target.Database,
                $"{server.User} may not give objects to {string.Join(", ", foreign.Select(o => o.Owner).Distinct().Order(StringComparer.Ordinal))}: {Some(foreign.Where(o => _owned.Contains(o.Kind)).Select(o => $"{o}"))} will belong to {server.User}",
                "If the owner matters, change it afterwards as an administrator: ALTER … OWNER TO."));
        }

        if (request.NoOwner && !isNew && await target.FavouredAsync(request.Schemas, cancel) is { Count: > 0 } favoured)
        {
            findings.Add(FindingCode.SchemaLeftOut.On(request.Target.Database,
                $"with --no-owner the grants of the backup are left out, and the target's default privileges give rights on everything that is made to {string.Join(", ", favoured)}",
                "Leave --no-owner out, so that everybody has the rights of the original; or look at \\dp before the application is let in."));
        }

        var attached = choice.Attached.Where(a => a.Kind is not ("TRIGGER" or "POLICY") || missing.Contains(a.Id)).Where(_ => !isNew).ToList();
        var rest = choice.Rest.Where(o => missing.Contains(o.Id) && (o.Schema is null || !isNew)).Concat(isNew ? choice.Attached : [])
            .Concat(choice.Inside.Where(o => IsLeftOut(o) && o.Kind is "ACL" or "COMMENT")).Select(o => $"{o}").ToList();
        if (manifest.Snapshot.LargeObjects is { Count: > 0 and var large }) rest.Add($"{large} large objects");
        if (rest.Count > 0 && request.Schemas.Count > 0)
        {
            findings.Add(FindingCode.SchemaLeftOut.On(request.Target.Database, $"left out, since it belongs to no chosen schema or is not this role's to make: {Some(rest)}",
                "Look whether the application needs it; `backup show … --by-hand` leads to the archive that has the statements."));
        }

        var ids = inside.Concat(toMake).Concat(around).Select(o => o.Id).ToHashSet();
        return new SchemaRestore
        {
            Entries = [.. entries.Where(e => ids.Contains(e.DumpId))],
            Attached = attached,
            AttachedComments = attached.SelectMany(a => choice.CommentsOn(a).Select(c => (a.Id, c.Entry))).ToLookup(c => c.Id, c => c.Entry),
            Unowned = foreign.Select(o => o.Id).ToHashSet(),
            OfExtensions = choice.Inside.Where(o => o.Kind == "TABLE DATA" && choice.ExtensionOf(o) is not null && IsLeftOut(o)).Select(o => o.Entry.Oid).ToHashSet(),
            Tables = isNew ? new HashSet<string>() : await target.TablesOutsideAsync(request.Schemas, cancel),
            Inside = choice.Inside,
        };
    }

    /// <summary>The entries in turns: each is made with its owners, or left with whoever makes it.</summary>
    public IEnumerable<(IReadOnlyList<ArchiveEntry> Entries, bool Unowned)> Turns(IReadOnlyList<ArchiveEntry> entries)
    {
        var turn = new List<ArchiveEntry>();
        var isUnowned = false;
        foreach (var entry in entries)
        {
            // A comment stays behind what it is on: pg_restore counts it to the section of what stands before it.
            if (!entry.Description.StartsWith("COMMENT ", StringComparison.Ordinal) && !entry.Description.StartsWith("SECURITY LABEL ", StringComparison.Ordinal) && Unowned.Contains(entry.DumpId) != isUnowned)
            {
                if (turn.Count > 0) yield return (turn, isUnowned);
                (turn, isUnowned) = ([], !isUnowned);
            }

            turn.Add(entry);
        }

        if (turn.Count > 0) yield return (turn, isUnowned);
    }

    private static Task<string> RightsAsync(ArchiveRestore archive, RestoreRequest request, IEnumerable<ArchiveObject> inside, CancellationToken cancel) =>
        archive.ScriptAsync([.. inside.Where(o => o.Kind == "POLICY" || (!request.NoOwner && o.Kind is "ACL" or "DEFAULT ACL")).Select(o => o.Entry)], cancel);

    private static string Some(IEnumerable<string> names)
    {
        var all = names.ToList();
        return string.Join(", ", all.Take(20)) + (all.Count > 20 ? $" and {all.Count - 20} more" : "");
    }
}
