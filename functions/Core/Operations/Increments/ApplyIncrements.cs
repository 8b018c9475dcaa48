using Backup.Core.Catalog;
using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Postgres;
using Npgsql;

namespace Backup.Core.Operations.Increments;

/// <summary>
/// Brings tables of a restored backup forward by its increments: after the backup's rows, before indexes, triggers and foreign keys. The rows of
/// the backup are compared first; each increment is one transaction that commits only when its hashes and its rows agree.
/// </summary>
internal sealed class ApplyIncrements(
    RestoreRequest request, ConnectionTarget target, ServerFacts server, Toolbox tools, TableChoice chosen, Action<int> passed)
{
    private readonly Manifest _base = request.Backup.Manifest!;
    private readonly List<Finding> _findings = [];
    private readonly List<IncrementedTable> _applied = [];
    private HashSet<string>? _sql;
    private NewPartitions? _partitions;

    private sealed record Part(CatalogEntry Entry, IncrementTable Table)
    {
        public Manifest Manifest => Entry.Manifest!;
        public Artifact Artifact => Manifest.Artifacts.Single(a => a.Table == Table.Table);
    }

    public IReadOnlyList<Finding> Findings => _findings;
    public IReadOnlyList<IncrementedTable> Applied => _applied;

    /// <summary>Quoted names of the tables that increments bring forward.</summary>
    public IReadOnlySet<string> Sql => _sql ??= [.. Tables().Select(t => t.Table.Sql)];

    /// <returns>The backup's manifest with what these tables must hold now: the rest of the restore is compared with it.</returns>
    public async Task<Manifest> ApplyAsync(CancellationToken cancel)
    {
        var tables = Tables();
        foreach (var name in request.Increments.SelectMany(e => e.Manifest!.Increment!.Tables).Select(t => t.Table).Distinct().Where(t => _base.Fingerprints.All(f => f.Table != t)))
            Find(FindingCode.IncrementNoTable, name, $"{name} is in increments and not in {_base.Id}: it was not restored", "Its rows are in the increments as COPY text; the next backup has the table.");
        if (tables.Count == 0) return _base;
        await new DatabaseComparer(target, _base, request.Comparison ?? Comparison.Full, request.Jobs).CheckAsync(TableChoice.Choose(_base, [.. tables.Select(t => t.Table.Sql)]), cancel);
        await using var schema = await OpenAsync(target, cancel);
        await using var loader = await OpenAsync(Loading, cancel);
        _partitions = new NewPartitions(request.NoOwner, _findings);
        var changed = new Dictionary<TableName, TableFingerprint>();
        var raised = new HashSet<TableName>();
        foreach (var fingerprint in tables)
        {
            changed[fingerprint.Table] = await ApplyAsync(schema, loader, fingerprint, cancel);
            raised.UnionWith(await new SequenceRaise(loader).RaiseAsync(fingerprint.Table, Parts(fingerprint.Table)[^1].Manifest, cancel));
        }

        return _base with
        {
            Fingerprints = [.. _base.Fingerprints.Select(f => changed.GetValueOrDefault(f.Table, f))],
            Snapshot = _base.Snapshot with { Sequences = [.. _base.Snapshot.Sequences.Where(s => !raised.Contains(s.Sequence))] },
        };
    }

    /// <summary>
    /// Around the making of indexes: partitions that the backup does not have stand aside and get theirs when they come back. A unique index that
    /// fails now holds a row whose deletion nobody saw: says so.
    /// </summary>
    public async Task IndexesAsync(Func<Task> work, CancellationToken cancel)
    {
        try
        {
            if (_partitions is null)
            {
                await work();
                return;
            }

            await using var loader = await OpenAsync(Loading, cancel);
            await _partitions.DetachAsync(loader, cancel);
            await work();
            await _partitions.AttachAsync(loader, cancel);
        }
        catch (BackupException e) when (_applied.Count > 0 && e.Code == ErrorCode.RestoreFailed)
        {
            throw new BackupException(e.Code, $"{e.Message} (after the increments of {string.Join(", ", _applied.Select(a => a.Table))}; they do not show deleted rows)",
                "Restore without them (--no-increments), or to another time.", e.InnerException);
        }
    }

    /// <summary>
    /// Makes the foreign keys between tables of different times. One that does not hold is made NOT VALID, which checks new rows only, or left out
    /// where that is not possible; a finding names it.
    /// </summary>
    /// <returns>Those that exist now.</returns>
    public async Task<IReadOnlyList<ForeignKey>> MakeForeignKeysAsync(IReadOnlyList<ForeignKey> keys, CancellationToken cancel)
    {
        await using var loader = await OpenAsync(target, cancel);
        var made = new List<ForeignKey>();
        foreach (var key in keys)
        {
            var (from, to, name) = (TableName.Parse(key.From), TableName.Parse(key.To), key.Name.Trim('"'));
            var reason = $"the foreign key {name} of {from} ({Moment(from)}) does not hold: rows of {to} ({Moment(to)}) that it points to are missing";
            if (!await TryAsync(loader, key.Statement, cancel))
            {
                if (!await TryAsync(loader, $"{key.Statement} NOT VALID", cancel))
                {
                    Find(FindingCode.IncrementForeignKey, from, $"{reason}; it was left out",
                        $"Add the missing rows or remove the ones that point to them; then: {key.Statement.ReplaceLineEndings(" ")};");
                    continue;
                }

                Find(FindingCode.IncrementForeignKey, from, $"{reason}; it was made NOT VALID, so it checks new rows only",
                    $"Add the missing rows or remove the ones that point to them; then: ALTER TABLE {from.Sql} VALIDATE CONSTRAINT {key.Name};");
            }

            made.Add(key);
        }

        return made;
    }

    /// <summary>Defaults, checks and partition keys are the source's code: they run with the rights of whoever loads.</summary>
    private ConnectionTarget Loading => request.LoadAs is { } user ? target with { User = user } : target;

    private Task<RowLoader> OpenAsync(ConnectionTarget login, CancellationToken cancel) => RowLoader.OpenAsync(login, SessionSettings.Loading(server.Major), cancel);

    private string Moment(TableName table) => UtcText.Seconds(_applied.FirstOrDefault(a => a.Table == table)?.Time ?? _base.Snapshot.Time);

    // NOT VALID is not possible where a partitioned table is concerned.
    private static async Task<bool> TryAsync(RowLoader loader, string sql, CancellationToken cancel)
    {
        try
        {
            await loader.ExecuteAsync(sql, cancel);
            return true;
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.ForeignKeyViolation or PostgresErrorCodes.FeatureNotSupported or PostgresErrorCodes.WrongObjectType)
        {
            return false;
        }
    }

    private List<TableFingerprint> Tables()
    {
        var names = request.Increments.SelectMany(e => e.Manifest!.Increment!.Tables).Select(t => t.Table).ToHashSet();
        return [.. _base.Fingerprints.Where(f => names.Contains(f.Table) && chosen.Includes(f))];
    }

    /// <summary>From the last one that replaces the table: what was before it does not matter.</summary>
    private List<Part> Parts(TableName table)
    {
        var parts = request.Increments.Select(e => (Entry: e, Table: e.Manifest!.Increment!.Tables.FirstOrDefault(t => t.Table == table)))
            .Where(p => p.Table is not null).Select(p => new Part(p.Entry, p.Table!)).ToList();
        return [.. parts.Skip(Math.Max(0, parts.FindLastIndex(p => p.Table.Mode == IncrementMode.Full)))];
    }

    private async Task<TableFingerprint> ApplyAsync(RowLoader schema, RowLoader loader, TableFingerprint fingerprint, CancellationToken cancel)
    {
        var table = fingerprint.Table;
        var parts = Parts(table);
        // Each increment would read the whole table to find the rows that it replaces; the table's own indexes come later.
        var keys = parts.Count(p => p.Table.Mode == IncrementMode.Changes) > 1 ? parts[^1].Table.Keys : [];
        var indexes = keys.Select((k, i) => (Name: new TableName(table.Schema, $"backup increment {i}"), Key: k)).ToList();
        foreach (var (name, key) in indexes)
            await schema.ExecuteAsync($"CREATE INDEX {TableName.Quote(name.Name)} ON {table.Sql} ({string.Join(", ", key.Columns.Select(TableName.Quote))})", cancel);
        await _partitions!.MakeAsync(schema, loader, parts.SelectMany(p => p.Table.Partitions ?? []), cancel);
        var rows = await loader.ReadAsync(c => CountAsync(c, table, cancel));
        foreach (var part in parts) rows = await ApplyAsync(loader, part, rows, cancel);
        foreach (var (name, _) in indexes) await schema.ExecuteAsync($"DROP INDEX {name.Sql}", cancel);
        _applied.Add(new IncrementedTable(table, parts[^1].Manifest.Snapshot.Time, parts.Count, parts.Sum(p => p.Artifact.Rows ?? 0)));
        // A whole table is compared by content too; of a changed one the rows that came are hashed on their way in, and the sum is counted.
        var last = parts[^1].Manifest.Fingerprints.Single(f => f.Table == table);
        var isWhole = parts is [{ Table.Mode: IncrementMode.Full }] && last.Columns.SequenceEqual(fingerprint.Columns);
        return fingerprint with { Rows = rows, Hash = isWhole ? last.Hash : null };
    }

    private async Task<long> ApplyAsync(RowLoader loader, Part part, long rows, CancellationToken cancel)
    {
        var (artifact, table) = (part.Artifact, part.Table);
        var there = await loader.ReadAsync(c => ColumnsAsync(c, table.Table, cancel));
        var missing = artifact.Columns!.Except(there).ToList();
        if (missing.Count > 0)
        {
            Find(FindingCode.IncrementColumns, table.Table, $"{table.Table} has no column {string.Join(", ", missing)} in {_base.Id}: what {part.Manifest.Id} holds of it was not restored",
                $"Add the column, then take the values from {artifact.Key}; it is COPY text.");
        }

        var meter = new RowMeter(hashing: true);
        await using var reader = await ArtifactReader.OpenAsync(request.Vault, tools, artifact, raw: true, passed, cancel, request.Unlocked, meter);
        try
        {
            await loader.TransactionAsync(table.Table, async () =>
            {
                await loader.ExecuteAsync(IncrementSql.MakeStage(table.Table, artifact.Columns!, missing), cancel);
                await loader.CopyAsync(table.Table, IncrementSql.FillStage(artifact.Columns!, part.Manifest.Snapshot.Encoding), reader, () =>
                {
                    if (reader.Difference() is { } difference) throw ArtifactReader.Damaged(difference);
                    var hash = part.Manifest.Fingerprints.Single(f => f.Table == table.Table).Hash;
                    if (RowMeter.Format(meter.Sum) != hash) throw ArtifactReader.Damaged($"{artifact.Key} holds other rows than its fingerprint says");
                }, cancel);
                if (table.Mode == IncrementMode.Full) rows = 0;
                foreach (var sql in IncrementSql.MakeRoom(table)) rows -= Math.Max(0, await loader.ExecuteAsync(sql, cancel));
                rows += await loader.ExecuteAsync(IncrementSql.Insert(table.Table, [.. artifact.Columns!.Except(missing)]), cancel);
            }, cancel);
        }
        catch (BackupException e) when (e.Code == ErrorCode.ToolFailed || e.Code == ErrorCode.RestoreFailed)
        {
            await ArtifactReader.ThrowIfDamagedAsync(request.Vault, tools, artifact, passed, cancel);
            throw new BackupException(e.Code, $"{part.Manifest.Id}: {e.Message}", "If the table was changed by a migration since the backup: restore to a time before it, or without increments (--no-increments).", e.InnerException);
        }

        return rows;
    }

    private static async Task<long> CountAsync(NpgsqlConnection session, TableName table, CancellationToken cancel)
    {
        // Of a partition tree the leaves; of a parent in an inheritance tree its own rows alone.
        await using var command = new NpgsqlCommand($"SELECT count(*) FROM {table.Sql} WHERE tableoid IN (SELECT relid FROM pg_partition_tree({TableName.Literal(table.Sql)}) UNION SELECT {TableName.Literal(table.Sql)}::regclass)", session);
        return (long)(await command.ExecuteScalarAsync(cancel))!;
    }

    private static async Task<IReadOnlyList<string>> ColumnsAsync(NpgsqlConnection session, TableName table, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand($"SELECT coalesce(array_agg(attname::text), '{{}}') FROM pg_attribute WHERE attrelid = {TableName.Literal(table.Sql)}::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''", session);
        return (string[])(await command.ExecuteScalarAsync(cancel))!;
    }

    private void Find(FindingCode code, TableName subject, string sentence, string nextStep) => _findings.Add(code.On(subject.ToString(), sentence, nextStep));
}
