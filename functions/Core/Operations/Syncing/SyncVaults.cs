using Backup.Core.Catalog;
using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Storage;

namespace Backup.Core.Operations.Syncing;

/// <summary>
/// Copies what one vault has and another lacks, backup by backup, in the order of a run: artifacts, their mark, manifest, lock, results. The SHA-256 of every artifact is
/// compared with the manifest's before an object of the copy becomes visible: by the store, where it copies by itself and says the sum, otherwise here, where the bytes
/// pass through. An artifact that is there with the right size is therefore a checked one of an earlier sync, and is not sent again. One bad backup does not stop the others.
/// </summary>
public sealed class SyncVaults(MachineEnvironment machine, TimeProvider clock, IProgress<Progress>? progress = null)
{
    private readonly Toolbox _tools = new(machine);
    private int _objects;
    private long _bytes;

    /// <summary>False after the store has once not copied by itself: asking again for each object would cost three requests in vain.</summary>
    private volatile bool _byStore = true;

    /// <exception cref="BackupException">When a vault cannot be listed at all; what fails of single backups is in the report.</exception>
    public async Task<SyncReport> ExecuteAsync(SyncRequest request, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(request);
        var source = await new BackupCatalog(request.From).ListAsync(request.Environment, request.Database, cancel);
        var target = await TargetAsync(request, cancel);
        var there = target.Entries.ToDictionary(e => e.Prefix, StringComparer.Ordinal);
        var expired = target.Remains.Where(r => r.ExpiredAt is not null).Select(r => r.Prefix).ToHashSet(StringComparer.Ordinal);
        var chosen = source.Where(request.Includes).ToList();
        var copied = new List<CatalogEntry>();
        var failed = new List<SyncFailure>();
        // The youngest first, since it is what a disaster would need; increments after what they build on.
        foreach (var entry in chosen.Where(e => !expired.Contains(e.Prefix)).OrderBy(e => e.Tier == Tier.Incremental).ThenByDescending(e => e.Id.Time))
        {
            try
            {
                if (await CopyAsync(request, entry, there.GetValueOrDefault(entry.Prefix), cancel)) copied.Add(entry);
            }
            catch (BackupException e)
            {
                failed.Add(new SyncFailure(entry.Id.ToString(), e.Code.Name, e.Message, e.NextStep));
                Step($"not copied: {entry.Id}: {e.Message}");
            }
        }

        foreach (var trail in copied.GroupBy(c => (Environment: c.Environment, c.Id.Database)))
            await Trail.RecordAsync(machine, clock, progress, request.To, trail.Key.Environment, trail.Key.Database, "sync", [.. trail.Select(c => c.Id.ToString())], "copied", $"from {request.From.Name}");
        return new SyncReport
        {
            From = request.From.Name,
            To = request.To.Name,
            Copied = [.. copied.Select(c => c.Id.ToString())],
            Present = chosen.Count(e => there.ContainsKey(e.Prefix)),
            Expired = chosen.Count(e => expired.Contains(e.Prefix)),
            Objects = _objects,
            Bytes = _bytes,
            Failed = failed,
            Databases = [.. chosen.GroupBy(e => (e.Environment, e.Id.Database)).Select(g => new SyncedDatabase(g.Key.Environment, g.Key.Database, failed.Count(f => g.Any(e => e.Id.ToString() == f.Id))))],
        };
    }

    /// <summary>A folder that does not exist yet is an empty vault.</summary>
    private static async Task<CatalogSurvey> TargetAsync(SyncRequest request, CancellationToken cancel)
    {
        try
        {
            return await new BackupCatalog(request.To).SurveyAsync(request.Environment, request.Database, cancel);
        }
        catch (BackupException e) when (e.Code == ErrorCode.VaultMissing && request.To is not S3Vault)
        {
            return new CatalogSurvey([], []);
        }
    }

    /// <returns>False when the backup was there already; its later results are brought then.</returns>
    private async Task<bool> CopyAsync(SyncRequest request, CatalogEntry entry, CatalogEntry? there, CancellationToken cancel)
    {
        var manifest = entry.Manifest ?? throw ArtifactReader.Damaged(entry.Problem!);
        if (there is { Manifest: null }) throw ArtifactReader.Damaged($"the copy in {request.To.Name} is damaged: {there.Problem}");
        if (there is null)
        {
            var objects = await Stored.ListAsync(request.From, entry, cancel);
            if (Stored.Differences(manifest, objects) is { Count: > 0 } differences) throw ArtifactReader.Damaged(string.Join("; ", differences.Take(3)));
            await Stored.RefuseColdAsync(request.From, entry, manifest, objects, cancel);
            Step($"copying {entry.Id}, {Bytes.Text(manifest.Totals.StoredBytes)}");
            await CopyArtifactsAsync(request, entry, manifest, cancel);
            await CommitAsync(request, entry, manifest, cancel);
        }

        // A sync that was killed after its commit left the copy without its full lock, and nobody else repairs locks there.
        if (there is { IsLocked: false } && Promise(request, manifest) is not null) await ObjectLock.ApplyAsync(request.To, entry.Prefix, manifest, clock, cancel);
        await CopyResultsAsync(request, entry, there, cancel);
        return there is null;
    }

    private async Task CopyArtifactsAsync(SyncRequest request, CatalogEntry entry, Manifest manifest, CancellationToken cancel)
    {
        var sizes = await SizesAsync(request.To, entry, cancel);
        var counter = new ProgressCounter(progress, manifest.Totals.StoredBytes);
        await Parallel.ForEachAsync(manifest.Artifacts.Where(a => !sizes.ContainsKey(a.Key)),
            new ParallelOptions { MaxDegreeOfParallelism = request.Together, CancellationToken = cancel },
            async (artifact, token) =>
            {
                if (await CopyByStoreAsync(request, artifact, token))
                {
                    counter.Add((int)artifact.StoredBytes, (int)artifact.StoredBytes); // at most a GiB
                    return;
                }

                await using var reader = await ArtifactReader.OpenAsync(request.From, _tools, artifact, raw: false, n => counter.Add(n, n), token);
                await using var content = new CheckedStream(reader);
                await PutAsync(request.To, artifact.Key, content, ObjectState.Pending, null, token);
            });
        // Another sync, or somebody else, may have been here in the meantime: what is named must be there, now.
        if (Stored.Differences(manifest, await Stored.ListAsync(request.To, entry, cancel)) is { Count: > 0 } differences)
            throw new BackupException(ErrorCode.VaultConflict, $"the copy of {entry.Id} in {request.To.Name} is not whole: {string.Join("; ", differences.Take(3))}",
                "Find out who else writes there; remove an object of the wrong size by hand, then run it again.");
    }

    private async Task<bool> CopyByStoreAsync(SyncRequest request, Artifact artifact, CancellationToken cancel)
    {
        if (!_byStore || request.To is not ICopyVault to || !to.MayCopy(request.From, artifact.StoredBytes)) return false;
        if (!await to.TryCopyAsync(request.From, artifact.Key, artifact.Sha256, artifact.StoredBytes, ObjectState.Pending, cancel)) return _byStore = false;
        Interlocked.Add(ref _bytes, artifact.StoredBytes);
        Interlocked.Increment(ref _objects);
        return true;
    }

    /// <summary>The manifest byte by byte as it is in the source, with its lock when the other vault keeps locks.</summary>
    private async Task CommitAsync(SyncRequest request, CatalogEntry entry, Manifest manifest, CancellationToken cancel)
    {
        var key = entry.Prefix + VaultKeys.ManifestName;
        var bytes = await new BackupCatalog(request.From).ReadObjectAsync(key, cancel);
        ManifestJson.Read(bytes, key);
        var promise = Promise(request, manifest);
        await request.To.MarkAsync([.. manifest.Artifacts.Select(a => a.Key)], ObjectState.Committed, cancel);
        using var content = new MemoryStream(bytes, writable: false);
        await PutAsync(request.To, key, content, ObjectState.Committed, promise is null ? null : new RetainUntil(promise.Mode, promise.Until), cancel);
        if (promise is not null) await ObjectLock.ApplyAsync(request.To, entry.Prefix, manifest, clock, cancel);
    }

    private LockPromise? Promise(SyncRequest request, Manifest manifest) =>
        request is { Lock: true, To: IStateVault } && manifest.Lock is { Mode: not LockMode.None } l && l.Until > clock.GetUtcNow() ? l : null;

    /// <summary>They come after the manifest, may come later, and are taken as they are: nothing states their hash.</summary>
    private async Task CopyResultsAsync(SyncRequest request, CatalogEntry entry, CatalogEntry? there, CancellationToken cancel)
    {
        foreach (var result in entry.Results.Except(there?.Results ?? []))
        {
            await using var content = await request.From.OpenAsync(result.Key(entry.Prefix), 0, cancel);
            await PutAsync(request.To, result.Key(entry.Prefix), content, ObjectState.Committed, null, cancel);
        }
    }

    private async Task PutAsync(IVault to, string key, Stream content, ObjectState state, RetainUntil? retain, CancellationToken cancel)
    {
        try
        {
            Interlocked.Add(ref _bytes, await to.PutAsync(key, content, state, retain, cancel));
            Interlocked.Increment(ref _objects);
        }
        catch (BackupException e) when (e.Code == ErrorCode.VaultConflict && !e.IsTransient)
        {
            // Another sync was faster with the same object.
        }
    }

    private static async Task<Dictionary<string, long>> SizesAsync(IVault vault, CatalogEntry entry, CancellationToken cancel)
    {
        try
        {
            return (await Stored.ListAsync(vault, entry, cancel)).ToDictionary(o => o.Key, o => o.Size, StringComparer.Ordinal);
        }
        catch (BackupException e) when (e.Code == ErrorCode.VaultMissing && vault is not S3Vault)
        {
            return [];
        }
    }

    private void Step(string what) => progress?.Report(new Progress(what) { IsStep = true });
}
