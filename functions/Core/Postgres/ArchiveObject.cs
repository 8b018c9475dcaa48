using Backup.Core.Model;

namespace Backup.Core.Postgres;

/// <summary>An entry of an archive's list, taken apart.</summary>
/// <param name="Kind">pg_dump's word for it: <c>TABLE</c>, <c>FK CONSTRAINT</c>, <c>DEFAULT ACL</c>, …</param>
/// <param name="Schema">Null for what lies in none, such as extensions and schemas themselves.</param>
/// <param name="Name">Unquoted; of what hangs on a table <c>table name</c>, of a function with the types of its arguments.</param>
/// <param name="Owner">Of default privileges: the role whose they are.</param>
public sealed record ArchiveObject(ArchiveEntry Entry, string Kind, string? Schema, string Name, string Owner)
{
    /// <summary>pg_dump's words of several parts; every other one is a single word.</summary>
    private static readonly string[] _kinds =
    [
        .. ((string[])
        [
            "ACCESS METHOD", "BLOB COMMENTS", "BLOB METADATA", "CHECK CONSTRAINT", "DATABASE PROPERTIES", "DEFAULT ACL", "EVENT TRIGGER", "FK CONSTRAINT", "FOREIGN DATA WRAPPER",
            "FOREIGN TABLE", "INDEX ATTACH", "LARGE OBJECT", "MATERIALIZED VIEW", "MATERIALIZED VIEW DATA", "OPERATOR CLASS", "OPERATOR FAMILY", "PROCEDURAL LANGUAGE", "PUBLICATION TABLE",
            "PUBLICATION TABLES IN SCHEMA", "ROW SECURITY", "SECURITY LABEL", "SEQUENCE OWNED BY", "SEQUENCE SET", "SHELL TYPE", "STATISTICS DATA", "SUBSCRIPTION TABLE", "TABLE ATTACH",
            "TABLE DATA", "TEXT SEARCH CONFIGURATION", "TEXT SEARCH DICTIONARY", "TEXT SEARCH PARSER", "TEXT SEARCH TEMPLATE", "USER MAPPING",
        ]).OrderByDescending(k => k.Length),
    ];

    /// <summary>Of these words the last may be the name of a schema instead, of something that has a catalog.</summary>
    private static readonly string[] _withoutCatalog = ["INDEX ATTACH", "MATERIALIZED VIEW DATA", "SEQUENCE OWNED BY", "SEQUENCE SET", "TABLE ATTACH", "TABLE DATA"];

    public int Id => Entry.DumpId;

    /// <summary>For people.</summary>
    public override string ToString() => Kind switch
    {
        "CAST" or "TRANSFORM" or "USER MAPPING" => Name,
        "DEFAULT ACL" => $"{Name} of {Owner}",
        "ACL" => $"rights of {Name}",
        "COMMENT" => $"comment of {Name}",
        _ => $"{Kind.ToLowerInvariant()} {(Schema is null ? "" : $"{Schema}.")}{Name}",
    };

    /// <param name="entries">The archive's list.</param>
    /// <param name="schemas">Every schema that the archive may name.</param>
    /// <param name="roles">Every role that owns something in it.</param>
    /// <exception cref="BackupException">usage: names with blanks stand unquoted in the list, and two schemas cannot be told apart.</exception>
    public static IReadOnlyList<ArchiveObject> Read(IReadOnlyList<ArchiveEntry> entries, IEnumerable<string> schemas, IEnumerable<string> roles)
    {
        ArgumentNullException.ThrowIfNull(entries);
        var known = schemas.Select(s => (Name: s, InList: OneLine(s))).ToList();
        var twins = known.Where(a => known.Any(b => b != a && b.InList.StartsWith(a.InList + " ", StringComparison.Ordinal))).Select(a => a.Name).ToList();
        if (twins.Count > 0)
        {
            throw new BackupException(ErrorCode.UsageWrong, $"the archive's list does not tell the schema {twins[0]} from another one whose name goes on with a blank",
                "Restore the whole backup into a new database (--create, without --schema) and move the schema from there.");
        }

        var owners = roles.Select(OneLine).OrderByDescending(r => r.Length).ToList();
        return [.. entries.Select(e => Read(e, known, owners))];
    }

    private static ArchiveObject Read(ArchiveEntry entry, List<(string Name, string InList)> schemas, List<string> owners)
    {
        var text = entry.Description;
        var kind = Array.Find(_kinds, k => text.StartsWith(k + " ", StringComparison.Ordinal) && !(_withoutCatalog.Contains(k) && ArchiveEntry.HasCatalog(entry.Line))) ?? text.Split(' ')[0];
        var rest = text[Math.Min(text.Length, kind.Length + 1)..];
        var schema = schemas.Find(s => rest.StartsWith(s.InList + " ", StringComparison.Ordinal));
        rest = schema.Name is not null ? rest[(schema.InList.Length + 1)..] : rest.StartsWith("- ", StringComparison.Ordinal) ? rest[2..] : rest;
        // A role that nothing depends on (pg_database_owner) is not among the known ones.
        var owner = owners.Find(o => rest.EndsWith(" " + o, StringComparison.Ordinal)) ?? (rest.EndsWith(' ') ? "" : rest[(rest.LastIndexOf(' ') + 1)..]);
        var name = owner.Length < rest.Length ? rest[..^(owner.Length + 1)] : rest;
        return new ArchiveObject(entry, kind, schema.Name, name, owner);
    }

    /// <summary>A name as the list has it.</summary>
    internal static string OneLine(string name) => name.Replace('\n', ' ').Replace('\r', ' ');
}
