using Backup.Core.Model;
using Backup.Core.Postgres;

namespace Backup.Core.Operations.Schemas;

/// <summary>The schemas of a backup, and which of them are the team's own.</summary>
internal static class UserSchemas
{
    /// <summary>Made and kept by Supabase in every project. Not <c>supabase_migrations</c>: the team's own migrations fill it, and a fresh project does not have it.</summary>
    private static readonly HashSet<string> _supabase =
    [
        "auth", "storage", "realtime", "_realtime", "extensions", "graphql", "graphql_public", "vault", "pgsodium", "pgsodium_masks", "supabase_functions", "net", "cron", "pgbouncer", "pgtle",
        "pgmq", "pgmq_public", "_analytics", "_supavisor", "dbdev", "tiger", "tiger_data", "topology",
    ];

    /// <summary>Where Supabase keeps who may log in.</summary>
    public static TableName Logins { get; } = new("auth", "users");

    /// <summary>Every schema that the archive may name. In older manifests they are taken from what is known of their contents.</summary>
    public static IEnumerable<string> All(Manifest manifest, IReadOnlyList<ArchiveEntry> entries) => manifest.Snapshot.Schemas?.Select(s => s.Name)
        ?? Known(manifest).Concat(ArchiveObject.Read([.. entries.Where(e => e.Description.StartsWith("SCHEMA - ", StringComparison.Ordinal))], [], manifest.Snapshot.Roles).Select(o => o.Name)).Distinct();

    /// <summary>What a team would call its own: what no provider has made. For the next step of an error.</summary>
    public static IReadOnlyList<string> Own(Manifest manifest)
    {
        var all = manifest.Snapshot.Schemas is { } facts ? facts.Where(s => s.Name == "public" || !s.Owner.StartsWith("supabase_", StringComparison.Ordinal)).Select(s => s.Name) : Known(manifest);
        var extensions = manifest.Snapshot.Extensions.Select(e => e.Schema).ToHashSet(StringComparer.Ordinal);
        return [.. all.Where(s => !_supabase.Contains(s) && (s == "public" || !extensions.Contains(s) || manifest.Fingerprints.Any(f => f.Table.Schema == s))).Distinct().Order(StringComparer.Ordinal)];
    }

    /// <exception cref="BackupException">usage: the backup has no such schema.</exception>
    public static void CheckChosen(RestoreRequest request, IReadOnlyList<ArchiveObject> objects)
    {
        var there = objects.Select(SchemaChoice.SchemaOf).OfType<string>().ToHashSet(StringComparer.Ordinal);
        // The schema public is in every database, and need not be in the list.
        var unknown = request.Schemas.Where(s => s != "public" && !there.Contains(s)).ToList();
        if (unknown.Count == 0) return;
        throw new BackupException(ErrorCode.UsageWrong, $"{request.Backup.Id} holds no schema {string.Join(", ", unknown)}", $"It holds {string.Join(", ", there.Order(StringComparer.Ordinal))}.");
    }

    private static IEnumerable<string> Known(Manifest manifest) =>
        manifest.Fingerprints.Select(f => f.Table.Schema).Concat(manifest.Snapshot.Sequences.Select(s => s.Sequence.Schema)).Concat(manifest.Snapshot.Extensions.Select(e => e.Schema)).Append("public").Distinct();
}
