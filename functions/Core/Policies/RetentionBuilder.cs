using Backup.Core.Model;

namespace Backup.Core.Policies;

/// <summary>Reads how long tiers are kept and when they move to colder classes, and holds both against S3's rules.</summary>
internal static class RetentionBuilder
{
    private const int MostMinimumKept = 1000;

    // What has expired can be undone, and is billed, for this long.
    private const int UndoDays = 14;

    // Below this a move costs more than the colder class saves.
    private const int ShortestKeptToMove = 60;

    private const int EarliestIa = 30;

    /// <summary>The classes from warm to cold, with the days that S3 bills at least.</summary>
    private static readonly (string Key, int BilledDays)[] _classes = [("ia", 30), ("instant", 90), ("glacier", 90), ("deepArchive", 180)];

    public static RetentionPolicy Retention(PolicyMap map)
    {
        var keep = new Dictionary<Tier, CalendarSpan>();
        foreach (var tier in Enum.GetValues<Tier>())
            if (map.Try(Words.Of(tier), Forms.Span, out var span)) keep[tier] = span;
        var minimum = map.Or("minimumKept", Forms.Whole(1, MostMinimumKept), 3);
        if (!Enum.GetValues<Tier>().Any(tier => map.Has(Words.Of(tier))))
            map.Problems.Add("policy.badValue", map.Path, map.Line, "names no tier, so no backup would have a place",
                "write how long each tier is kept, for example daily: 30d, or remove retention to keep everything");
        map.Finish();
        return new RetentionPolicy(keep, minimum);
    }

    /// <param name="map">The value of <c>storage</c>.</param>
    /// <param name="retention">Null: everything is kept for ever.</param>
    public static Dictionary<Tier, StorageClasses> Storage(PolicyMap map, RetentionPolicy? retention)
    {
        var storage = new Dictionary<Tier, StorageClasses>();
        foreach (var tier in Enum.GetValues<Tier>())
        {
            if (map.Map(Words.Of(tier)) is not { } classes) continue;
            storage[tier] = new StorageClasses(
                classes.Optional("ia", Forms.Days),
                classes.Optional("instant", Forms.Days),
                classes.Optional("glacier", Forms.Days),
                classes.Optional("deepArchive", Forms.Days));
            classes.Finish();
            CalendarSpan? kept = null;
            if (retention is { Keep.Count: > 0 } && !retention.Keep.TryGetValue(tier, out kept))
                map.Contradiction(Words.Of(tier), "is a tier that retention does not keep", $"add {Words.Of(tier)} to retention, or remove it here");
            Judge(classes, storage[tier], kept);
        }

        map.Finish();
        return storage;
    }

    private static void Judge(PolicyMap map, StorageClasses classes, CalendarSpan? kept)
    {
        int?[] ages = [classes.Ia, classes.Instant, classes.Glacier, classes.DeepArchive];
        var moves = _classes.Zip(ages, (c, age) => (c.Key, c.BilledDays, Age: age)).Where(m => m.Age is not null)
            .Select(m => (m.Key, m.BilledDays, Age: m.Age!.Value)).ToList();
        if (moves.Count == 0) return;
        if (kept is not null && kept.ShortestDays < ShortestKeptToMove)
        {
            // One sentence instead of one per class: the tier as a whole must not move.
            map.Contradiction(moves[0].Key, $"the tier is kept {kept}; a tier kept less than {ShortestKeptToMove} days must not move",
                "remove the tier from storage, or keep it longer");
            return;
        }

        for (var i = 0; i < moves.Count; i++)
        {
            var (key, billed, age) = moves[i];
            if (key == "ia" && age < EarliestIa) map.BadValue(key, $"{age}d is too early; S3 moves to ia from day {EarliestIa}", $"write at least {EarliestIa}d");
            if (i > 0) Step(map, moves[i - 1], (key, age));
            if (kept is not null && billed > kept.ShortestDays + UndoDays - age)
                map.Contradiction(key, $"{age}d leaves fewer than the {billed} days that S3 bills, for a tier that is kept {kept}",
                    kept.ShortestDays + UndoDays - billed >= 1 ? $"write at most {kept.ShortestDays + UndoDays - billed}d, or remove {key}" : $"remove {key}");
        }
    }

    private static void Step(PolicyMap map, (string Key, int BilledDays, int Age) warm, (string Key, int Age) cold)
    {
        if (cold.Age <= warm.Age)
            map.Contradiction(cold.Key, $"{cold.Age}d does not come after {warm.Key} at {warm.Age}d", "write ages that rise from ia over instant and glacier to deepArchive");
        else if (cold.Age - warm.Age < warm.BilledDays)
            map.Contradiction(cold.Key, $"{cold.Age}d leaves {cold.Age - warm.Age} days in {warm.Key}, for which S3 bills {warm.BilledDays}",
                $"write at least {warm.Age + warm.BilledDays}d, or remove {warm.Key}");
    }
}
