using Backup.Core.Model;
using Backup.Core.Postgres;

namespace Backup.Core.Operations;

/// <summary>
/// The shell commands that restore one backup with sha256sum, gpg, zstd, pg_restore and psql alone. They run in bash, in the folder that
/// holds the backup's manifest, and are part of every manifest: a backup must outlive this program.
/// </summary>
public static class RestoreByHand
{
    /// <param name="prefix">Key prefix of the backup, which the commands leave out: they are relative to its folder.</param>
    public static IReadOnlyList<string> For(SnapshotFacts snapshot, string database, string prefix, IReadOnlyList<Artifact> artifacts)
    {
        var encrypted = artifacts.Any(a => a.Filters.Contains("gpg"));
        string File(Artifact a) => Shell(a.Key[prefix.Length..]);
        string Read(Artifact a) => encrypted ? $"gpg --quiet --decrypt {File(a)} | zstd -dc --long=31" : $"zstd -dc --long=31 {File(a)}";
        var basis = artifacts.Single(a => a.Role == ArtifactRole.Base);
        var lines = new List<string>
        {
            $"# Run in bash, in the folder of this manifest, with {Client(snapshot)} first on PATH.",
            "# PGHOST, PGPORT, PGUSER and PGPASSWORD name the server to restore to; DB is the database to make.",
            "set -euo pipefail",
            $"DB=${{DB:-{Shell(database + "_restored")}}}",
            $"export PGOPTIONS={Shell(string.Join(' ', SessionSettings.Output.Concat([new("default_transaction_read_only", "off")]).Select(s => $"-c {s.Key}={s.Value.Replace(" ", "\\ ", StringComparison.Ordinal)}")))}",
            "sha256sum --check --quiet <<'SUMS'",
        };
        lines.AddRange(artifacts.Select(a => $"{a.Sha256}  {a.Key[prefix.Length..]}"));
        lines.Add("SUMS");
        lines.AddRange(artifacts.Where(a => a.Role == ArtifactRole.Globals).Select(a =>
            $"# roles, if the server lacks them (already existing ones print an error): {Read(a)} | psql -X -d postgres"));
        lines.Add($"createdb --template=template0 {CreateOptions(snapshot)} \"$DB\"");
        lines.Add("BASE=$(mktemp); trap 'rm -f \"$BASE\"' EXIT");
        lines.Add($"{Read(basis)} > \"$BASE\"");
        lines.Add("pg_restore --exit-on-error --section=pre-data -d \"$DB\" \"$BASE\"");
        lines.Add("pg_restore --exit-on-error --section=data -d \"$DB\" \"$BASE\"");
        lines.AddRange(artifacts.Where(a => a.Role == ArtifactRole.Chunk).Select(a =>
            $"{Read(a)} | psql -X -q -v ON_ERROR_STOP=1 -d \"$DB\" -c {Shell(CopySql(a, snapshot.Encoding))}"));
        lines.Add("pg_restore --exit-on-error --section=post-data -j 4 -d \"$DB\" \"$BASE\"");
        lines.AddRange(snapshot.DatabaseSql.Select(sql =>
            $"psql -X -q -v ON_ERROR_STOP=1 -d \"$DB\" -c {Shell(sql).Replace("{database}", "'\"\\\"$DB\\\"\"'", StringComparison.Ordinal)}"));
        lines.Add("psql -X -q -d \"$DB\" -c ANALYZE");
        return lines;
    }

    /// <summary>The statement that loads a chunk.</summary>
    public static string CopySql(Artifact chunk, string encoding) =>
        $"COPY {chunk.LoadInto!.Sql} ({string.Join(", ", chunk.Columns!.Select(TableName.Quote))}) FROM STDIN WITH (ENCODING {TableName.Literal(encoding)})";

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
