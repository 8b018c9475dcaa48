using Backup.Core.Catalog;
using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Policies;
using Backup.Core.Postgres;
using Backup.Core.Storage;

namespace Backup.Core.Operations.Increments;

/// <summary>
/// Makes one increment: the rows of the critical tables that appeared or changed since the last one, from one snapshot. Needs no program of
/// PostgreSQL. A table that cannot be copied is a failure of that table only; the manifest is the commit.
/// </summary>
public sealed class RunIncrement(MachineEnvironment machine, TimeProvider clock, IProgress<Progress>? progress = null)
{
    private readonly Toolbox _tools = new(machine);
    private readonly List<Finding> _findings = [];

    /// <param name="request">With a scheduled time, the tables that are due then; without one, all critical tables.</param>
    /// <param name="cancel">Leaves nothing.</param>
    /// <exception cref="BackupException">backup.notFound without a base; source.table when no table can be copied; those of source, tool and vault.</exception>
    public async Task<IncrementReport> ExecuteAsync(RunRequest request, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(request);
        var startedAt = clock.GetUtcNow();
        var id = BackupId.Create(request.Database.Name, request.ScheduledTime ?? startedAt) with { IsIncrement = true };
        try
        {
            var report = await TryAsync(request, id, startedAt, cancel);
            if (report.Outcome == IncrementOutcome.Committed)
                await Trail.RecordAsync(machine, clock, progress, request.Vault, request.Environment, request.Database.Name, "incremental", [id.ToString()], "committed");
            return report;
        }
        catch (BackupException e) when (cancel.IsCancellationRequested && e.Code == ErrorCode.ToolFailed)
        {
            throw new OperationCanceledException(e.Message, e, cancel); // Ctrl-C reaches the programs too, and they complain first
        }
        catch (BackupException e) when (e.Code == ErrorCode.SourceBusy)
        {
            return new IncrementReport { Outcome = IncrementOutcome.AlreadyRunning, Id = id };
        }
        catch (Npgsql.NpgsqlException e)
        {
            throw Connector.Explain(e, request.Source);
        }
    }

    private async Task<IncrementReport> TryAsync(RunRequest request, BackupId id, DateTimeOffset startedAt, CancellationToken cancel)
    {
        var zstd = await _tools.VersionAsync("zstd", cancel);
        var gpg = request.GpgRecipients.Count > 0 ? await _tools.VersionAsync("gpg", cancel) : null;
        Step($"connecting to {request.Source}");
        await using var session = await SnapshotSession.OpenAsync(request.Source, $"backup increment {machine.HostName}", cancel, SnapshotSession.IncrementLock);
        session.Blocking = text => Step($"warning: {text}");
        // Nobody else makes increments of this database now: what lies unfinished in their place is dead.
        await using var claim = await request.Vault.ClaimAsync(VaultKeys.WriterPrefixes(request.Environment, request.Database.Name, increments: true), cancel);
        var catalog = new BackupCatalog(request.Vault);
        var entries = await catalog.ListAsync(request.Environment, request.Database.Name, cancel);
        await ObjectLock.RepairAsync(request.Vault, entries.Where(e => e.Id.IsIncrement), clock, ObjectLock.InWords(Step), cancel);
        if (entries.FirstOrDefault(e => e.Id == id) is { } done)
            return new IncrementReport { Outcome = IncrementOutcome.AlreadyDone, Id = id, Manifest = done.Manifest, Prefix = done.Prefix };
        var basis = IncrementChain.NewestBase(entries)?.Manifest ?? throw new BackupException(ErrorCode.BackupNotFound,
            $"there is no backup of {request.Database.Name} in {request.Vault.Name} that an increment could complete", "Make one first: backup run.");
        var plan = new IncrementPlan(basis, IncrementChain.Of(basis, entries));
        var due = request.Database.CriticalTables.Where(t => request.ScheduledTime is null || plan.IsDue(t, id.Time)).ToList();
        if (due.Count == 0) return new IncrementReport { Outcome = IncrementOutcome.NothingDue, Id = id };

        var prefix = VaultKeys.BackupPrefix(request.Environment, Tier.Incremental, id);
        var attempt = VaultKeys.NewAttempt();
        using var work = WorkFolder.Create(machine);
        var counter = new ProgressCounter(progress, 0);
        var writer = new ArtifactWriter(request.Vault, _tools, request, work.GpgHome, new StageClock(), counter.Add);
        // Before the locks, so that one that cannot be locked does not cost the others their turn; and behind them, where nothing changes any more.
        var readable = (await CheckAsync(session, due, cancel)).Select(t => t.Table).ToList();
        var (_, listed) = await session.TakeSnapshotAsync([], request.LockTimeout, cancel, [.. readable.Select(t => t.Name)]);
        var keys = await CheckAsync(session, readable, cancel);
        var facts = await session.UseAsync(c => SnapshotReader.ReadAsync(c, session.Server, listed, [], cancel), cancel);
        var now = await session.UseAsync(c => HorizonAsync(c, facts, session.Server, cancel), cancel);

        var tables = new List<IncrementTable>();
        var artifacts = new List<Artifact>();
        var fingerprints = new List<TableFingerprint>();
        foreach (var (table, unique) in keys)
        {
            var source = listed.Single(t => t.Name == table.Name);
            var parts = source.HasRows ? [source] : listed.Where(t => t.HasRows && t.Root == source.Name).ToList();
            var step = plan.Step(table, source.Columns, parts, now);
            Note(table, step);
            var (artifact, meter) = await CopyAsync(session, writer, source, step, VaultKeys.Chunk(prefix, attempt, source.Name, artifacts.Count + 1, writer.Filters), cancel);
            artifacts.Add(artifact);
            fingerprints.Add(new TableFingerprint
            {
                Table = source.Name,
                Columns = source.Columns,
                Oids = [.. parts.Select(p => p.Oid)],
                Files = [.. parts.Select(p => p.FileNode)],
                Rows = meter.Rows,
                Hash = RowMeter.Format(meter.Sum),
            });
            var known = basis.Fingerprints.FirstOrDefault(f => f.Table == source.Name)?.Oids ?? [];
            var fresh = source.HasRows ? [] : await session.UseAsync(c => TableKeys.PartitionsAsync(c, parts.Select(p => p.Oid).Except(known), cancel), cancel);
            tables.Add(new IncrementTable
            {
                Table = source.Name,
                Mode = step.Mode,
                Why = step.Why,
                Since = step.Since,
                FromXmin = step.FromXmin?.ToString(System.Globalization.CultureInfo.InvariantCulture),
                Keys = unique,
                Partitions = fresh.Count > 0 ? fresh : null,
                IsPlain = source.HasRows,
            });
        }

        var after = await session.UseAsync(c => SnapshotReader.SequencesAsync(c, listed, cancel), cancel);
        await session.CommitAsync(cancel);
        facts = facts.WithSequencesAfter(after);
        var increment = new IncrementFacts(basis.Id, plan.NextNumber, tables);
        var expiresAt = request.Retention?.Keep.GetValueOrDefault(Tier.Incremental)?.AddTo(id.Time) ?? basis.ExpiresAt;
        var manifest = new Manifest
        {
            SchemaVersion = Manifest.CurrentVersion,
            Id = id.ToString(),
            Project = request.Project,
            Environment = request.Environment,
            Database = request.Database.Name,
            Provider = request.Database.Provider,
            Tier = Tier.Incremental,
            Kind = BackupKind.Incremental,
            StartedAt = startedAt,
            FinishedAt = clock.GetUtcNow(),
            Operator = machine.Operator,
            Attempt = attempt,
            Totals = new Totals(artifacts.Sum(a => a.RawBytes), artifacts.Sum(a => a.StoredBytes), artifacts.Sum(a => a.Rows ?? 0), tables.Count),
            Source = new SourceFacts(request.Source.Host, request.Source.Port, request.Source.Database, session.Server.SystemIdentifier, session.Server.History),
            Snapshot = facts,
            Tools = new ToolVersions(Product.Version, null, zstd, gpg),
            Artifacts = artifacts,
            Fingerprints = fingerprints,
            Increment = increment,
            Findings = _findings,
            ExpiresAt = expiresAt,
            Lock = request.Promise(expiresAt),
            AfterRestore = Path.GetFileName(request.Database.AfterRestore),
            RestoreByHand = IncrementSql.ByHand(increment, facts, prefix, artifacts),
            ManifestSha256 = "",
        };
        await RunBackup.CommitAsync(catalog, prefix, manifest, clock, progress, cancel);
        return new IncrementReport { Outcome = IncrementOutcome.Committed, Id = id, Manifest = manifest, Prefix = prefix };
    }

    /// <summary>The tables that can be copied, with their keys. source.table when there is none.</summary>
    private async Task<IReadOnlyList<(CriticalTable Table, IReadOnlyList<UniqueKey> Keys)>> CheckAsync(
        SnapshotSession session, IReadOnlyList<CriticalTable> tables, CancellationToken cancel)
    {
        var keys = new List<(CriticalTable, IReadOnlyList<UniqueKey>)>();
        foreach (var table in tables)
        {
            var columns = table.Key is null ? null : TableName.ParseColumns(table.Key);
            var (unique, problem, nextStep) = await session.UseAsync(c =>
                TableKeys.ReadAsync(c, session.Server, table.Name, columns, table.Mode == IncrementMode.Changes, cancel), cancel);
            if (problem is null) keys.Add((table, unique));
            else _findings.Add(new Finding { Severity = Severity.Critical, Code = ErrorCode.SourceTable.Name, Subject = table.Name.ToString(), Sentence = problem, NextStep = nextStep });
        }

        if (keys.Count > 0) return keys;
        var failures = _findings.Where(f => f.Code == ErrorCode.SourceTable.Name).ToList();
        throw new BackupException(ErrorCode.SourceTable, string.Join("; ", failures.Select(f => f.Sentence)), string.Join(" ", failures.Select(f => f.NextStep).Distinct()));
    }

    private async Task<(Artifact, RowMeter)> CopyAsync(
        SnapshotSession session, ArtifactWriter writer, SourceTable table, TableStep step, string key, CancellationToken cancel)
    {
        Step($"copying {table.Name}: {(step.Mode == IncrementMode.Full ? "all rows" : $"rows since {step.Since}")}");
        var meter = new RowMeter(hashing: true);
        var (raw, stored, sha) = await session.UseAsync(async c =>
            await writer.WriteAsync(key, await CopyOutStream.OpenAsync(c, IncrementSql.CopyOut(table, step, session.Server.Encoding), cancel), bytes =>
            {
                meter.Read(bytes.Span);
                return ValueTask.CompletedTask;
            }, cancel), cancel);
        return (new Artifact
        {
            Key = key,
            Role = ArtifactRole.Chunk,
            Table = table.Name,
            Oid = table.Oid,
            LoadInto = table.Name,
            Columns = table.Columns,
            Rows = meter.Rows,
            RawBytes = raw,
            StoredBytes = stored,
            Sha256 = sha,
            Filters = writer.Filters,
        }, meter);
    }

    private static async Task<Horizon> HorizonAsync(Npgsql.NpgsqlConnection session, SnapshotFacts facts, ServerFacts server, CancellationToken cancel)
    {
        await using var command = new Npgsql.NpgsqlCommand("SELECT pg_snapshot_xmax(pg_current_snapshot())::text", session);
        return new Horizon(IncrementChain.Xid(facts.Xmin), IncrementChain.Xid((string)(await command.ExecuteScalarAsync(cancel))!), facts.Lsn, server.SystemIdentifier, server.History);
    }

    private void Note(CriticalTable table, TableStep step)
    {
        if (step.Why is { } why)
            Find(FindingCode.IncrementFull, table, $"{table.Name} was copied whole: {why}", "Nothing to do now; after a migration make a backup, so that increments start from it.");
        if (table.Watermark is { } watermark)
        {
            Find(FindingCode.IncrementWatermark, table, $"the watermark {watermark} of {table.Name} is not used: nothing proves that a row committed late has a late value there, so the whole table is read",
                "Nothing to do: transaction ids find the rows. Remove watermark when you like.");
        }

        if (step.Mode == IncrementMode.Changes)
            Find(FindingCode.IncrementDeletes, table, $"rows deleted from {table.Name} since {step.Since} are not seen: a restore to this increment still has them", "For a small table whose deletions matter set mode: full.");
    }

    private void Find(FindingCode code, CriticalTable table, string sentence, string nextStep) => _findings.Add(code.On(table.Name.ToString(), sentence, nextStep));

    private void Step(string what) => progress?.Report(new Progress(what) { IsStep = true });
}
