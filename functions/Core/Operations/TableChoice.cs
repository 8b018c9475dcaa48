using Backup.Core.Model;
using Backup.Core.Postgres;

namespace Backup.Core.Operations;

/// <summary>Which tables' rows a restore brings back: all, the ones that were named, or those of the schemas that were named.</summary>
public sealed class TableChoice
{
    private readonly IReadOnlyList<TableFingerprint>? _chosen;
    private readonly IReadOnlyList<string> _schemas;
    private readonly HashSet<uint> _oids;

    private TableChoice(IReadOnlyList<TableFingerprint>? chosen, IReadOnlyList<string> schemas)
    {
        _chosen = chosen;
        _schemas = schemas;
        _oids = [.. (chosen ?? []).SelectMany(f => f.Oids)];
    }

    public static TableChoice None { get; } = new([], []);

    public bool IsAll => _chosen is null;

    /// <summary>True when everything of the schema is restored: its sequences and materialised views too.</summary>
    public bool HasAllOf(string schema) => IsAll || _schemas.Contains(schema);

    /// <summary>Quoted names of the chosen tables.</summary>
    public IReadOnlySet<string> Sql => (_chosen ?? []).Select(f => f.Table.Sql).ToHashSet(StringComparer.Ordinal);

    public static TableChoice Of(Manifest manifest, RestoreRequest request) =>
        !request.IsPartial ? Choose(manifest, request.Tables) : new TableChoice([.. manifest.Fingerprints.Where(f => request.Schemas.Contains(f.Table.Schema))], request.Schemas);

    /// <param name="manifest">Its fingerprints name every table that has rows.</param>
    /// <param name="names"><c>schema.table</c>, or <c>table</c> in schema public; as the catalog spells them, quotes optional.</param>
    public static TableChoice Choose(Manifest manifest, IReadOnlyList<string> names)
    {
        ArgumentNullException.ThrowIfNull(manifest);
        if (names.Count == 0) return new TableChoice(null, []);
        var known = manifest.Fingerprints.Select(f => f.Table).ToHashSet();
        var chosen = new HashSet<TableName>();
        var unknown = new List<string>();
        foreach (var name in names)
        {
            var matches = known.Where(t => Spellings(t).Contains(name)).ToList();
            if (matches.Count == 1) chosen.Add(matches[0]);
            else unknown.Add(name);
        }

        if (unknown.Count > 0)
        {
            var examples = string.Join(", ", known.Order(TableName.Order).Take(10));
            throw new BackupException(ErrorCode.UsageWrong, $"{manifest.Id} holds no table {string.Join(", ", unknown)}",
                $"Write schema.table; the backup holds {known.Count}: {examples}{(known.Count > 10 ? ", …" : "")}. A partition is restored with its whole tree.");
        }

        return new TableChoice([.. manifest.Fingerprints.Where(f => chosen.Contains(f.Table))], []);
    }

    /// <summary>These tables, where not everything is chosen.</summary>
    public IReadOnlyList<TableFingerprint> Tables => _chosen ?? [];

    public TableChoice With(TableChoice more) => IsAll ? this : new TableChoice([.. Tables, .. more.Tables], _schemas);

    public TableChoice Without(IReadOnlySet<uint> oids) => IsAll ? this : new TableChoice([.. Tables.Where(f => !f.Oids.Any(oids.Contains))], _schemas);

    public bool Includes(TableFingerprint table) => _chosen is null || table.Oids.Any(_oids.Contains);

    public bool Includes(Artifact chunk) => _chosen is null || _oids.Contains(chunk.Oid ?? 0);

    /// <summary>By OID, since names are not exact in an archive's list.</summary>
    public bool Includes(ArchiveEntry tableData) => _chosen is null || _oids.Contains(tableData.Oid);

    private static IEnumerable<string> Spellings(TableName t)
    {
        yield return $"{t.Schema}.{t.Name}";
        yield return t.ToString();
        yield return t.Sql;
        if (t.Schema != "public") yield break;
        yield return t.Name;
        yield return TableName.Quote(t.Name);
    }
}
