using Backup.Core.Model;
using Backup.Core.Policies;

namespace Backup.Core.Operations.Reporting;

/// <summary>What became of one scheduled time. Its window lasts until the next one.</summary>
internal enum Slot
{
    Made,
    Late,
    Refuted,
    Missing,

    /// <summary>The window has not ended, and no good backup is there yet.</summary>
    Open,
}

/// <summary>Which scheduled times of a month brought a good backup.</summary>
internal static class ScheduleCount
{
    /// <summary>Every scheduled time of the month since the database has been known, oldest first; nothing for a database on demand.</summary>
    public static IReadOnlyList<(DateTimeOffset Time, DateTimeOffset Next, Slot Slot)> Slots(DatabaseFacts facts, ReportMonth month, DateTimeOffset now)
    {
        if (facts.Database.Schedule is not { } text || facts.Began is not { } began) return [];
        var schedule = Schedule.Parse(text);
        var backups = facts.Backups.Where(b => !b.Id.IsIncrement && (b.Tier is not { } tier || RetentionPolicy.IsScheduled(tier))).OrderBy(b => b.Id.Time).ToList();
        var slots = new List<(DateTimeOffset, DateTimeOffset, Slot)>();
        // A first run that names its start, some seconds late, is the one of that minute.
        var first = began.AddTicks(-(began.UtcTicks % TimeSpan.TicksPerMinute));
        var (at, i) = (schedule.Next((first > month.From ? first : month.From).AddTicks(-1)), 0);
        while (at < month.Until && at <= now)
        {
            var next = schedule.Next(at);
            while (i < backups.Count && backups[i].Id.Time < at) i++;
            var window = new List<KnownBackup>();
            for (var j = i; j < backups.Count && backups[j].Id.Time < next; j++)
            {
                // What only the trail knows has no tier: it is a scheduled one when its id names the minute.
                if (backups[j].Tier is not null || backups[j].Id.Time - at < TimeSpan.FromMinutes(1)) window.Add(backups[j]);
            }

            slots.Add((at, next, Judge(window, next, now)));
            at = next;
        }

        return slots;
    }

    public static ScheduleMonth Sum(IReadOnlyList<(DateTimeOffset, DateTimeOffset, Slot Slot)> slots)
    {
        int Count(Slot slot) => slots.Count(s => s.Slot == slot);
        var due = slots.Count - Count(Slot.Open);
        return new ScheduleMonth(due, Count(Slot.Made), Count(Slot.Late), Count(Slot.Refuted), Count(Slot.Missing), Count(Slot.Open), Percent(Count(Slot.Made), due));
    }

    /// <summary>Two decimals, and never rounded up to a hundred: one that is missing must show.</summary>
    public static double? Percent(int made, int due) => due == 0 ? null : Math.Floor(made * 10_000.0 / due) / 100;

    private static Slot Judge(List<KnownBackup> window, DateTimeOffset next, DateTimeOffset now)
    {
        var good = window.Where(b => b.IsGood).ToList();
        if (good.Exists(b => b.FinishedAt < next)) return Slot.Made;
        if (next > now) return Slot.Open;
        return good.Count > 0 ? Slot.Late : window.Count > 0 ? Slot.Refuted : Slot.Missing;
    }
}
