using Backup.Core.Policies;

namespace Backup.Infra.Compile;

/// <summary>One EventBridge schedule: when, which function, with which event.</summary>
public sealed record ScheduleSpec(string Name, string Expression, string Function, string Input);

/// <summary>Everything that happens by the clock.</summary>
public static class ScheduleCompiler
{
    /// <summary>A run of 15 minutes and its hand-over are over by then, and the evening's verify does not read what is being written.</summary>
    private const int VerifyAfterHours = 3;

    public const int RotationHours = 4;
    private const int LastStart = 24 - RotationHours;

    public static IReadOnlyList<ScheduleSpec> Schedules(Names names, Policy policy)
    {
        ArgumentNullException.ThrowIfNull(names);
        ArgumentNullException.ThrowIfNull(policy);
        return
        [
            .. policy.Databases.SelectMany(d => OfDatabase(names, policy, d)),
            // Ten past: what ran on the hour has published, and a new day's first watch prunes after midnight.
            new("watch", "cron(10 * * * ? *)", names.Function("watch", null), JsonText.Of(FunctionContract.WatchEvent())),
        ];
    }

    /// <summary>
    /// When passwords change: on the first Sunday of every so many months, in hours in which this database is not dumped. Secrets Manager knows whole hours
    /// of one UTC day.
    /// </summary>
    public static string Rotation(DatabasePolicy database, int months)
    {
        ArgumentNullException.ThrowIfNull(database);
        return $"cron(0 {RotationHour(database)} ? 1/{months} SUN#1 *)";
    }

    /// <summary>At which the rotation window begins.</summary>
    public static int RotationHour(DatabasePolicy database)
    {
        ArgumentNullException.ThrowIfNull(database);
        const int midday = 12;
        if (database.Schedule is null) return midday;
        var busy = Schedule.Parse(database.Schedule).Hours.ToHashSet();
        // The hour before is kept free as well: a run may still be going. Midday is far from most runs, so it is tried first.
        int[] order = [.. Enumerable.Range(midday, LastStart - midday + 1), .. Enumerable.Range(0, midday)];
        var free = order.Where(h => Enumerable.Range(h - 1, RotationHours + 1).All(b => !busy.Contains((b + 24) % 24))).ToList();
        return free.Count > 0 ? free[0] : midday;
    }

    private static IEnumerable<ScheduleSpec> OfDatabase(Names names, Policy policy, DatabasePolicy database)
    {
        var name = Names.Database(database.Name);
        if (database.Schedule is { } text)
        {
            var schedule = Schedule.Parse(text);
            foreach (var dump in At($"dump-{name}", schedule, names.Function("dump", database.Name), FunctionContract.DumpEvent(database))) yield return dump;
            yield return new($"verify-{name}", $"cron({schedule.Minutes[0]} {(schedule.Hours[^1] + VerifyAfterHours) % 24} * * ? *)",
                names.Function("verify", database.Name), JsonText.Of(FunctionContract.VerifyEvent(database, "archive")));
        }

        if (database.CriticalTables.Count > 0)
        {
            yield return new($"incremental-{name}", CronCompiler.Rate(database.CriticalTables.Min(t => t.Every)),
                names.Function("incremental", database.Name), JsonText.Of(FunctionContract.IncrementalEvent(database)));
        }

        if (policy.Drill is not { } drill) yield break;
        foreach (var run in At($"drill-{name}", Schedule.Parse(drill.Schedule), names.Function("verify", database.Name), FunctionContract.VerifyEvent(database, "restore")))
            yield return run;
    }

    private static IEnumerable<ScheduleSpec> At(string name, Schedule schedule, string function, object input)
    {
        // A schedule that Scheduler cannot express was refused with the settings.
        foreach (var cron in CronCompiler.Compile(schedule) ?? [])
            yield return new(cron.Suffix.Length == 0 ? name : $"{name}-{cron.Suffix}", cron.Text, function, JsonText.Of(input));
    }
}
