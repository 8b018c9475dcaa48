using System.Diagnostics;
using Backup.Core.Catalog;
using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Policies;
using Backup.Core.Postgres;
using Backup.Core.Storage;

namespace Backup.Core.Operations.Drills;

/// <summary>
/// Restores a backup into a throw-away server and judges the result: server → roles → restore → compare → constraints → erasures → checks → verdict → report.
/// PASS needs every step; what cannot be tried on this machine is COULD NOT VERIFY, never a pass. The server is gone afterwards, also after a failure
/// or Ctrl-C; what a killed process left is removed by the next start.
/// </summary>
public sealed class RunDrill(MachineEnvironment machine, TimeProvider clock, PostgresInstallations installations, IProgress<Progress>? progress = null)
{
    /// <summary>A new server has about this size.</summary>
    private const long Spare = 64L << 20;

    private readonly Toolbox _tools = new(machine);

    /// <exception cref="BackupException">usage for an increment. Codes of the vault, when the result cannot be written. Everything else is in the report.</exception>
    public async Task<DrillReport> ExecuteAsync(DrillRequest request, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (request.Backup.Id.IsIncrement)
        {
            throw new BackupException(ErrorCode.UsageWrong, $"{request.Backup.Id} is an increment, and a drill restores whole backups",
                $"Drill it together with its backup: `backup drill {request.Backup.Id}`.");
        }

        var started = (At: clock.GetUtcNow(), Ticks: Stopwatch.GetTimestamp());
        var trial = new Trial(request);
        try
        {
            if (request.Backup.Manifest is { } manifest) await TryAsync(trial, manifest, started.Ticks, cancel);
            else trial.Fail(ErrorCode.BackupDamaged, request.Backup.Prefix + VaultKeys.ManifestName, request.Backup.Problem!, "Use another backup, or fetch this manifest from a copy of the vault.");
        }
        catch (BackupException) when (cancel.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancel); // Ctrl-C reaches the programs too, and they complain first
        }
        catch (BackupException e)
        {
            trial.Fail(e);
        }
        catch (Npgsql.NpgsqlException e)
        {
            trial.Fail(Connector.Explain(e, trial.Target!));
        }
        catch (IOException e)
        {
            trial.Fail(new BackupException(ErrorCode.ToolFailed, $"a file could not be read or written: {e.Message}", "Look at the machine's disk; then run it again.", e));
        }

        var report = Report(trial, started.At, trial.Total ?? Stopwatch.GetElapsedTime(started.Ticks));
        if (request.Record)
        {
            await new BackupCatalog(request.Vault).AttachAsync(request.Subject.Prefix, new ResultName(ProofKind.Drill, report.Verdict, report.At), VerifyResults.Write(report), cancel);
            await Trail.RecordAsync(machine, clock, progress, request.Vault, request.Backup.Environment, request.Backup.Id.Database, "drill", [report.Id],
                Words.Of(report.Verdict), $"{report.Findings.Count} findings{(report.AfterRestore is { } after ? $"; {after}" : "")}");
        }

        return report;
    }

    private async Task TryAsync(Trial trial, Manifest manifest, long started, CancellationToken cancel)
    {
        var request = trial.Request;
        CheckDisk(manifest);
        var erasures = request is { AfterRestore: { } path, Increments.Count: 0 } ? AfterRestore.Run(path).Read() : null;
        foreach (var entry in request.Increments.Prepend(request.Backup)) await CheckStoredAsync(request.Vault, entry, entry.Manifest!, cancel);
        IReadOnlyList<string> tables = request.Increments.Count == 0 ? [] : TablesOf(request.Increments, manifest);
        // The private key is gone before the server starts: what is restored there is other people's code.
        using var unlocked = await UnlockedArtifacts.OpenAsync(request.Vault, machine, request.Increments.Prepend(request.Backup).Select(e => e.Manifest!), request.PrivateKey, cancel);
        Step("starting a throw-away server");
        var preparing = Stopwatch.GetTimestamp();
        var (cluster, loader) = await DrillServer.StartAsync(manifest.Snapshot, installations, machine, cancel);
        await using var _ = cluster;
        trial.Cluster = cluster;
        trial.Prepare = Stopwatch.GetElapsedTime(preparing);
        try
        {
            await RestoreAndJudgeAsync(trial, manifest, tables, erasures, loader, unlocked, cancel);
        }
        catch
        {
            trial.ServerDied = cluster.Exited.IsCompleted; // now: afterwards it has ended in any case
            throw;
        }

        trial.Total = Stopwatch.GetElapsedTime(started); // taking the server down again is no part of a recovery
    }

    private async Task RestoreAndJudgeAsync(Trial trial, Manifest manifest, IReadOnlyList<string> tables, SqlFile? erasures, string loader, UnlockedArtifacts? unlocked, CancellationToken cancel)
    {
        var request = trial.Request;
        var target = ConnectionText.Parse(trial.Cluster!.Url(DrillServer.Database), "the drill's database", machine.UserName);
        trial.Target = target;
        var expected = await RestoreAsync(trial, target, tables, loader, unlocked, cancel);
        Step("comparing");
        var verifying = Stopwatch.GetTimestamp();
        var gone = trial.Restored!.OfIgnoredExtensions;
        var comparable = expected with
        {
            Fingerprints = [.. expected.Fingerprints.Where(f => !gone.Contains(f.Table))],
            Snapshot = expected.Snapshot with { Sequences = [.. expected.Snapshot.Sequences.Where(s => !gone.Contains(s.Sequence))] },
        };
        trial.Compared = await new DatabaseComparer(target, comparable, Comparison.Full, request.Jobs).CompareAsync(TableChoice.Choose(manifest, tables), cancel);
        foreach (var difference in trial.Compared.Differences())
            trial.Fail(ErrorCode.RestoreDifferent, $"{request.Subject.Id}", difference, "Use another backup (`backup list`), and find out since when: drill the ones before it.");
        trial.Constraints = await DrillFacts.ConstraintsAsync(target, cancel);
        if (erasures is not null)
        {
            Step($"applying {erasures.Name}");
            // By the plain role: triggers and functions of the source run with it.
            trial.AfterRestore = await ErasureRun.ExecuteAsync(erasures, target with { User = loader }, cancel);
        }

        var checks = request.Increments.Count == 0 ? request.Checks : [];
        if (checks.Count > 0) Step("asking the policy's questions");
        trial.Checks = await DrillChecks.AskAsync(target with { User = loader }, checks, manifest.Snapshot.Time, request.CheckTimeout, cancel);
        trial.JudgeChecks();
        trial.Verify = Stopwatch.GetElapsedTime(verifying);
    }

    /// <returns>What the restored tables must hold.</returns>
    private async Task<Manifest> RestoreAsync(Trial trial, ConnectionTarget target, IReadOnlyList<string> tables, string loader, UnlockedArtifacts? unlocked, CancellationToken cancel)
    {
        var restore = new RestoreBackup(machine, clock, installations, progress);
        try
        {
            trial.Restored = await restore.ExecuteAsync(new RestoreRequest
            {
                Vault = trial.Request.Vault,
                Backup = trial.Request.Backup,
                Increments = trial.Request.Increments,
                Tables = tables,
                Target = target,
                Mode = RestoreMode.Create,
                Jobs = trial.Request.Jobs,
                AfterRestore = AfterRestore.None, // here, after the comparison
                Comparison = null,
                Record = false,
                LoadAs = loader,
                Unlocked = unlocked,
                IgnoreExtensions = trial.Request.IgnoreExtensions,
                NoTablespaces = true,
            }, cancel);
            trial.Findings.AddRange(trial.Restored.Findings);
            return restore.Expected!;
        }
        finally
        {
            trial.Steps = restore.Steps;
        }
    }

    private void CheckDisk(Manifest manifest)
    {
        var size = manifest.Snapshot.DatabaseBytes;
        var basis = manifest.Artifacts.Single(a => a.Role == ArtifactRole.Base).RawBytes;
        var needed = size + (size / 5) + Math.Min(size, 2L << 30) + basis + Spare; // indexes grow as they like; the log of changes; the archive as a file
        var free = new DriveInfo(machine.TempFolder).AvailableFreeSpace;
        if (free >= needed) return;
        throw new BackupException(ErrorCode.TargetUnfit, $"a restore of {Bytes.Text(size)} needs about {Bytes.Text(needed)} in {machine.TempFolder}, {Bytes.Text(free)} are free",
            "Set TMPDIR to a folder on a larger disk.");
    }

    // The restore checks what it reads. What it does not read is part of the backup all the same.
    private async Task CheckStoredAsync(IVault vault, CatalogEntry entry, Manifest manifest, CancellationToken cancel)
    {
        var objects = await Stored.ListAsync(vault, entry, cancel);
        if (Stored.Differences(manifest, objects) is { Count: > 0 } wrong) throw ArtifactReader.Damaged(string.Join("; ", wrong));
        await Stored.RefuseColdAsync(vault, entry, manifest, objects, cancel);
        foreach (var artifact in manifest.Artifacts.Where(a => a.Role == ArtifactRole.Globals))
            await ArtifactReader.ThrowIfDamagedAsync(vault, _tools, artifact, null, cancel);
    }

    private static IReadOnlyList<string> TablesOf(IReadOnlyList<CatalogEntry> increments, Manifest manifest)
    {
        var held = increments.SelectMany(i => i.Manifest!.Increment!.Tables).Select(t => t.Table).ToHashSet();
        var tables = manifest.Fingerprints.Where(f => held.Contains(f.Table)).Select(f => f.Table.Sql).ToList();
        return tables.Count > 0 ? tables : throw new BackupException(ErrorCode.BackupNotFound, $"no table of {increments[^1].Id} is in {manifest.Id}, so nothing of it can be restored",
            "The next backup has these tables, and its increments can be drilled.");
    }

    private DrillReport Report(Trial trial, DateTimeOffset startedAt, TimeSpan total)
    {
        var (request, entry, manifest) = (trial.Request, trial.Request.Subject, trial.Request.Subject.Manifest);
        double Of(params string[] steps) => Math.Round(trial.Steps.Where(s => steps.Contains(s.Step)).Sum(s => s.Seconds), 3);
        var seconds = new DrillSeconds(Math.Round(trial.Prepare.TotalSeconds, 3), Of("check", "fetch"), Of("schema", "data"), Of("indexes"),
            Math.Round(Of("analyze") + trial.Verify.TotalSeconds, 3), Math.Round(total.TotalSeconds, 3));
        return new DrillReport
        {
            SchemaVersion = DrillReport.CurrentVersion,
            Id = entry.Id.ToString(),
            Verdict = trial.Verdict,
            StartedAt = startedAt,
            At = clock.GetUtcNow(),
            Operator = machine.Operator,
            Backup = new BackupFacts
            {
                Database = entry.Id.Database,
                Key = entry.Prefix,
                Tier = entry.Tier,
                Environment = manifest?.Environment,
                Kind = manifest?.Kind,
                SnapshotTime = manifest?.Snapshot.Time,
                ServerVersion = manifest?.Snapshot.ServerVersion,
                DatabaseBytes = manifest?.Snapshot.DatabaseBytes,
                StoredBytes = manifest?.Totals.StoredBytes,
                Rows = manifest?.Totals.Rows,
                ManifestSha256 = manifest?.ManifestSha256,
            },
            Seconds = seconds,
            Rto = request is { Rto: { } rto, Increments.Count: 0 } ? new RtoResult(rto.TotalSeconds, trial.Verdict == Verdict.Pass && total <= rto) : null,
            Increments = trial.Restored?.Increments ?? [],
            Tables = trial.Compared?.Tables ?? [],
            Sequences = trial.Compared?.Sequences ?? [],
            LargeObjects = trial.Compared?.LargeObjects,
            MaterializedViews = trial.Compared?.MaterializedViews ?? [],
            Constraints = trial.Constraints,
            AfterRestore = trial.AfterRestore,
            Checks = trial.Checks,
            Findings = trial.Findings,
            NotProven = request.Backup.Manifest is not { } basis ? [] : [.. DrillFacts.NotProven(basis, request, trial.Restored)],
            Machine = new DrillMachine(machine.HostName, Product.Version, trial.Cluster?.Installation.Version, trial.Cluster?.IsIsolated),
        };
    }

    private void Step(string what) => progress?.Report(new Progress(what) { IsStep = true });

    /// <summary>What is known so far; a failure at any point leaves the rest as it is.</summary>
    private sealed class Trial(DrillRequest request)
    {
        public DrillRequest Request { get; } = request;
        public ThrowawayCluster? Cluster { get; set; }

        /// <summary>Before the drill was done with it.</summary>
        public bool ServerDied { get; set; }
        public ConnectionTarget? Target { get; set; }
        public TimeSpan Prepare { get; set; }
        public TimeSpan Verify { get; set; }
        public TimeSpan? Total { get; set; }
        public IReadOnlyList<StepTime> Steps { get; set; } = [];
        public RestoreReport? Restored { get; set; }
        public ComparisonResult? Compared { get; set; }
        public ConstraintFacts? Constraints { get; set; }
        public AfterRestoreResult? AfterRestore { get; set; }
        public IReadOnlyList<CheckResult> Checks { get; set; } = [];
        public List<Finding> Findings { get; } = [];
        public Verdict Verdict { get; private set; } = Verdict.Pass;

        public void Fail(BackupException e)
        {
            // A server that died takes its clients with it: whatever they say then is not about the backup.
            var (verdict, finding) = DrillFailure.Judge(e, Request.Subject.Id.ToString(), Request.IgnoreExtensions);
            Add(verdict == Verdict.Fail && ServerDied && e.Code != ErrorCode.BackupDamaged ? Verdict.CouldNotVerify : verdict, finding);
        }

        public void Fail(ErrorCode code, string subject, string sentence, string nextStep) => Add(Verdict.Fail, new Finding
        {
            Severity = Severity.Critical,
            Code = code.Name,
            Subject = subject,
            Sentence = sentence,
            NextStep = nextStep,
        });

        public void JudgeChecks()
        {
            foreach (var check in Checks.Where(c => c.Verdict != Verdict.Pass))
            {
                var failed = check.Verdict == Verdict.Fail;
                Add(check.Verdict, (failed ? FindingCode.QuestionFailed : FindingCode.QuestionNotRun).On(check.Name,
                    $"{check.Name}: {(check.Answer is null ? "" : $"the answer is {check.Answer}, ")}expected {check.Expectation}: {check.Reason}",
                    failed ? "Find out what is missing in the data at the time of the snapshot." : "Mend the check's SQL in the policy (names with their schema); then drill again."));
            }
        }

        private void Add(Verdict verdict, Finding finding)
        {
            Findings.Add(finding);
            // The worst one counts: a difference that was seen stays one, whatever else could not be tried.
            if (Verdict != Verdict.Fail) Verdict = verdict;
        }
    }
}
