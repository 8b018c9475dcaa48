using System.Text.RegularExpressions;
using Backup.Core.Model;
using Backup.Core.Postgres;

namespace Backup.Core.Operations.Schemas;

/// <summary>Something that a restore of schemas needs and that is not there.</summary>
internal sealed record SchemaNeed(string Sentence, string NextStep)
{
    public static async Task<IEnumerable<SchemaNeed>> ExtensionsAsync(
        SchemaChoice choice, IReadOnlyList<ArchiveObject> toMake, Manifest manifest, bool isNew, SchemaTarget target, CancellationToken cancel)
    {
        var needs = new List<SchemaNeed>();
        var available = await target.AvailableExtensionsAsync(cancel);
        var unknown = toMake.Where(e => !available.Contains(e.Name)).Select(e => e.Name).ToList();
        if (unknown.Count > 0) needs.Add(new($"the server has no extension {string.Join(", ", unknown)}", "Install it on the server, or restore to one that has it."));
        if (isNew) return needs;
        var installed = await target.ExtensionsAsync(cancel);
        foreach (var extension in choice.Extensions.Except(toMake))
        {
            var then = manifest.Snapshot.Extensions.FirstOrDefault(e => e.Name == extension.Name)?.Schema;
            if (installed.TryGetValue(extension.Name, out var now) && then is not null && now != then)
                needs.Add(new($"the extension {extension.Name} lies in the schema {now}, in the backup in {then}", $"Move it: ALTER EXTENSION {TableName.Quote(extension.Name)} SET SCHEMA {TableName.Quote(then)};"));
        }

        return needs;
    }

    public static IEnumerable<SchemaNeed> Objects(IEnumerable<(ArchiveObject Needed, ArchiveObject By)> missing)
    {
        var all = missing.ToList();
        if (all.Count == 0) yield break;
        var schemas = all.Select(m => m.Needed.Schema).OfType<string>().Distinct().Order(StringComparer.Ordinal).ToList();
        yield return new($"missing are {string.Join(", ", all.Take(10).Select(m => $"{m.Needed} (for {m.By})"))}{(all.Count > 10 ? $" and {all.Count - 10} more" : "")}",
            schemas.Count > 0 ? $"Make them first, or restore them too: {string.Join(" ", schemas.Select(s => $"--schema {RestoreByHand.Shell(s)}"))}." : "Make them first.");
    }

    /// <summary>A partition tree is one table, wherever its partitions lie.</summary>
    public static IEnumerable<SchemaNeed> Partitions(Manifest manifest, RestoreRequest request, IReadOnlyList<ArchiveObject> objects)
    {
        var byOid = objects.Where(o => o.Kind is "TABLE" or "FOREIGN TABLE").ToLookup(o => o.Entry.Oid);
        foreach (var tree in manifest.Fingerprints.Where(f => request.Schemas.Contains(f.Table.Schema)))
        {
            var elsewhere = tree.Oids.SelectMany(oid => byOid[oid]).Select(o => o.Schema).OfType<string>().Where(s => !request.Schemas.Contains(s)).Distinct().ToList();
            if (elsewhere.Count > 0)
                yield return new($"{tree.Table} has partitions in {string.Join(", ", elsewhere)}", $"Restore them with it: {string.Join(" ", elsewhere.Select(s => $"--schema {RestoreByHand.Shell(s)}"))}.");
        }
    }

    /// <param name="script">Statements that name roles.</param>
    public static IEnumerable<SchemaNeed> Roles(
        RestoreRequest request, IEnumerable<ArchiveObject> inside, string script, Manifest manifest, IReadOnlyDictionary<string, bool> roles)
    {
        var owners = request.NoOwner ? [] : inside.Select(o => o.Owner).ToHashSet(StringComparer.Ordinal);
        var text = string.Join('\n', script.Split('\n').Where(l => !l.StartsWith("--", StringComparison.Ordinal)));
        var missing = manifest.Snapshot.Roles.Where(r => !roles.ContainsKey(r) && !r.StartsWith("pg_", StringComparison.Ordinal) && (owners.Contains(r) || Names(text, r))).ToList();
        if (missing.Count > 0)
        {
            yield return new($"there are no roles {string.Join(", ", missing)}, which own objects, hold grants or are named by policies",
                $"Create them first: {string.Join(" ", missing.Select(r => $"CREATE ROLE {TableName.Quote(r)};"))}");
        }
    }

    /// <exception cref="BackupException">target.unfit, with all of them.</exception>
    public static void ThrowIfAny(IReadOnlyList<SchemaNeed> needs, RestoreRequest request)
    {
        if (needs.Count == 0) return;
        throw new BackupException(ErrorCode.TargetUnfit, $"{request.Target} lacks what the schemas {string.Join(", ", request.Schemas)} need: {string.Join("; ", needs.Select(n => n.Sentence))}",
            string.Join(" ", needs.Select(n => n.NextStep)));
    }

    private static bool Names(string sql, string role) => Regex.IsMatch(sql, $"""(?<=[\s,])("{Regex.Escape(role.Replace("\"", "\"\"", StringComparison.Ordinal))}"|{Regex.Escape(role)})(?=[\s,;]|$)""", RegexOptions.CultureInvariant);
}
