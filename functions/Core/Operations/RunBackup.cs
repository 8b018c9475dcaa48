using System.Security.Cryptography;
using System.Text;
using Backup.Core.Catalog;
using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Postgres;
using Backup.Core.Retention;
using Backup.Core.Storage;

namespace Backup.Core.Operations;

/// <summary>
/// Makes one backup: lock → preflight → snapshot → streams → manifest → lock. The manifest is the commit: whatever fails before it leaves
/// nothing that a listing shows.
/// </summary>
public sealed class RunBackup(MachineEnvironment machine, TimeProvider clock, PostgresInstallations installations, IProgress<Progress>? progress = null)
{
    /// <summary>A schema change in the middle of a run is worth exactly one more try.</summary>
    private const int Attempts = 2;

    private readonly Toolbox _tools = new(machine);

    /// <exception cref="BackupException">With the codes of source, tool and vault.</exception>
    public async Task<RunReport> ExecuteAsync(RunRequest request, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(request);
        var startedAt = clock.GetUtcNow();
        var id = BackupId.Create(request.Database.Name, request.ScheduledTime ?? startedAt);
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                var report = await TryAsync(request, id, startedAt, cancel);
                if (report.Outcome == RunOutcome.Committed)
                    await Trail.RecordAsync(machine, clock, progress, request.Vault, request.Environment, id.Database, "run", [report.Id.ToString()], "committed");
                return report;
            }
            catch (BackupException e) when (cancel.IsCancellationRequested && e.Code == ErrorCode.ToolFailed)
            {
                throw new OperationCanceledException(e.Message, e, cancel); // Ctrl-C reaches the programs too, and they complain first
            }
            catch (BackupException e) when (e.Code == ErrorCode.SourceBusy && e.Message.Contains(SessionName(request, id), StringComparison.Ordinal))
            {
                return new RunReport { Outcome = RunOutcome.AlreadyRunning, Id = id };
            }
            catch (BackupException e) when (attempt < Attempts && SchemaChange.Recognise(e))
            {
                Step($"the schema changed while it was being read; starting over ({e.Message})");
            }
            catch (BackupException e) when (SchemaChange.Recognise(e))
            {
                throw SchemaChange.Explain(e);
            }
            catch (Npgsql.NpgsqlException e)
            {
                throw Connector.Explain(e, request.Source);
            }
        }
    }

    private async Task<RunReport> TryAsync(RunRequest request, BackupId id, DateTimeOffset startedAt, CancellationToken cancel)
    {
        var zstd = await _tools.VersionAsync("zstd", cancel);
        var gpg = request.GpgRecipients.Count > 0 ? await _tools.VersionAsync("gpg", cancel) : null;
        var applicationName = $"{SessionName(request, id)} {machine.HostName}";
        Step($"connecting to {request.Source}");
        await using var session = await SnapshotSession.OpenAsync(request.Source, applicationName, cancel);
        session.Blocking = text => progress?.Report(new Progress($"warning: {text}") { IsStep = true });
        var (postgres, findings) = await PreflightAsync(request, session, cancel);

        // Nobody else works on this database now: what lies unfinished in its place is dead.
        var prefixes = VaultKeys.WriterPrefixes(request.Environment, request.Database.Name, increments: false);
        await using var claim = await request.Vault.ClaimAsync(prefixes, cancel);
        var catalog = new BackupCatalog(request.Vault);
        var earlier = await catalog.ListAsync(request.Environment, request.Database.Name, cancel);
        await ObjectLock.RepairAsync(request.Vault, earlier, clock, ObjectLock.InWords(Step), cancel);
        if (earlier.FirstOrDefault(e => request.RequestId is { } asked ? e.Manifest?.RequestId == asked : e.Id == id && request.ScheduledTime is not null) is { } done)
            return new RunReport { Outcome = RunOutcome.AlreadyDone, Id = done.Id, Manifest = done.Manifest, Prefix = done.Prefix };
        // Only a scheduled time is a name that is asked for twice. Another run that began in the same second is another backup.
        while (earlier.Any(e => e.Id == id)) id = BackupId.Create(id.Database, id.Time.AddSeconds(1));

        var tier = TierChoice.Choose(request.Kind, id, VerifyResults.ToEarlier(earlier), request.Retention);
        var prefix = VaultKeys.BackupPrefix(request.Environment, tier, id);
        var attempt = VaultKeys.NewAttempt();
        var stages = new StageClock();
        using var work = WorkFolder.Create(machine);

        Step("locking tables and taking the snapshot");
        var (snapshot, tables) = await session.TakeSnapshotAsync(request.Database.ExcludeSchemas, request.LockTimeout, cancel);
        if (!request.IgnoreLockLimit) Preflight.CheckLockTable(session.Server, tables.Count);
        var plan = DumpPlan.Make(tables, session.Server, request.Database.ShardAbove, request.Database.Jobs);
        var facts = await session.UseAsync(c => SnapshotReader.ReadAsync(c, session.Server, tables, findings, cancel), cancel);
        facts = facts with { Schemas = await session.UseAsync(c => SnapshotReader.SchemasAsync(c, request.Database.ExcludeSchemas, cancel), cancel) };
        Step($"copying {tables.Count(t => t.HasRows)} tables, {plan.Chunks.Count} chunks, {Bytes.Text(facts.DatabaseBytes)} on disk");
        var counter = new ProgressCounter(progress, tables.Sum(t => t.Bytes));
        var writer = new ArtifactWriter(request.Vault, _tools, request, work.GpgHome, stages, counter.Add);
        var streams = new DumpStreams(request, session, postgres, _tools, writer, work.Folder, applicationName);
        var (artifacts, fingerprints, more) = await streams.ReadAsync(plan, snapshot, prefix, attempt, cancel);
        var after = await session.UseAsync(c => SnapshotReader.SequencesAsync(c, tables, cancel), cancel);
        await session.CommitAsync(cancel);

        var expiresAt = request.Retention?.Keep.GetValueOrDefault(tier)?.AddTo(id.Time);
        facts = facts.WithSequencesAfter(after) with { LargeObjects = streams.LargeObjects, MaterializedViews = streams.MaterializedViews };
        var manifest = new Manifest
        {
            SchemaVersion = Manifest.CurrentVersion,
            Id = id.ToString(),
            Project = request.Project,
            Environment = request.Environment,
            Database = request.Database.Name,
            Provider = request.Database.Provider,
            Tier = tier,
            Kind = request.Kind,
            StartedAt = startedAt,
            FinishedAt = clock.GetUtcNow(),
            Operator = machine.Operator,
            Deployment = request.Deployment,
            RequestId = request.RequestId,
            Attempt = attempt,
            Totals = new Totals(artifacts.Sum(a => a.RawBytes), artifacts.Sum(a => a.StoredBytes), fingerprints.Sum(f => f.Rows ?? 0), tables.Count(t => t.HasRows)),
            Source = new SourceFacts(request.Source.Host, request.Source.Port, request.Source.Database, session.Server.SystemIdentifier, session.Server.History),
            Snapshot = facts,
            Tools = new ToolVersions(Product.Version, postgres.Version, zstd, gpg),
            Artifacts = artifacts,
            Fingerprints = fingerprints,
            Findings = [.. findings, .. more],
            ExpiresAt = expiresAt,
            Lock = request.Promise(expiresAt),
            AfterRestore = Path.GetFileName(request.Database.AfterRestore),
            RestoreByHand = RestoreByHand.For(facts, request.Source.Database, prefix, artifacts, request.Database.AfterRestore),
            ManifestSha256 = "",
        };
        await CommitAsync(catalog, prefix, manifest, clock, progress, cancel);
        return new RunReport { Outcome = RunOutcome.Committed, Id = id, Manifest = manifest, Prefix = prefix, Stages = stages.Read() };
    }

    /// <summary>
    /// What other sessions see of this run. The server keeps 63 ASCII characters of a name; the time, or a hash of the caller's request, which tells a
    /// database's runs apart, is always among them.
    /// </summary>
    private static string SessionName(RunRequest request, BackupId id)
    {
        var database = VaultKeys.Escape(id.Database);
        var which = request.RequestId is { } asked ? Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(asked)))[..16] : BackupId.FormatTime(id.Time);
        return $"backup {database[..Math.Min(database.Length, 36)]}_{which}";
    }

    private async Task<(PostgresInstallation, List<Finding>)> PreflightAsync(RunRequest request, SnapshotSession session, CancellationToken cancel)
    {
        var server = session.Server;
        var postgres = await installations.ForMajorAsync(server.Major, cancel);
        var findings = new List<Finding>();
        if (postgres.Major != server.Major)
        {
            findings.Add(FindingCode.ToolNewer.On(request.Database.Name,
                $"the server is PostgreSQL {server.Major}, pg_dump is {postgres.Version}: a restore to PostgreSQL {server.Major} may need editing",
                $"Install the client of PostgreSQL {server.Major} on the machine that makes the backups."));
        }

        await session.UseAsync(async c =>
        {
            await Preflight.CheckRightsAsync(c, server, request.Database.ExcludeSchemas, cancel);
            return 0;
        }, cancel);
        // pg_dump gets its settings this way only: a proxy that drops them would change values.
        var settings = SessionSettings.Reading(server.Major);
        await using var probe = await Connector.OpenAsync(request.Source, "backup probe", cancel, request.Source.ToEnvironment("", settings)["PGOPTIONS"]);
        await SessionSettings.VerifyAsync(probe, settings, cancel);
        return (postgres, findings);
    }

    /// <summary>
    /// Tags before the manifest: a crash in between keeps artifacts that nobody names, the other order would let lifecycle remove named ones.
    /// From the manifest on nothing can be stopped: an operator who is told that nothing was committed must be able to believe it.
    /// </summary>
    internal static async Task CommitAsync(
        BackupCatalog catalog, string prefix, Manifest manifest, TimeProvider clock, IProgress<Progress>? progress, CancellationToken cancel)
    {
        await catalog.Vault.MarkAsync([.. manifest.Artifacts.Select(a => a.Key)], ObjectState.Committed, cancel);
        cancel.ThrowIfCancellationRequested();
        await catalog.PublishAsync(prefix, manifest, manifest.Lock is { } l ? new RetainUntil(l.Mode, l.Until) : null, CancellationToken.None);
        progress?.Report(new Progress($"committed {manifest.Id}") { IsStep = true });
        try
        {
            await ObjectLock.ApplyAsync(catalog.Vault, prefix, manifest, clock, CancellationToken.None);
        }
        catch (BackupException e)
        {
            // The backup is there, under the bucket's default lock: whoever is told that the run failed would look in the wrong place.
            progress?.Report(new Progress($"warning: the lock of {manifest.Id} is not complete: {e.Message}; the next run and watch complete it") { IsStep = true });
        }
    }

    private void Step(string what) => progress?.Report(new Progress(what) { IsStep = true });
}
