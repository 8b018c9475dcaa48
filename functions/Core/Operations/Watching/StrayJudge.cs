using Backup.Core.Model;
using Backup.Core.Policies;

namespace Backup.Core.Operations.Watching;

/// <summary>What lies in the vault and should not: leftovers, objects of others, backups that nobody ordered, traces of tampering.</summary>
internal static class StrayJudge
{
    private static readonly TimeSpan _orphanAfter = TimeSpan.FromDays(2);

    /// <summary>By then lifecycle has removed what is pending; who is still there stays for ever.</summary>
    private static readonly TimeSpan _orphanForEver = TimeSpan.FromDays(10);

    /// <summary>A manifest is stored within seconds of the end that it states.</summary>
    private static readonly TimeSpan _commitWithin = TimeSpan.FromHours(1);

    public static IEnumerable<Finding> Judge(DatabaseHistory h, WatchFacts facts)
    {
        var name = h.Database.Name;
        var touched = (facts.Touched ?? []).Where(t => t.Database == name).ToList();
        if (touched.Where(t => t.IsHidden).ToList() is { Count: > 0 } hidden)
            yield return h.On(FindingCode.ObjectHidden, $"{hidden.Count} objects of backups are hidden by delete markers since {UtcText.Minutes(hidden.Min(t => t.At))}: {Say.Some(hidden.Select(t => t.Key))}",
                "The data is still there: remove the delete markers as vault-admin, and find out who set them.");
        if (touched.Where(t => !t.IsHidden).ToList() is { Count: > 0 } over)
            yield return h.On(FindingCode.ObjectOverwritten, $"{over.Count} objects of backups have a later version since {UtcText.Minutes(over.Min(t => t.At))}: {Say.Some(over.Select(t => t.Key))}",
                "The oldest version is the true one: remove the later ones as vault-admin, and find out who wrote them.");

        if (facts.Headless.Where(id => id.Database == name).ToList() is { Count: > 0 } headless)
            yield return h.On(FindingCode.BackupHidden, $"{Say.Some(headless)} has lock or results, and no manifest",
                "Find out who removed it; where the bucket keeps versions the first one is still there, else fetch it from a copy of the vault.");

        var orphans = facts.Orphans.Where(o => o.Database == name && h.Now - o.Attempt.Newest > _orphanAfter).ToList();
        if (orphans.Count > 0)
        {
            var oldest = h.Now - orphans.Min(o => o.Attempt.Newest);
            yield return h.On(FindingCode.ObjectOrphaned,
                $"{orphans.Count} attempts without a manifest hold {Bytes.Text(orphans.Sum(o => o.Attempt.Bytes))}, the oldest for {Say.Age(oldest)}: {Say.Some(orphans.Select(o => o.Prefix))}",
                oldest > _orphanForEver ? "Run `backup prune`, and see that the bucket's lifecycle rules are in place." : "Nothing to do: the next run or lifecycle removes them.",
                oldest > _orphanForEver ? Severity.Warning : Severity.Info);
        }

        if (Unexpected(h, facts) is { Count: > 0 } unexpected)
            yield return h.On(FindingCode.BackupUnexpected, string.Join("; ", unexpected.Take(3)) + (unexpected.Count > 3 ? $"; and {unexpected.Count - 3} more" : ""),
                "Ask who made it. If nobody did, treat the writer's credentials as stolen.");
    }

    /// <summary>About the vault, not about one database.</summary>
    public static IEnumerable<Finding> JudgeVault(Policy policy, WatchFacts facts)
    {
        if (facts.UnknownCount > 0)
            yield return FindingCode.ObjectUnknown.On(facts.Vault, $"{facts.UnknownCount} objects are not of this program: {Say.Some(facts.Unknown)}", "Find out who writes there; a vault is for backups alone.");
        var unknown = facts.Backups.Select(b => b.Id.Database).Distinct().Where(d => !policy.Databases.Any(p => p.Name == d)).Order(StringComparer.Ordinal).ToList();
        if (unknown.Count > 0)
            yield return FindingCode.DatabaseUnknown.On(facts.Vault, $"backups of databases that the policy does not name: {Say.Some(unknown)}", "Nothing to do, if they were given up; nobody watches them.");
    }

    private static List<string> Unexpected(DatabaseHistory h, WatchFacts facts)
    {
        var found = new List<string>();
        foreach (var backup in h.Backups.Where(b => b.Manifest is not null))
        {
            var manifest = backup.Manifest!;
            var drift = (backup.StoredAt - manifest.FinishedAt).Duration();
            if (facts.VaultHasClock && drift > _commitWithin)
                found.Add($"{backup.Id} says that it ended at {UtcText.Minutes(manifest.FinishedAt)}, and was stored at {UtcText.Minutes(backup.StoredAt)}");
            else if (manifest.Kind == BackupKind.Scheduled && h.Schedule is null)
                found.Add($"{backup.Id} is a scheduled backup, and the database has no schedule");
            else if (manifest.Id != backup.Id.ToString() || manifest.Database != h.Database.Name || manifest.Tier != backup.Entry.Tier)
                found.Add($"the manifest of {backup.Id} calls itself {manifest.Id} of {manifest.Database}, {Words.Of(manifest.Tier)}");
            else if (manifest.Kind == BackupKind.Scheduled && OffSchedule(h.Schedule!, backup.Id.Time, h.Grace))
                found.Add($"{backup.Id} is at no time of the schedule {h.Schedule}");
        }

        return found;
    }

    // A scheduler that starts late and names the start is a nuisance, not a stranger.
    private static bool OffSchedule(Schedule schedule, DateTimeOffset time, TimeSpan grace) => time - schedule.Previous(time.AddTicks(1)) > grace;
}
