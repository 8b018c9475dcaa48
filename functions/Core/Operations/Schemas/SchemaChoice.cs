using Backup.Core.Model;
using Backup.Core.Postgres;

namespace Backup.Core.Operations.Schemas;

/// <summary>What of an archive belongs to the chosen schemas. Pure: nothing here asks the target.</summary>
internal sealed class SchemaChoice
{
    /// <summary>Hang on a table, and are the team's even when the table is the provider's.</summary>
    private static readonly string[] _hanging = ["TRIGGER", "POLICY"];

    /// <summary>Name a table of one schema and belong to something that lies in none.</summary>
    private static readonly string[] _memberships = ["PUBLICATION TABLE", "PUBLICATION TABLES IN SCHEMA"];

    /// <summary>Lie in no schema; somebody may miss them.</summary>
    private static readonly string[] _loose =
    [
        "ACCESS METHOD", "CAST", "EVENT TRIGGER", "EXTENSION", "FOREIGN DATA WRAPPER", "PROCEDURAL LANGUAGE", "PUBLICATION", "SERVER", "SUBSCRIPTION", "TRANSFORM", "USER MAPPING",
    ];

    private readonly IReadOnlyDictionary<int, ArchiveObject> _byId;
    private readonly IReadOnlyDictionary<int, IReadOnlyList<int>> _needs;

    /// <param name="objects">The whole archive.</param>
    /// <param name="needs">By dump id, what each entry needs.</param>
    /// <param name="schemas">The chosen ones.</param>
    public SchemaChoice(IReadOnlyList<ArchiveObject> objects, IReadOnlyDictionary<int, IReadOnlyList<int>> needs, IReadOnlySet<string> schemas)
    {
        _byId = objects.ToDictionary(o => o.Id);
        _needs = needs;
        var within = objects.Where(o => SchemaOf(o) is { } schema && schemas.Contains(schema)).ToList();
        Inside = [.. within.Where(o => !_memberships.Contains(o.Kind))];
        var inside = Inside.Select(o => o.Id).ToHashSet();
        // A trigger of another schema's table that calls a function of a chosen one cannot be the provider's.
        Attached = [.. within.Except(Inside), .. objects.Where(o => !inside.Contains(o.Id) && _hanging.Contains(o.Kind) && Needs(o).Any(n => inside.Contains(n.Id)))];
        var outside = Inside.Where(o => o.Kind != "FK CONSTRAINT").SelectMany(o => Needs(o).Where(n => !inside.Contains(n.Id)).Select(n => (Needed: n, By: o))).ToList();
        Extensions = [.. outside.Select(p => p.Needed).Where(n => n.Kind == "EXTENSION").Distinct()];
        Outside = [.. outside.Where(p => p.Needed.Kind != "EXTENSION").GroupBy(p => p.Needed.Id).Select(g => g.First())];
        Rest = [.. objects.Except(Inside).Except(Attached).Except(Extensions)
            .Where(o => _loose.Contains(o.Kind) || _hanging.Contains(o.Kind) || (o.Kind == "DEFAULT ACL" && o.Schema is null))];
    }

    /// <summary>Everything that lies in a chosen schema or is one, in the archive's order.</summary>
    public IReadOnlyList<ArchiveObject> Inside { get; }

    /// <summary>What joins the chosen schemas with others: triggers and policies of other schemas' tables that use something inside, and memberships in publications.</summary>
    public IReadOnlyList<ArchiveObject> Attached { get; }

    /// <summary>Extensions that something inside needs.</summary>
    public IReadOnlyList<ArchiveObject> Extensions { get; }

    /// <summary>What else must be there already, each with the first that needs it. Foreign keys are judged one by one and need nothing here.</summary>
    public IReadOnlyList<(ArchiveObject Needed, ArchiveObject By)> Outside { get; }

    /// <summary>Not restored, and easily overlooked.</summary>
    public IReadOnlyList<ArchiveObject> Rest { get; }

    /// <summary>The schema in which an extension is to be made.</summary>
    public IEnumerable<ArchiveObject> SchemasOf(ArchiveObject extension) => Needs(extension).Where(n => n.Kind == "SCHEMA");

    /// <summary>Rows of a table that the archive itself does not make: an extension's configuration, named with its extension.</summary>
    public ArchiveObject? ExtensionOf(ArchiveObject tableData) =>
        tableData.Kind is "TABLE DATA" or "SEQUENCE SET" && Needs(tableData) is var needs && !needs.Any(n => n.Kind is "TABLE" or "SEQUENCE") ? needs.FirstOrDefault(n => n.Kind == "EXTENSION") : null;

    public IReadOnlyList<ArchiveObject> Needs(ArchiveObject one) =>
        [.. _needs.GetValueOrDefault(one.Id, []).Select(id => _byId.GetValueOrDefault(id)).OfType<ArchiveObject>()];

    public IEnumerable<ArchiveObject> CommentsOn(ArchiveObject one) => _byId.Values.Where(o => o.Kind == "COMMENT" && Needs(o).Contains(one)).OrderBy(o => o.Id);

    /// <summary>A schema itself lies in none, nor do its rights and its comment, which have its name as SQL.</summary>
    public static string? SchemaOf(ArchiveObject o) => o.Schema ?? (o.Kind == "SCHEMA" ? o.Name : IsOnSchema(o) ? TableName.Parse($".{o.Name["SCHEMA ".Length..]}").Name : null);

    /// <summary>Rights, comment or label of a schema.</summary>
    public static bool IsOnSchema(ArchiveObject o) =>
        o.Schema is null && o.Kind is "ACL" or "COMMENT" or "SECURITY LABEL" && o.Name.StartsWith("SCHEMA ", StringComparison.Ordinal);
}
