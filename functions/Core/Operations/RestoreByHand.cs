using Backup.Core.Model;
using Backup.Core.Postgres;

namespace Backup.Core.Operations;

/// <summary>
/// The shell commands that restore one backup with sha256sum, gpg, zstd, pg_restore and psql alone. They run in bash, in the folder that
/// holds the backup's manifest, and are part of every manifest: a backup must outlive this program.
/// </summary>
public static class RestoreByHand
{
    private const string Placeholder = "{database}";

    /// <param name="snapshot">Of the backup.</param>
    /// <param name="database">Name of the source's database.</param>
    /// <param name="prefix">Key prefix of the backup, which the commands leave out: they are relative to its folder.</param>
    /// <param name="artifacts">Of the backup.</param>
    /// <param name="afterRestore">The policy's file, which is named and never stored.</param>
    public static IReadOnlyList<string> For(SnapshotFacts snapshot, string database, string prefix, IReadOnlyList<Artifact> artifacts, string? afterRestore = null)
    {
        var basis = artifacts.Single(a => a.Role == ArtifactRole.Base);
        var lines = new List<string>
        {
            $"# Run in bash, in the folder of this manifest, with {Client(snapshot)} first on PATH.",
            "# PGHOST, PGPORT, PGUSER and PGPASSWORD name the server to restore to; DB is the database to make.",
            "set -euo pipefail",
            $"DB=${{DB:-{Shell(database + "_restored")}}}",
            $"export PGOPTIONS={Options}",
        };
        lines.AddRange(CheckSums(prefix, artifacts));
        lines.AddRange(artifacts.Where(a => a.Role == ArtifactRole.Globals).Select(a =>
            $"# roles, if the server lacks them (already existing ones print an error): {Read(a, prefix)} | psql -X -d postgres"));
        // As arguments, a database name with '=' would be read as a connection string, and names that are not ASCII in the database's encoding.
        lines.Add("export PGDATABASE=$DB PGCLIENTENCODING=UTF8");
        lines.Add($"createdb --template=template0 {CreateOptions(snapshot)} -- \"$DB\"");
        lines.Add("BASE=$(mktemp); trap 'rm -f \"$BASE\"' EXIT");
        lines.Add($"{Read(basis, prefix)} > \"$BASE\"");
        lines.Add("pg_restore --exit-on-error --section=pre-data -d '' \"$BASE\"");
        lines.Add("pg_restore --exit-on-error --section=data -d '' \"$BASE\"");
        lines.AddRange(artifacts.Where(a => a.Role == ArtifactRole.Chunk).Select(a =>
            $"{Read(a, prefix)} | psql -X -q -v ON_ERROR_STOP=1 -c {Shell(CopySql(a, snapshot.Encoding))}"));
        lines.Add("# Increments come here, if there are any: their manifests print how. BEFORE_INDEXES may hold the command that applies them.");
        lines.Add("if [ -n \"${BEFORE_INDEXES:-}\" ]; then bash -c \"$BEFORE_INDEXES\"; fi");
        lines.Add("pg_restore --exit-on-error --section=post-data -j 4 -d '' \"$BASE\"");
        lines.AddRange(snapshot.DatabaseSql.Select(sql =>
            $"psql -X -q -v ON_ERROR_STOP=1 -v db=\"$DB\" <<< {Shell(ForDatabase(sql, ":\"db\""))}"));
        lines.Add("psql -X -q -c ANALYZE");
        if (afterRestore is not null)
        {
            lines.Add("# Before anybody uses it, the policy's afterRestore, which is not in the vault (whoever was erased since the backup must not come back):");
            lines.Add($"# {Erase(Path.GetFileName(afterRestore)).ReplaceLineEndings(" ")}");
        }

        return lines;
    }

    /// <summary>The command that runs a policy's <c>afterRestore</c> in the restored database: by its own search path, and with an error where row security would hide rows.</summary>
    public static string Erase(string file) => $"PGOPTIONS='-c row_security=off' psql -X -q -v ON_ERROR_STOP=1 --single-transaction -f {Shell(file)} -c ANALYZE";

    /// <summary>The pinned settings as a word of a shell command.</summary>
    internal static string Options => Shell(string.Join(' ', SessionSettings.Output.Concat([new("default_transaction_read_only", "off")])
        .Select(s => $"-c {s.Key}={s.Value.Replace(" ", "\\ ", StringComparison.Ordinal)}")));

    internal static IEnumerable<string> CheckSums(string prefix, IReadOnlyList<Artifact> artifacts) =>
        ["sha256sum --check --quiet <<'SUMS'", .. artifacts.Select(a => $"{a.Sha256}  {a.Key[prefix.Length..]}"), "SUMS"];

    /// <summary>The command that prints an artifact's raw bytes.</summary>
    internal static string Read(Artifact artifact, string prefix)
    {
        var file = Shell(artifact.Key[prefix.Length..]);
        return artifact.Filters.Contains("gpg") ? $"gpg --quiet --decrypt {file} | zstd -dc --long=31" : $"zstd -dc --long=31 {file}";
    }

    /// <summary>The statement that loads a chunk.</summary>
    public static string CopySql(Artifact chunk, string encoding, bool freeze = false) =>
        $"COPY {chunk.LoadInto!.Sql} ({string.Join(", ", chunk.Columns!.Select(TableName.Quote))}) FROM STDIN WITH (ENCODING {TableName.Literal(encoding)}{(freeze ? ", FREEZE" : "")})";

    /// <summary>A statement of the manifest for the database of this (quoted) name.</summary>
    public static string ForDatabase(string template, string name)
    {
        ArgumentNullException.ThrowIfNull(template);
        // The first only: a comment or a value may hold the same word.
        var at = template.IndexOf(Placeholder, StringComparison.Ordinal);
        return at < 0 ? template : $"{template[..at]}{name}{template[(at + Placeholder.Length)..]}";
    }

    /// <summary>One word of a shell command.</summary>
    public static string Shell(string text) => text.Length > 0 && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.' or '/' or '%' or '~' or '=')
        ? text
        : $"'{text.Replace("'", "'\\''", StringComparison.Ordinal)}'";

    private static string Client(SnapshotFacts snapshot) => $"the client programs of PostgreSQL {snapshot.ServerMajor}";

    private static string CreateOptions(SnapshotFacts s) => string.Join(' ', new[]
    {
        $"--encoding={Shell(s.Encoding)}",
        $"--lc-collate={Shell(s.Collation)}",
        $"--lc-ctype={Shell(s.Ctype)}",
        s.LocaleProvider == "i" ? $"--locale-provider=icu --icu-locale={Shell(s.IcuLocale ?? "")}" : null,
        s.LocaleProvider == "b" ? $"--locale-provider=builtin --builtin-locale={Shell(s.IcuLocale ?? "")}" : null,
    }.OfType<string>());
}
