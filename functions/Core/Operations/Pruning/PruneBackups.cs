using System.Text.Json;
using Backup.Core.Catalog;
using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Retention;
using Backup.Core.Storage;

namespace Backup.Core.Operations.Pruning;

/// <summary>
/// Ends what the plan does not keep: tombstone → artifacts → manifest → tombstone's own mark. A folder deletes; on S3 the marks are tags, and lifecycle deletes what
/// has both the tag and its tier's age. What an interrupted prune has begun, the next one finishes.
/// </summary>
public sealed class PruneBackups(MachineEnvironment machine, TimeProvider clock, IProgress<Progress>? progress = null)
{
    /// <summary>On S3, lifecycle removes pending objects on day 8; what is left of an attempt after this was committed and has to be marked.</summary>
    private static readonly TimeSpan _leftoverAge = TimeSpan.FromDays(10);

    /// <summary>Lifecycle acts once a day and may take another: what is still listed after this tells that no rule removes it.</summary>
    private static readonly TimeSpan _removalTime = TimeSpan.FromDays(3);

    /// <exception cref="BackupException">With the codes of the vault; what is half done is finished by the next prune.</exception>
    public async Task<PruneReport> ExecuteAsync(PruneRequest request, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(request);
        var now = clock.GetUtcNow();
        var survey = await new BackupCatalog(request.Vault).SurveyAsync(request.Environment, request.Database, cancel);
        var candidates = survey.Entries.ToDictionary(ToCandidate, e => e);
        var plan = PrunePlan.Make(candidates.Keys, request.Rules, now);
        var expired = survey.Remains.Where(r => r.ExpiredAt is not null).ToList();
        var leftovers = survey.Remains.Where(r => IsDead(r, survey.Entries, now)).ToList();
        if (!request.DryRun)
        {
            // Before the deed, unlike every other verb: a prune that is killed must not have removed what nobody knows of.
            if (plan.Expired.Any())
                await Trail.RecordAsync(machine, clock, progress, request.Vault, request.Environment, request.Database, "prune", [.. plan.Expired.Select(d => d.Backup.Id.ToString())], "expired");
            foreach (var remains in expired) await RemoveAsync(request.Vault, remains.Prefix, cancel);
            // Increments before the backups that they build on.
            foreach (var decision in plan.Expired.OrderByDescending(d => d.Backup.Tier == Tier.Incremental).ThenBy(d => d.Backup.Id.Time))
                await ExpireAsync(request, candidates[decision.Backup], decision, plan, now, cancel);
            foreach (var leftover in leftovers) await RemoveAsync(request.Vault, leftover.Prefix, cancel);
        }

        return new PruneReport
        {
            Database = request.Database,
            DryRun = request.DryRun,
            Stopped = plan.Stopped,
            Backups = [.. plan.Decisions.Select(d => new PrunedBackup(d.Backup.Id.ToString(), d.Backup.Tier, Math.Round(d.Age.TotalDays, 1), d.Keep, d.Reason))],
            Finished = [.. expired.Where(r => r.HasObjects).Select(r => r.Id.ToString())],
            Leftovers = [.. leftovers.Select(l => l.Prefix)],
            Findings = [.. survey.Remains.Select(r => Notice(r, now)).OfType<Finding>()],
        };
    }

    private static PruneCandidate ToCandidate(CatalogEntry entry) => new()
    {
        Id = entry.Id,
        Tier = entry.Tier,
        SnapshotTime = entry.Manifest?.Snapshot.Time,
        Problem = entry.Problem,
        LockedUntil = entry.Manifest?.Lock is { Mode: not LockMode.None } l ? l.Until : null,
        BaseId = entry.Manifest?.Increment?.Base,
        Results = entry.Results,
    };

    /// <summary>
    /// An attempt that cannot become a backup any more: a younger run has committed since, and one run at a time works on a database. What once was a backup is
    /// never taken for one.
    /// </summary>
    private static bool IsDead(BackupFolder remains, IReadOnlyList<CatalogEntry> entries, DateTimeOffset now) =>
        remains is { ExpiredAt: null, WasCommitted: false } && now - remains.Youngest > _leftoverAge
        && entries.Any(e => e.Manifest?.StartedAt > remains.Youngest);

    private static Finding? Notice(BackupFolder remains, DateTimeOffset now) => remains switch
    {
        { ExpiredAt: null, WasCommitted: true } => FindingCode.BackupHidden.On(remains.Id.ToString(),
            $"{remains.Prefix} holds the lock or the results of a backup, and no manifest",
            "Find out who removed the manifest; where the bucket keeps versions, the first one of it is still there."),
        { ExpiredAt: { } at, HasObjects: true } when now - at > _removalTime => FindingCode.PruneNotRemoved.On(remains.Id.ToString(),
            $"{remains.Id} expired on {at.UtcDateTime:yyyy-MM-dd} and is still stored",
            "Check that the bucket has the lifecycle rules for the tag backup=expired, and that no lock or legal hold is in the way."),
        _ => null,
    };

    private async Task ExpireAsync(
        PruneRequest request, CatalogEntry entry, PruneDecision decision, PrunePlan plan, DateTimeOffset now, CancellationToken cancel)
    {
        var objects = await Stored.ListAsync(request.Vault, entry, cancel);
        var retention = request.Rules.Retention;
        var tombstone = new Tombstone
        {
            Id = entry.Id.ToString(),
            Tier = entry.Tier,
            At = now,
            Operator = machine.Operator,
            Reason = decision.Reason,
            Plan = new TombstonePlan(retention.Keep.ToDictionary(k => Words.Of(k.Key), k => k.Value.ToString()), retention.MinimumKept,
                plan.Decisions.Count(d => d.Keep), plan.Expired.Count()),
            Keys = [.. objects.Select(o => o.Key).OrderBy(k => k.EndsWith("/" + VaultKeys.ManifestName, StringComparison.Ordinal))],
        };
        try
        {
            using var content = new MemoryStream(JsonSerializer.SerializeToUtf8Bytes(tombstone, ManifestJson.Context.Tombstone), writable: false);
            await request.Vault.PutAsync(entry.Prefix + VaultKeys.TombstoneName, content, ObjectState.Expired, retain: null, cancel);
        }
        catch (BackupException e) when (e.Code == ErrorCode.VaultConflict)
        {
            // Another prune has come to the same at the same time; both finish it.
        }

        await RemoveAsync(request.Vault, entry.Prefix, cancel);
        progress?.Report(new Progress($"expired {entry.Id}: {decision.Reason}") { IsStep = true });
    }

    /// <summary>Repeatable. The manifest goes after everything that it names, the tombstone after the manifest.</summary>
    private static async Task RemoveAsync(IVault vault, string prefix, CancellationToken cancel)
    {
        var keys = new List<string>();
        await foreach (var item in vault.ListAsync(prefix, cancel)) keys.Add(item.Key);
        string[] last = [prefix + VaultKeys.ManifestName, prefix + VaultKeys.TombstoneName];
        await vault.MarkAsync([.. keys.Except(last)], ObjectState.Expired, cancel);
        foreach (var key in last)
            if (keys.Contains(key)) await vault.MarkAsync([key], ObjectState.Expired, cancel);
    }
}
