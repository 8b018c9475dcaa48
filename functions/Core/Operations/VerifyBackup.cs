using System.Collections.Concurrent;
using System.Diagnostics;
using Backup.Core.Catalog;
using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Operations.Drills;
using Backup.Core.Postgres;
using Backup.Core.Storage;

namespace Backup.Core.Operations;

/// <summary>
/// Proof of what is stored, in three levels. Reads every byte and reports every difference, not only the first. The result is written beside the manifest.
/// </summary>
/// <param name="privateKey">Of encrypted backups. Null: gpg's own keyring serves.</param>
public sealed class VerifyBackup(MachineEnvironment machine, TimeProvider clock, PostgresInstallations installations, IProgress<Progress>? progress = null, IReadOnlyList<string>? ignoreExtensions = null, PrivateKeySource? privateKey = null)
{
    private const int Parallel = 4;

    private readonly Toolbox _tools = new(machine);

    /// <param name="vault">Where the backup is.</param>
    /// <param name="entry">From the catalog; one whose manifest cannot be read fails at once.</param>
    /// <param name="level">How far to go.</param>
    /// <param name="record">False leaves no result object behind.</param>
    /// <param name="cancel">Stops without a result.</param>
    public async Task<VerifyResult> ExecuteAsync(IVault vault, CatalogEntry entry, VerifyLevel level, bool record, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(entry);
        var result = level == VerifyLevel.Restore ? await RestoreAsync(vault, entry, cancel) : await ReadAsync(vault, entry, level, cancel);
        if (record)
        {
            var name = new ResultName(ProofKind.Verify, result.Verdict, result.At);
            await new BackupCatalog(vault).AttachAsync(entry.Prefix, name, VerifyResults.Write(result), cancel);
            await Trail.RecordAsync(machine, clock, progress, vault, entry.Environment, entry.Id.Database, "verify", [result.Id],
                Words.Of(name.Verdict), $"level {Words.Of(level)}, {result.Findings.Count} differences");
        }

        return result;
    }

    /// <summary>The drill without the checks.</summary>
    private async Task<VerifyResult> RestoreAsync(IVault vault, CatalogEntry entry, CancellationToken cancel)
    {
        var drill = new RunDrill(machine, clock, installations, progress);
        var report = await drill.ExecuteAsync(new DrillRequest { Vault = vault, Backup = entry, IgnoreExtensions = ignoreExtensions ?? [], PrivateKey = privateKey, Record = false }, cancel);
        return new VerifyResult
        {
            Id = report.Id,
            Level = VerifyLevel.Restore,
            At = report.At,
            Verdict = report.Verdict,
            Objects = entry.Manifest?.Artifacts.Count ?? 0,
            StoredBytes = entry.Manifest?.Totals.StoredBytes ?? 0,
            Seconds = report.Seconds.Total,
            Findings = report.Findings,
        };
    }

    private async Task<VerifyResult> ReadAsync(IVault vault, CatalogEntry entry, VerifyLevel level, CancellationToken cancel)
    {
        var started = Stopwatch.GetTimestamp();
        var findings = new ConcurrentBag<Finding>();
        Finding? locked = null;
        if (entry.Manifest is { } manifest) locked = await CheckAsync(vault, entry, manifest, level, findings, cancel);
        else findings.Add(Difference(entry.Prefix + VaultKeys.ManifestName, entry.Problem!));
        return new VerifyResult
        {
            Id = entry.Id.ToString(),
            Level = level,
            At = clock.GetUtcNow(),
            // A difference that was seen stays one, whatever could not be tried.
            Verdict = !findings.IsEmpty ? Verdict.Fail : locked is null ? Verdict.Pass : Verdict.CouldNotVerify,
            Objects = entry.Manifest?.Artifacts.Count ?? 0,
            StoredBytes = entry.Manifest?.Totals.StoredBytes ?? 0,
            Seconds = Math.Round(Stopwatch.GetElapsedTime(started).TotalSeconds, 3),
            Findings = [.. findings.OrderBy(f => f.Subject, StringComparer.Ordinal), .. locked is null ? [] : (Finding[])[locked]],
        };
    }

    /// <returns>Why what is encrypted was not opened, or null. Then its checksums are proven and nothing more.</returns>
    private async Task<Finding?> CheckAsync(
        IVault vault, CatalogEntry entry, Manifest manifest, VerifyLevel level, ConcurrentBag<Finding> findings, CancellationToken cancel)
    {
        var objects = await Stored.ListAsync(vault, entry, cancel);
        await Stored.RefuseColdAsync(vault, entry, manifest, objects, cancel);
        var wrong = Stored.Differences(manifest, objects);
        foreach (var sentence in wrong) findings.Add(Difference(sentence.Split(' ')[0], sentence));
        var readable = manifest.Artifacts.Where(a => !findings.Any(f => f.Subject == a.Key)).ToList();
        var postgres = level == VerifyLevel.Archive ? await installations.ForMajorAsync(manifest.Snapshot.ServerMajor, cancel) : null;
        var (unlocked, locked) = postgres is null ? (null, null) : await UnlockAsync(vault, entry, manifest with { Artifacts = readable }, cancel);
        using var _ = unlocked;
        var counter = new ProgressCounter(progress, manifest.Totals.StoredBytes, "verifying");
        await System.Threading.Tasks.Parallel.ForEachAsync(readable, new ParallelOptions { MaxDegreeOfParallelism = Parallel, CancellationToken = cancel },
            async (artifact, token) =>
            {
                var difference = postgres is null || (locked is not null && UnlockedArtifacts.IsLocked(artifact))
                    ? await ArtifactReader.StoredDifferenceAsync(vault, _tools, artifact, n => counter.Add(n, n), token)
                    : await ReadWholeAsync(vault, artifact, postgres, unlocked, n => counter.Add(n, n), token);
                if (difference is not null) findings.Add(Difference(artifact.Key, difference));
            });
        return locked;
    }

    private async Task<(UnlockedArtifacts? Unlocked, Finding? Locked)> UnlockAsync(IVault vault, CatalogEntry entry, Manifest manifest, CancellationToken cancel)
    {
        try
        {
            return (await UnlockedArtifacts.OpenAsync(vault, machine, [manifest], privateKey, cancel), null);
        }
        catch (BackupException e) when (e.Code == ErrorCode.SecretUnusable && !e.IsTransient)
        {
            return (null, DrillFailure.Judge(e, entry.Id.ToString(), []).Finding);
        }
    }

    // The checksum shows that the bytes are the ones that were written; this shows in the same pass that they are worth something.
    private async Task<string?> ReadWholeAsync(
        IVault vault, Artifact artifact, PostgresInstallation postgres, UnlockedArtifacts? unlocked, Action<int> passed, CancellationToken cancel)
    {
        await using var reader = await ArtifactReader.OpenAsync(vault, _tools, artifact, raw: true, passed, cancel, unlocked, new RowMeter(hashing: false));
        try
        {
            if (artifact.Role == ArtifactRole.Base) await ReadArchiveAsync(reader, postgres, cancel);
            await reader.CopyToAsync(Stream.Null, cancel);
        }
        catch (BackupException e) when (e.Code == ErrorCode.ToolFailed)
        {
            if (await ArtifactReader.StoredDifferenceAsync(vault, _tools, artifact, null, cancel) is { } stored) return stored;
            if (ArtifactReader.LacksKey(e)) throw; // it says nothing about the backup
            return $"{artifact.Key} cannot be read: {e.Message}";
        }

        return reader.Difference();
    }

    // A listing accepts an archive cut to a tenth; only reading it to its end shows that it is whole.
    private async Task ReadArchiveAsync(Stream archive, PostgresInstallation postgres, CancellationToken cancel)
    {
        await using var restore = ToolProcess.Start(new ToolCommand
        {
            Path = postgres.Tool("pg_restore"),
            Arguments = ["--file=/dev/null"],
            Environment = machine.ForTool(),
        });
        var buffer = new byte[256 * 1024];
        int count;
        while ((count = await archive.ReadAsync(buffer, cancel)) > 0 && await AcceptsAsync(restore, buffer.AsMemory(0, count), cancel))
        {
        }

        if (count == 0) await AcceptsAsync(restore, null, cancel);
        var code = await restore.Exited.WaitAsync(cancel);
        if (code != 0) throw restore.Failure(code);
    }

    /// <summary>Null = the end. False when it gave up before: its exit code and message say why.</summary>
    private static async Task<bool> AcceptsAsync(ToolProcess program, ReadOnlyMemory<byte>? bytes, CancellationToken cancel)
    {
        try
        {
            if (bytes is { } some) await program.Input.WriteAsync(some, cancel);
            else await program.Input.DisposeAsync();
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    private static Finding Difference(string key, string sentence) =>
        FindingCode.BackupDamaged.On(key, sentence, "Use another backup, or fetch this object from a copy of the vault.");
}
