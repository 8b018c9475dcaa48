using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Policies;
using Backup.Core.Postgres;

namespace Backup.Core.Operations;

/// <summary>
/// The parallel part of a run: base archive, chunks, globals and small tables' fingerprints, all from one snapshot. The first failure
/// stops the rest. Returns artifacts only when all of it is complete.
/// </summary>
public sealed class DumpStreams(
    RunRequest request, SnapshotSession session, PostgresInstallation postgres, Toolbox tools, ArtifactWriter writer, string workFolder, string applicationName)
{
    private static readonly TimeSpan _dumpLockTimeout = TimeSpan.FromSeconds(5);

    private readonly FingerprintSums _sums = new();
    private readonly List<Artifact> _artifacts = [];
    private readonly List<Finding> _findings = [];

    /// <summary>After <see cref="ReadAsync"/>: what is neither a table nor an object of its own in the vault.</summary>
    public LargeObjectFact? LargeObjects { get; private set; }
    public IReadOnlyList<MaterializedViewFact>? MaterializedViews { get; private set; }

    public async Task<(IReadOnlyList<Artifact> Artifacts, IReadOnlyList<TableFingerprint> Fingerprints, IReadOnlyList<Finding> Findings)> ReadAsync(
        DumpPlan plan, string snapshot, string prefix, string attempt, CancellationToken cancel)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel, session.Lost);
        var queue = new Queue<PlannedChunk>(plan.Chunks);
        var workers = Math.Min(request.Database.Jobs, plan.Chunks.Count);
        // pg_dump first: it reads some definitions as they are now, not as they were at the snapshot.
        var parts = new List<Func<Task>> { () => BaseAsync(plan, snapshot, VaultKeys.Base(prefix, attempt, writer.Filters), stop.Token) };
        for (var i = 0; i < workers; i++) parts.Add(() => ChunksAsync(plan, queue, snapshot, prefix, attempt, stop.Token));
        parts.Add(() => SmallTablesAsync(plan, stop.Token));
        parts.Add(() => GlobalsAsync(VaultKeys.Globals(prefix, attempt, writer.Filters), stop.Token));
        try
        {
            await FirstFailure.WhenAllAsync(parts, stop, () => session.Loss, cancel);
        }
        catch (BackupException e) when (e.Code == ErrorCode.ToolFailed)
        {
            if (await session.LossAsync() is { } loss) throw loss;
            throw;
        }

        return ([.. _artifacts.OrderBy(a => a.Key, StringComparer.Ordinal)], _sums.ToList(), _findings);
    }

    private async Task BaseAsync(DumpPlan plan, string snapshot, string key, CancellationToken cancel)
    {
        await using var dump = ToolProcess.Start(PgDump(plan, snapshot));
        await dump.Input.DisposeAsync();
        await using var contents = new ArchiveContents(postgres, tools.Machine);
        var (raw, stored, sha) = await writer.WriteAsync(key, new ToolOutput(dump), contents.ReadAsync, cancel);
        ArchiveContents.CheckAgainst(plan, session.Server, await contents.ListAsync(cancel));
        Add(new Artifact { Key = key, Role = ArtifactRole.Base, RawBytes = raw, StoredBytes = stored, Sha256 = sha, Filters = writer.Filters });
    }

    private ToolCommand PgDump(DumpPlan plan, string snapshot) => new()
    {
        Path = postgres.Tool("pg_dump"),
        Arguments =
        [
            "--format=custom", "--compress=0", "--no-password", $"--snapshot={snapshot}", $"--encoding={session.Server.Encoding}",
            // Every table is locked by the snapshot session: what pg_dump could wait for is a migration that waits for this run itself.
            $"--lock-wait-timeout={(int)_dumpLockTimeout.TotalMilliseconds}",
            .. session.Server.IsStandby ? ["--no-unlogged-table-data"] : (string[])[],
            .. request.Database.ExcludeSchemas.Select(s => $"--exclude-schema={TableName.Quote(s)}"),
            .. plan.Chunked.Select(t => $"--exclude-table-data={t.Name.Sql}"),
        ],
        Environment = tools.Machine.ForTool(request.Source.ToEnvironment(applicationName, SessionSettings.Reading(session.Server.Major))),
    };

    private async Task ChunksAsync(DumpPlan plan, Queue<PlannedChunk> queue, string snapshot, string prefix, string attempt, CancellationToken cancel)
    {
        var settings = SessionSettings.Reading(session.Server.Major);
        await using var psql = PsqlSession.Start(postgres.Tool("psql"),
            tools.Machine.ForTool(request.Source.ToEnvironment(applicationName, settings)), workFolder);
        // All locks now and without waiting: later each would queue behind a waiting migration, and the application behind both.
        await psql.ExecuteAsync(
            $"{SessionSettings.ToSql(settings)} BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT '{snapshot}'; "
            + $"LOCK TABLE {string.Join(", ", plan.Chunked.Select(t => $"ONLY {t.Name.Sql}"))} IN ACCESS SHARE MODE NOWAIT;", cancel);
        while (true)
        {
            PlannedChunk? chunk;
            lock (queue)
            {
                if (!queue.TryDequeue(out chunk)) break;
            }

            await ChunkAsync(psql, chunk, VaultKeys.Chunk(prefix, attempt, chunk.Table.Name, chunk.Number, writer.Filters), cancel);
        }

        await psql.ExecuteAsync("COMMIT;", cancel);
    }

    private async Task ChunkAsync(PsqlSession psql, PlannedChunk chunk, string key, CancellationToken cancel)
    {
        var hashing = Hashes(chunk.Table);
        var meter = new RowMeter(hashing);
        var (raw, stored, sha) = await writer.WriteAsync(key, await psql.CopyOutAsync(chunk.CopySql(session.Server.Encoding), cancel), bytes =>
        {
            meter.Read(bytes.Span);
            return ValueTask.CompletedTask;
        }, cancel);
        if (meter.EndsInMidLine)
            throw new BackupException(ErrorCode.ToolFailed, $"the rows of {chunk.Table.Name} ended in the middle of a line", "Run it again.") { IsTransient = true };
        _sums.Add(chunk.Table, meter.Rows, hashing ? meter.Sum : null);
        Add(new Artifact
        {
            Key = key,
            Role = ArtifactRole.Chunk,
            Table = chunk.Table.Name,
            Oid = chunk.Table.Oid,
            LoadInto = chunk.Table is { LoadViaRoot: true, Root: { } root } ? root : chunk.Table.Name,
            Columns = chunk.Table.Columns,
            Rows = meter.Rows,
            RawBytes = raw,
            StoredBytes = stored,
            Sha256 = sha,
            Filters = writer.Filters,
        });
    }

    private async Task SmallTablesAsync(DumpPlan plan, CancellationToken cancel)
    {
        foreach (var table in plan.InBase.Where(t => !(session.Server.IsStandby && t.Unlogged)))
        {
            if (request.Database.Fingerprint == FingerprintMode.Off)
            {
                _sums.Add(table, null, null);
            }
            else if (Hashes(table))
            {
                var meter = await session.UseAsync(c =>
                    Postgres.Fingerprints.ReadAsync(c, table.Name, table.Columns, table.Where, session.Server.Encoding, cancel), cancel);
                _sums.Add(table, meter.Rows, meter.Sum);
            }
            else
            {
                _sums.Add(table, await session.UseAsync(c => Postgres.Fingerprints.CountAsync(c, table.Name, table.Where, cancel), cancel), null);
            }
        }

        var mode = request.Database.Fingerprint;
        LargeObjects = await session.UseAsync(c => Postgres.LargeObjects.ReadAsync(c, hashing: mode == FingerprintMode.Full, cancel), cancel);
        MaterializedViews = await session.UseAsync(
            c => Postgres.MaterializedViews.ReadAsync(c, request.Database.ExcludeSchemas, counting: mode != FingerprintMode.Off, cancel), cancel);
    }

    private bool Hashes(SourceTable table) => request.Database.Fingerprint switch
    {
        FingerprintMode.Full => true,
        FingerprintMode.Critical => request.Database.CriticalTables.Any(t => t.Name == (table.Root ?? table.Name) || t.Name == table.Name),
        _ => false,
    };

    // Many providers close parts of the global catalogs. That costs roles and their settings, not data: a finding, not a failure.
    private async Task GlobalsAsync(string key, CancellationToken cancel)
    {
        if (writer.Filters is not [.., "gpg"] && await SecretSettingAsync(cancel) is { } secret)
        {
            AddFinding(FindingCode.GlobalsSecret, $"the role setting {secret} looks like a secret; roles and their settings are not in the backup",
                "Configure encryption.gpgRecipients, or move the value into a secret store.");
            return;
        }

        await using var dump = ToolProcess.Start(new ToolCommand
        {
            Path = postgres.Tool("pg_dumpall"),
            Arguments = ["--globals-only", "--no-role-passwords", "--no-password", $"--database={request.Source.DatabaseArgument}"],
            Environment = tools.Machine.ForTool(request.Source.ToEnvironment(applicationName, SessionSettings.Reading(session.Server.Major))),
        });
        await dump.Input.DisposeAsync();
        try
        {
            var (raw, stored, sha) = await writer.WriteAsync(key, new ToolOutput(dump), _ => ValueTask.CompletedTask, cancel);
            Add(new Artifact { Key = key, Role = ArtifactRole.Globals, RawBytes = raw, StoredBytes = stored, Sha256 = sha, Filters = writer.Filters });
        }
        catch (BackupException e) when (e.Code == ErrorCode.ToolFailed && e.Message.StartsWith("pg_dumpall failed", StringComparison.Ordinal))
        {
            AddFinding(FindingCode.GlobalsMissing, $"the server does not show its roles: {e.Message}", "Keep a list of roles and grants in your own repository.");
        }
    }

    private Task<string?> SecretSettingAsync(CancellationToken cancel) => session.UseAsync(async c =>
    {
        await using var command = new Npgsql.NpgsqlCommand(
            "SELECT split_part(s, '=', 1) FROM pg_db_role_setting, unnest(setconfig) s WHERE setrole <> 0 OR setdatabase = 0 ORDER BY 1", c);
        await using var rows = await command.ExecuteReaderAsync(cancel);
        while (await rows.ReadAsync(cancel))
            if (SnapshotReader.SecretName().IsMatch(rows.GetString(0))) return rows.GetString(0);
        return (string?)null;
    }, cancel);

    private void Add(Artifact artifact)
    {
        lock (_artifacts) _artifacts.Add(artifact);
    }

    private void AddFinding(FindingCode code, string sentence, string nextStep)
    {
        lock (_artifacts) _findings.Add(code.On(request.Database.Name, sentence, nextStep));
    }
}
