using System.Collections.Concurrent;
using System.Diagnostics;
using Backup.Core.Catalog;
using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Operations.Increments;
using Backup.Core.Operations.Schemas;
using Backup.Core.Policies;
using Backup.Core.Postgres;
using Backup.Core.Storage;

namespace Backup.Core.Operations;

/// <summary>
/// Restores one backup: check everything → fetch the base archive → schema → rows in parallel → indexes and constraints → compare → (erasures) → (swap).
/// Nothing is called restored before the comparison; a database that this restore has made is removed when it fails.
/// </summary>
public sealed class RestoreBackup(MachineEnvironment machine, TimeProvider clock, PostgresInstallations installations, IProgress<Progress>? progress = null)
{
    private readonly Toolbox _tools = new(machine);
    private readonly List<StepTime> _steps = [];
    private readonly List<Finding> _findings = [];
    private long _bytesRead;

    /// <summary>What has been done so far, also after a failure.</summary>
    public IReadOnlyList<StepTime> Steps => _steps;

    /// <summary>What the restored tables must hold: the backup's manifest with what increments made of it. Null until its rows are there.</summary>
    public Manifest? Expected { get; private set; }

    public async Task<RestoreReport> ExecuteAsync(RestoreRequest request, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(request);
        try
        {
            var report = await RestoreAsync(request, cancel);
            if (request.Record)
            {
                await Trail.RecordAsync(machine, clock, progress, request.Vault, request.Backup.Environment, request.Backup.Id.Database, "restore",
                    [report.Id, .. request.Increments.Select(i => i.Id.ToString())], "restored", $"into {report.Target}{(report.Schemas.Count > 0 ? $", schemas {string.Join(", ", report.Schemas)}" : "")}{(report.RowsOf.Count > 0 ? $", rows of {string.Join(", ", report.RowsOf)}" : "")}{(report.Compared is { } how ? $", compared by {Words.Of(how)}" : "")}{(report.AfterRestore is { } after ? $"; {after}" : "")}");
            }

            return report;
        }
        catch (BackupException e) when (cancel.IsCancellationRequested && (e.Code == ErrorCode.ToolFailed || e.Code == ErrorCode.RestoreFailed))
        {
            throw new OperationCanceledException(e.Message, e, cancel); // Ctrl-C reaches the programs too, and they complain first
        }
        catch (Npgsql.NpgsqlException e)
        {
            throw Connector.Explain(e, request.Target);
        }
        catch (IOException e) when (e.HResult is Native.NoSpace or Native.QuotaExceeded)
        {
            throw NoSpace($"{machine.TempFolder} has no space left", e);
        }
    }

    private static BackupException NoSpace(string sentence, Exception? cause = null) =>
        new(ErrorCode.RestoreFailed, sentence, "Set TMPDIR to a folder on a larger disk.", cause);

    private async Task<RestoreReport> RestoreAsync(RestoreRequest request, CancellationToken cancel)
    {
        var manifest = request.Backup.Manifest ?? throw ArtifactReader.Damaged(request.Backup.Problem!);
        var chosen = TableChoice.Of(manifest, request);
        var rowsOf = new RowsOf(request, manifest);
        var chunks = manifest.Artifacts.Where(a => a.Role == ArtifactRole.Chunk && chosen.Includes(a)).ToList();
        var others = manifest.Artifacts.Where(a => a.Role == ArtifactRole.Chunk && rowsOf.Choice.Includes(a));
        var basis = manifest.Artifacts.Single(a => a.Role == ArtifactRole.Base);
        var erasures = request.AfterRestore.Read();
        await using var target = await RestoreTarget.OpenAsync(request, cancel);
        await StepAsync("check", async () =>
        {
            await CheckStoredAsync(request, [(request.Backup, [basis, .. chunks, .. others]), .. request.Increments.Select(i => (i, i.Manifest!.Artifacts))], cancel);
            await target.CheckAsync(_findings, cancel);
            foreach (var finding in _findings) Warn(finding);
        });
        var postgres = await installations.ForMajorAsync(Math.Max(manifest.Snapshot.ServerMajor, target.Server.Major), cancel);
        using var work = WorkFolder.Create(machine);
        SchemaEnd? end = null;
        ArchiveRestore? restore = null;
        try
        {
            var archive = Path.Combine(work.Folder, "base.dump");
            await StepAsync("fetch", () => FetchAsync(request, basis, archive, cancel));
            var known = _findings.Count;
            var schemas = !request.IsPartial ? null
                : await target.PrepareAsync(new ArchiveRestore(archive, postgres, machine, request.Target, target.Server.Major, request, work.Folder), _findings, cancel);
            if (schemas is not null)
            {
                foreach (var finding in _findings.Skip(known)) Warn(finding);
                chosen = chosen.Without(schemas.OfExtensions);
            }

            await target.MakeAsync(clock.GetUtcNow(), cancel);
            restore = new ArchiveRestore(archive, postgres, machine, target.Working, target.Server.Major, request, work.Folder);
            var increments = new ApplyIncrements(request, target.Working, target.Server, _tools, chosen, Count);
            var plan = await RestorePlan.MakeAsync(restore, chosen, increments.Sql, request, target.Server.IsSuperuser, schemas, cancel);
            await target.CheckSchemasAsync(cancel);
            if (schemas is not null)
            {
                var ending = new SchemaEnd(request, schemas, rowsOf, target.Working, target.Server);
                await ending.RememberAsync(cancel);
                end = ending;
            }

            await StepAsync("schema", async () =>
            {
                foreach (var (turn, unowned) in schemas?.Turns(plan.PreData) ?? [(plan.PreData, false)]) await restore.SectionAsync("pre-data", turn, 1, cancel, unowned: unowned);
            });
            plan = await plan.WithoutMissingAsync(manifest, request, target.Working, cancel);
            await StepAsync("data", async () => plan = await LoadAsync(request, manifest, target, restore, plan, chunks, cancel));
            var expected = manifest;
            if (request.Increments.Count > 0) await StepAsync("increments", async () => expected = await increments.ApplyAsync(cancel));
            await StepAsync("indexes", async () =>
            {
                if (schemas is not null && !request.NoOwner) await SchemaRights.SetBackAsync(target.Working, request.Schemas, cancel);
                await restore.SectionAsync(null, plan.Rights, 1, cancel);
                await increments.IndexesAsync(async () =>
                {
                    await restore.SectionAsync("post-data", plan.Checks, 1, cancel, request.LoadAs);
                    await restore.SectionAsync("post-data", plan.PostData, request.Jobs, cancel);
                    await restore.SectionAsync("post-data", plan.Unowned, 1, cancel, unowned: true);
                }, cancel);
            });
            if (plan.Late.Count > 0)
                await StepAsync("foreign keys", async () => await restore.SectionAsync("post-data", [.. plan.CommentsOn(await increments.MakeForeignKeysAsync(plan.Late, cancel))], 1, cancel));
            if (end is not null) await StepAsync("other schemas", () => end.FinishAsync(restore, plan, _tools, Count, cancel));
            var restored = chosen.With(rowsOf.Choice);
            await StepAsync(request.Comparison is null ? "analyze" : "compare", () => Task.WhenAll(
                RowLoader.AnalyzeAsync(target.Working, cancel),
                request.Comparison is { } how ? new DatabaseComparer(target.Working, expected, how, request.Jobs).CheckAsync(restored, cancel) : Task.CompletedTask));
            Expected = expected;
            await target.ApplySettingsAsync(_findings, cancel);
            AfterRestoreResult? after = request.AfterRestore.Skipped is { } skipped ? new(skipped, Applied: false, null, null, null) : null;
            if (erasures is not null) await StepAsync("erasures", async () => after = await EraseAsync(erasures, target.Working, cancel));
            if (after is { Applied: false }) _findings.Add(Left(after.File, target.Working, manifest));
            var kept = await target.SwapAsync(clock.GetUtcNow(), cancel);
            return new RestoreReport
            {
                Id = manifest.Id,
                Target = target.Working.ToString(),
                KeptAs = kept,
                Schemas = request.Schemas,
                RowsOf = request.RowsOf,
                SnapshotTime = manifest.Snapshot.Time,
                Increments = increments.Applied,
                Rows = expected.Fingerprints.Where(restored.Includes).Sum(f => f.Rows ?? 0),
                Tables = manifest.Fingerprints.Count(restored.Includes),
                BytesRead = Interlocked.Read(ref _bytesRead),
                Compared = request.Comparison,
                AfterRestore = after,
                Steps = _steps,
                OfIgnoredExtensions = plan.OfIgnoredExtensions,
                LeftOut = [.. plan.LeftOut.Select(e => e.Description["FK CONSTRAINT ".Length..])],
                Findings = [.. increments.Findings, .. _findings, .. end?.Findings ?? []],
            };
        }
        catch
        {
            if (end is not null && !target.Made && await end.UndoAsync(restore?.NotMade) is { Count: > 0 } remains)
                progress?.Report(new Progress($"warning: still there of this restore, and in the way of the next: {string.Join("; ", remains)}") { IsStep = true });
            if (await target.AbandonAsync() is { } left)
                progress?.Report(new Progress($"warning: the half-filled database is still there; when the server answers: {left}") { IsStep = true });
            throw;
        }
    }

    // Statistics quote values of rows, and were made with those that are gone now.
    private static async Task<AfterRestoreResult> EraseAsync(SqlFile erasures, ConnectionTarget target, CancellationToken cancel)
    {
        var result = await ErasureRun.ExecuteAsync(erasures, target, cancel);
        await RowLoader.AnalyzeAsync(target, cancel);
        return result;
    }

    private static Finding Left(string file, ConnectionTarget target, Manifest manifest) => FindingCode.ErasuresSkipped.On(target.Database,
        $"{target} holds whoever was erased since {UtcText.Minutes(manifest.Snapshot.Time)}: {file} was not applied, because of --without-erasures",
        "Keep it away from the application and from people who need not see it, and drop it when it has served.");

    // All of them before the first refusal: who has waited for the backup's objects must not begin to wait for those of its increments.
    private static async Task CheckStoredAsync(RestoreRequest request, IReadOnlyList<(CatalogEntry Entry, IReadOnlyList<Artifact> Artifacts)> needed, CancellationToken cancel)
    {
        var cold = new List<VaultObject>();
        foreach (var (entry, artifacts) in needed)
        {
            var objects = await Stored.ListAsync(request.Vault, entry, cancel);
            if (Stored.Differences(entry.Manifest! with { Artifacts = artifacts }, objects) is { Count: > 0 } wrong)
                throw ArtifactReader.Damaged($"{entry.Id} is not complete: {string.Join("; ", wrong)}");
            cold.AddRange(await Stored.ColdAsync(request.Vault, artifacts, objects, cancel));
        }

        if (cold.Count == 0) return;
        throw new BackupException(ErrorCode.VaultCold, $"{cold.Count} of {needed.Sum(n => n.Artifacts.Count)} objects of {string.Join(", ", needed.Select(n => n.Entry.Id))} are in {cold[0].StorageClass} and cannot be read at once",
            $"Ask for them now: backup restore {needed[^1].Entry.Id} --thaw; it says when to come back.");
    }

    // A file, because pg_restore can restore in parallel from a file only; small, because large tables are chunks.
    private async Task FetchAsync(RestoreRequest request, Artifact basis, string archive, CancellationToken cancel)
    {
        var free = new DriveInfo(Path.GetDirectoryName(archive)!).AvailableFreeSpace;
        if (free < basis.RawBytes)
            throw NoSpace($"the base archive needs {Bytes.Text(basis.RawBytes)} in {Path.GetDirectoryName(archive)}, {Bytes.Text(free)} are free");

        await using var reader = await ArtifactReader.OpenAsync(request.Vault, _tools, basis, raw: true, Count, cancel, request.Unlocked);
        await using var file = new FileStream(archive, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1 << 20);
        try
        {
            await reader.CopyToAsync(file, cancel);
        }
        catch (BackupException e) when (e.Code == ErrorCode.ToolFailed)
        {
            await ArtifactReader.ThrowIfDamagedAsync(request.Vault, _tools, basis, Count, cancel);
            throw;
        }

        if (reader.Difference() is { } difference) throw ArtifactReader.Damaged(difference);
    }

    /// <returns>The plan without what has been made on the way: keys of large tables, while others were still being loaded.</returns>
    private async Task<RestorePlan> LoadAsync(
        RestoreRequest request, Manifest manifest, RestoreTarget target, ArchiveRestore restore, RestorePlan plan, IReadOnlyList<Artifact> chunks, CancellationToken cancel)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var counter = new ProgressCounter(progress, chunks.Sum(c => c.RawBytes), "loading");
        var made = new ConcurrentBag<ArchiveEntry>();
        var rows = new LoadRows(request, target.Working, target.Server.Major, manifest.Snapshot.Encoding, _tools, Count, counter, async table =>
        {
            // What increments write may contradict a key until they have all been applied. Keys of a root whose partitions are loaded through it hold no rows themselves, and wait.
            var oid = chunks.First(c => c.LoadInto == table) is var chunk && chunk.Table == table ? chunk.Oid : null;
            var keys = request.Increments.Count > 0 || oid is null ? [] : plan.KeysOf(oid.Value);
            await restore.SectionAsync("post-data", keys, 1, stop.Token);
            foreach (var key in keys) made.Add(key);
        });
        await FirstFailure.WhenAllAsync([() => restore.SectionAsync("data", plan.Data, 1, stop.Token, request.LoadAs), .. rows.Workers(chunks, stop.Token)], stop, () => null, cancel);
        return plan with { PostData = [.. plan.PostData.Except(made)] };
    }

    private void Warn(Finding finding) => progress?.Report(new Progress($"warning: {finding.Sentence} → {finding.NextStep}") { IsStep = true });

    private void Count(int bytes) => Interlocked.Add(ref _bytesRead, bytes);

    private async Task StepAsync(string name, Func<Task> work)
    {
        progress?.Report(new Progress(name) { IsStep = true });
        var started = Stopwatch.GetTimestamp();
        try
        {
            await work();
        }
        finally
        {
            _steps.Add(new StepTime(name, Math.Round(Stopwatch.GetElapsedTime(started).TotalSeconds, 3)));
        }
    }
}
