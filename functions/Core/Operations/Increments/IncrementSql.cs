using System.Globalization;
using Backup.Core.Model;
using Backup.Core.Postgres;

namespace Backup.Core.Operations.Increments;

/// <summary>Every statement that reads or applies an increment: the program runs them, and a manifest prints them.</summary>
public static class IncrementSql
{
    /// <summary>Where the rows wait for their place; dropped with the transaction.</summary>
    public static TableName Stage { get; } = new("pg_temp", "backup increment");

    /// <summary>
    /// The rows of every transaction that had not ended at the last snapshot, or began later. Complete whenever it was committed: a row that this
    /// snapshot sees and the last one did not has such a transaction (or a subtransaction of one) in xmin. The lower bound leaves out rows so
    /// old that their 32-bit id has come round again.
    /// </summary>
    public static string CopyOut(SourceTable table, TableStep step, string encoding)
    {
        ArgumentNullException.ThrowIfNull(table);
        ArgumentNullException.ThrowIfNull(step);
        var where = "";
        if (step.FromXmin is { } from)
        {
            where = string.Create(CultureInfo.InvariantCulture,
                $" WHERE pg_catalog.age(xmin) BETWEEN 0 AND pg_catalog.age('{from & uint.MaxValue}'::pg_catalog.xid)");
            if (step.NewParts.Count > 0) where += $" OR tableoid IN ({string.Join(", ", step.NewParts)})";
        }

        return $"COPY (SELECT {Columns(table.Columns)} FROM {Only(table.Kind == 'r')}{table.Name.Sql}{where}) TO STDOUT WITH (ENCODING {TableName.Literal(encoding)})";
    }

    /// <param name="missing">Columns of the increment that the restored table does not have.</param>
    public static string MakeStage(TableName table, IReadOnlyList<string> columns, IReadOnlyList<string> missing) =>
        $"CREATE TEMP TABLE {TableName.Quote(Stage.Name)} ON COMMIT DROP AS SELECT "
        + string.Join(", ", columns.Select(c => missing.Contains(c) ? $"NULL::pg_catalog.text AS {TableName.Quote(c)}" : TableName.Quote(c)))
        + $" FROM {table.Sql} WITH NO DATA";

    public static string FillStage(IReadOnlyList<string> columns, string encoding) =>
        $"COPY {Stage.Sql} ({Columns(columns)}) FROM STDIN WITH (ENCODING {TableName.Literal(encoding)})";

    /// <summary>
    /// Makes room for the new rows. Rows of one snapshot cannot share a unique key: whatever holds the key of a new row has been changed or
    /// deleted since.
    /// </summary>
    public static IReadOnlyList<string> MakeRoom(IncrementTable table)
    {
        ArgumentNullException.ThrowIfNull(table);
        if (table.Mode == IncrementMode.Full) return [$"TRUNCATE {Only(table.IsPlain)}{table.Table.Sql}"];
        return
        [
            $"ANALYZE {Stage.Sql}",
            .. table.Keys.Select(k => $"DELETE FROM {Only(table.IsPlain)}{table.Table.Sql} t USING {Stage.Sql} s WHERE "
                + string.Join(" AND ", k.Columns.Zip(k.Operators, (c, o) => $"t.{TableName.Quote(c)} OPERATOR({o}) s.{TableName.Quote(c)}"))),
        ];
    }

    public static string Insert(TableName table, IReadOnlyList<string> columns) =>
        $"INSERT INTO {table.Sql} ({Columns(columns)}) OVERRIDING SYSTEM VALUE SELECT {Columns(columns)} FROM {Stage.Sql}";

    /// <summary>Raises a sequence to where it stood, never back; null for one that runs in a circle.</summary>
    public static string? RaiseSequence(SequenceFact sequence)
    {
        ArgumentNullException.ThrowIfNull(sequence);
        if (sequence.Cycles) return null;
        var called = sequence.CalledAfter ? "true" : "false";
        return string.Create(CultureInfo.InvariantCulture,
            $"SELECT pg_catalog.setval({TableName.Literal(sequence.Sequence.Sql)}, {sequence.After}, {called}) FROM {sequence.Sequence.Sql} "
            + $"WHERE last_value {(sequence.Increment > 0 ? "<" : ">")} {sequence.After} OR (last_value = {sequence.After} AND {called} AND NOT is_called)");
    }

    /// <summary>
    /// The shell commands that apply an increment by hand, between --section=data and --section=post-data of its base: later, triggers would fire
    /// and foreign keys would delete or refuse rows.
    /// </summary>
    public static IReadOnlyList<string> ByHand(IncrementFacts facts, SnapshotFacts snapshot, string prefix, IReadOnlyList<Artifact> artifacts)
    {
        ArgumentNullException.ThrowIfNull(facts);
        ArgumentNullException.ThrowIfNull(snapshot);
        var lines = new List<string>
        {
            $"# Completes {facts.Base}. Run in bash, in the folder of this manifest, between --section=data and --section=post-data of that backup,",
            "# after the increments with smaller numbers. PGHOST, PGPORT, PGUSER, PGPASSWORD and PGDATABASE name the database.",
            "set -euo pipefail",
            $"export PGOPTIONS={RestoreByHand.Options} PGCLIENTENCODING=UTF8",
        };
        lines.AddRange(RestoreByHand.CheckSums(prefix, artifacts));
        foreach (var table in facts.Tables)
        {
            var artifact = artifacts.Single(a => a.Table == table.Table);
            var before = $"BEGIN; DO {TableName.Literal(Guard(table.Table))}; {MakeStage(table.Table, artifact.Columns!, [])};\n{FillStage(artifact.Columns!, snapshot.Encoding)};";
            var after = $"\\.\n{string.Join(";\n", MakeRoom(table))};\n{Insert(table.Table, artifact.Columns!)};\nCOMMIT;";
            lines.Add($"{{ printf '%s\\n' {RestoreByHand.Shell(before)}; {RestoreByHand.Read(artifact, prefix)}; printf '%s\\n' {RestoreByHand.Shell(after)}; }} | psql -X -q -v ON_ERROR_STOP=1 -d ''");
        }

        lines.AddRange(snapshot.Sequences.Select(RaiseSequence).OfType<string>().Select(sql => $"psql -X -q -o /dev/null -v ON_ERROR_STOP=1 -d '' -c {RestoreByHand.Shell(sql)}"));
        return lines;
    }

    private static string Guard(TableName table) => $"""
        BEGIN
          IF EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE contype = 'f' AND {TableName.Literal(table.Sql)}::pg_catalog.regclass IN (conrelid, confrelid))
             OR EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = {TableName.Literal(table.Sql)}::pg_catalog.regclass AND NOT tgisinternal)
          THEN RAISE EXCEPTION 'triggers and foreign keys are there already: run this before --section=post-data';
          END IF;
        END
        """;

    private static string Columns(IReadOnlyList<string> columns) => string.Join(", ", columns.Select(TableName.Quote));

    private static string Only(bool isPlain) => isPlain ? "ONLY " : "";
}
