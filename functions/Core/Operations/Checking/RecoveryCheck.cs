using Backup.Core.Model;
using Backup.Core.Operations.Watching;
using Backup.Core.Policies;

namespace Backup.Core.Operations.Checking;

/// <summary>The recovery point that schedules can reach, and the recovery time that drills have measured, beside what is promised.</summary>
internal static class RecoveryCheck
{
    /// <summary>Until a class can be read at all: added to any restore from it.</summary>
    private static readonly TimeSpan _glacier = TimeSpan.FromHours(5);
    private static readonly TimeSpan _deepArchive = TimeSpan.FromHours(12);

    public static IEnumerable<Finding> Judge(Policy policy, DatabasePolicy database, CheckHistory history, string path)
    {
        var schedule = database.Schedule is { } text ? Schedule.Parse(text) : null;
        if (policy.Watch.MaxAge is { } maxAge && schedule is not null && maxAge < schedule.LargestGap)
            yield return FindingCode.CheckMaxAge.On("watch.maxAge", $"{Say.Age(maxAge)} is less than the {Say.Age(schedule.LargestGap)} between two backups of {database.Name}: it alarms before one is due",
                $"Write at least {Hours(schedule.LargestGap + TimeSpan.FromHours(2))}, or remove maxAge: then it follows each schedule.");
        if (policy.Objectives is not { } promised) yield break;
        if (Rpo(database, schedule, history, promised.Rpo, path) is { } rpo) yield return rpo;
        if (Rto(policy, database, history, promised.Rto, path) is { } rto) yield return rto;
    }

    /// <summary>What a failure just before the next backup ends would lose: the gap and the time that the run takes.</summary>
    private static Finding? Rpo(DatabasePolicy database, Schedule? schedule, CheckHistory history, TimeSpan promised, string path)
    {
        if (schedule is null)
            return database.CriticalTables.Count == 0
                ? FindingCode.CheckRpo.On($"{path}.schedule", $"{database.Name} has no schedule, so no recovery point can be promised; objectives.rpo is {Say.Age(promised)}", "Add a schedule, or move it to an environment without objectives.")
                : null;
        var runTime = history.RunTime ?? TimeSpan.Zero;
        var whole = schedule.LargestGap + runTime;
        var tables = database.CriticalTables.Select(t => (t.Table, Reach: t.Every < whole ? t.Every : whole)).ToList();
        var late = tables.Where(t => t.Reach > promised).ToList();
        var isWholeLate = whole > promised;
        if (late.Count == 0 && !isWholeLate) return null;
        var parts = new List<string>();
        foreach (var group in tables.GroupBy(t => t.Reach).OrderBy(g => g.Key))
            parts.Add($"{Say.Age(group.Key)} on {PolicyReading.Count(group.Count(), "table")} ({Say.Some(group.Select(t => t.Table))})");
        parts.Add($"{Say.Age(whole)} {(tables.Count > 0 ? "elsewhere" : "everywhere")}" + (runTime >= TimeSpan.FromMinutes(1) ? $" (with runs of {Say.Age(runTime)})" : ""));
        return FindingCode.CheckRpo.On("objectives.rpo", $"{Say.Age(promised)} is promised for {database.Name}; reachable is {string.Join(" and ", parts)}",
            isWholeLate && schedule.LargestGap <= promised
                ? $"Write at least {Hours(whole)}, or schedule it more often."
                : "Schedule it more often, keep the provider's point-in-time recovery on for the rest, or promise what is reachable.");
    }

    private static Finding? Rto(Policy policy, DatabasePolicy database, CheckHistory history, TimeSpan promised, string path)
    {
        if (history.Drills.Count > 0 && history.Drills.Max() is var slowest && slowest > promised)
            return FindingCode.CheckRto.On("objectives.rto", $"{Say.Age(promised)} is promised; of the last {history.Drills.Count} drills of {database.Name} the slowest took {Say.Age(slowest)}",
                $"Raise {path}.jobs, drill on a larger machine, or promise more time.");
        // Only what a disaster is restored from counts: history is asked for with days of notice.
        foreach (var tier in (Tier[])[Tier.Daily, Tier.Weekly])
        {
            if (!policy.Storage.TryGetValue(tier, out var classes)) continue;
            var thaw = classes.Glacier is not null ? _glacier : classes.DeepArchive is not null ? _deepArchive : TimeSpan.Zero;
            if (thaw > promised)
                return FindingCode.CheckRto.On($"storage.{Words.Of(tier)}", $"a restore from it begins after up to {Say.Age(thaw)}; objectives.rto is {Say.Age(promised)}", "Use instant, which is read at once.");
        }

        return null;
    }

    private static string Hours(TimeSpan span) => $"{Math.Ceiling(span.TotalHours):0}h";
}
