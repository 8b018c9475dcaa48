using Backup.Core.Model;

namespace Backup.Core.Operations.Watching;

/// <summary>Is there a complete backup, is it young enough, did every scheduled time bring one?</summary>
internal static class FreshnessJudge
{
    private static readonly TimeSpan _lookBack = TimeSpan.FromDays(7);

    /// <summary>A schedule of every minute must not make a list of ten thousand.</summary>
    private const int MostTimes = 200;

    public static IEnumerable<Finding> Judge(DatabaseHistory h)
    {
        var name = h.Database.Name;
        if (h.Backups.Where(b => b.Entry.Problem is not null).Select(b => b.Entry).ToList() is { Count: > 0 } unreadable)
            yield return h.On(FindingCode.BackupUnreadable, $"{Say.Some(unreadable.Select(e => e.Id))}: {unreadable[^1].Problem}",
                $"Fetch the manifest from a copy of the vault; `backup list --database {name}` shows what is readable.");
        if (h.Backups.Where(b => b is { IsWhole: false, Manifest: not null }).ToList() is { Count: > 0 } partial)
            yield return h.On(FindingCode.BackupIncomplete, $"objects of {Say.Some(partial.Select(b => b.Id))} are missing or have another size",
                $"Run `backup verify {partial[^1].Id} --level checksum`; fetch what is missing from a copy of the vault.");
        if (h.Future.Count > 0)
            yield return h.On(FindingCode.BackupFuture, $"{Say.Some(h.Future.Select(b => b.Id))} is dated after now ({UtcText.Minutes(h.Now)}) and counts for nothing",
                "Compare the clocks of the runner, the database server and this machine (timedatectl).");

        if (h.Newest is null)
        {
            yield return h.On(FindingCode.BackupNone, $"there is no complete backup of {name}",
                $"Run `backup run --database {name}` now; if it fails, `backup doctor --database {name}`.",
                h.Schedule is null ? Severity.Warning : Severity.Critical);
            yield break;
        }

        if (h.MaxAge is { } most && h.Age is { } age && age > most)
            yield return h.On(FindingCode.BackupOld, $"the newest complete backup, {h.Newest.Id}, is {Say.Age(age)} old; at most {Say.Age(most)} is allowed",
                $"Find out why runs have stopped or fail, then `backup run --database {name}`.");
        if (Missed(h) is { Count: > 0 } missed)
        {
            // A time that passed, and was followed by a good backup, is history: worth knowing, nobody's task.
            var isOpen = h.Newest.Manifest!.Snapshot.Time < missed[^1].Time;
            yield return h.On(FindingCode.BackupMissed, $"no backup for {Times(missed.Count)}: {Say.Some(missed)}" + (isOpen ? "" : "; later ones were made"),
                isOpen ? $"Look at the scheduler and the log of the runner, then `backup run --database {name}`." : "Look at the runner's log of that time, if it was not planned.",
                isOpen ? null : Severity.Info);
        }
    }

    /// <summary>The ids that scheduled times of the last week should have brought, oldest first. What was before the first backup is not asked for.</summary>
    public static IReadOnlyList<BackupId> Missed(DatabaseHistory h)
    {
        if (h.Schedule is not { } schedule || h.Backups.Count == 0) return [];
        var first = h.Backups[0].Id.Time;
        var earliest = h.Now - (schedule.LargestGap * 2 > _lookBack ? schedule.LargestGap * 2 : _lookBack);
        if (first > earliest) earliest = first;
        var made = h.Backups.Where(b => b.Entry.Tier is Tier.Daily or Tier.Weekly or Tier.Monthly or Tier.Annual && (b.IsComplete || b.Manifest is null && b.Entry.Problem is null))
            .Select(b => b.Id.Time).ToList();
        var missed = new List<BackupId>();
        var next = h.Now + schedule.LargestGap;
        var latest = h.Now - h.Grace;
        for (var (time, n) = (schedule.Previous(h.Now), 0); time >= earliest && n < MostTimes; (next, time, n) = (time, schedule.Previous(time), n + 1))
        {
            // A run may take its start as its id, some seconds late, so anything until the next time counts.
            if (time <= latest && !made.Exists(m => m >= time && m < next)) missed.Add(BackupId.Create(h.Database.Name, time));
        }

        missed.Reverse();
        return missed;
    }

    private static string Times(int count) => count == 1 ? "the scheduled time" : $"{count} scheduled times";
}
