using Backup.Core.Model;

namespace Backup.Core.Operations.Watching;

/// <summary>Locks that are missing, have been completed, or end soon.</summary>
internal static class LockJudge
{
    private static readonly TimeSpan _soon = TimeSpan.FromDays(3);

    public static IEnumerable<Finding> Judge(DatabaseHistory h, WatchFacts facts)
    {
        if (facts.Relocked.Where(id => id.Database == h.Database.Name).ToList() is { Count: > 0 } relocked)
            yield return h.On(FindingCode.LockRepaired, $"the lock of {Say.Some(relocked)} was missing and is complete now", "Look at why the run ended between its commit and its locks.");
        foreach (var (id, why) in facts.Unlocked.Where(u => u.Key.Database == h.Database.Name).Take(1))
            yield return h.On(FindingCode.LockMissing, $"{id} lacks its lock, and it could not be completed: {why}", "Grant s3:PutObjectRetention to the role of the watch, or run `backup watch` as the operator.");

        if (h.Policy.Lock == LockMode.None || h.Newest?.Manifest is not { } newest) yield break;
        if (newest.Lock is not { Mode: not LockMode.None } promise)
            yield return h.On(FindingCode.LockMissing, $"the policy asks for {Words.Of(h.Policy.Lock)} locks, and {newest.Id} was made without one",
                "Give its tier a retention in the policy; a lock ends when the retention does.", Severity.Warning);
        else if (promise.Until - h.Now < _soon)
            yield return h.On(FindingCode.LockExpiring, $"the lock of the newest complete backup, {newest.Id}, ends at {UtcText.Minutes(promise.Until)}", $"Make a newer backup: `backup run --database {h.Database.Name}`.");
    }
}
