using Backup.Core.Model;
using Backup.Core.Policies;

namespace Backup.Core.Retention;

/// <summary>
/// Which backups of one database expire, and why each one does or does not. Pure. In doubt it keeps: when backups or proof have stopped, when a clock is wrong, when
/// something cannot be read.
/// </summary>
public sealed record PrunePlan
{
    /// <summary>How far two clocks may be apart before one of them counts as wrong.</summary>
    private static readonly TimeSpan _skew = TimeSpan.FromHours(1);

    /// <summary>A run takes time: a scheduled backup is missing when the longest gap of its schedule and half of it, six hours at most, have passed.</summary>
    private static readonly TimeSpan _longestGrace = TimeSpan.FromHours(6);

    /// <summary>Scheduled backups that must stand in a row: one alone may be the work of a clock that was set forward.</summary>
    private const int Row = 3;

    /// <summary>One per backup, newest first.</summary>
    public required IReadOnlyList<PruneDecision> Decisions { get; init; }

    /// <summary>Why nothing at all expires, or null.</summary>
    public string? Stopped { get; init; }

    public IEnumerable<PruneDecision> Expired => Decisions.Where(d => !d.Keep);

    /// <param name="backups">All of one database; tombstoned ones are none.</param>
    /// <param name="rules">What the policy says.</param>
    /// <param name="now">The machine's clock, which may be wrong.</param>
    public static PrunePlan Make(IReadOnlyCollection<PruneCandidate> backups, PruneRules rules, DateTimeOffset now)
    {
        var full = backups.Where(b => b.Problem is null && !b.IsIncrement).OrderByDescending(b => b.Id.Time).ToList();
        var good = full.Where(b => !IsFuture(b, now) && !b.Results.HasFailed()).ToList();
        var stopped = WhyStopped(good, rules, now);
        // Age is counted up to the newest good backup: without a newer one nothing grows old, whatever the clock says.
        var until = good.Count == 0 ? DateTimeOffset.MinValue : good.Max(b => b.Earliest) + _skew is var newest && newest < now ? newest : now;
        var protectedOnes = Protected(good, rules.Retention);
        var decided = backups.ToDictionary(b => b, b => WhyKept(b, rules.Retention, now, until) ?? stopped ?? protectedOnes.GetValueOrDefault(b));
        KeepChains(backups, full, decided, rules.Retention);
        return new PrunePlan
        {
            Decisions =
            [
                .. decided.OrderByDescending(d => d.Key.Id.Time).ThenBy(d => d.Key.Tier)
                    .Select(d => new PruneDecision(d.Key, now - d.Key.Id.Time, d.Value is not null, d.Value ?? WhyExpired(d.Key.Tier, rules.Retention))),
            ],
            Stopped = stopped,
        };
    }

    private static string WhyExpired(Tier tier, RetentionPolicy retention) =>
        retention.Keep.TryGetValue(tier, out var span) ? $"older than {span}" : "goes with the backup that it completes";

    /// <summary>What the backup itself says, or null when it is old enough to go.</summary>
    private static string? WhyKept(PruneCandidate b, RetentionPolicy retention, DateTimeOffset now, DateTimeOffset until)
    {
        if (b.Problem is not null) return $"cannot be read: {b.Problem}";
        if (IsFuture(b, now)) return $"dated in the future, {UtcText.Minutes(b.Latest)}: a clock was or is wrong";
        if (!retention.Keep.TryGetValue(b.Tier, out var span))
            return !b.IsIncrement ? $"the policy names no age for {Words.Of(b.Tier)}" : b.LockedUntil > until ? $"locked until {UtcText.Minutes(b.LockedUntil.Value)}" : null;
        var end = span.AddTo(b.Latest);
        if (end > now) return $"younger than {span}";
        if (b.LockedUntil > until) return $"locked until {UtcText.Minutes(b.LockedUntil.Value)}";
        return end > until ? $"younger than {span}, counted up to the newest good backup" : null;
    }

    private static string? WhyStopped(List<PruneCandidate> good, PruneRules rules, DateTimeOffset now)
    {
        if (good.Count == 0) return "nothing expires: there is no good backup";
        if (rules.Schedule is { } schedule && WhyMissing(good, schedule, now) is { } missing) return $"nothing expires: {missing}";
        if (rules.Drill is not { } drill) return null;
        var passed = good.SelectMany(b => b.Results).Where(r => r.Verdict == Verdict.Pass && r.At <= now + _skew).MaxBy(r => r.At);
        if (passed is null) return "nothing expires: no verify or drill has passed yet";
        return now - passed.At > 2 * drill.LargestGap
            ? $"nothing expires: the newest pass is of {UtcText.Minutes(passed.At)}, more than two drill intervals ago"
            : null;
    }

    private static string? WhyMissing(List<PruneCandidate> good, Schedule schedule, DateTimeOffset now)
    {
        var row = good.Where(b => RetentionPolicy.IsScheduled(b.Tier)).OrderByDescending(b => b.Earliest).Take(Row).ToList();
        if (row.Count == 0) return "there is no good scheduled backup";
        var half = schedule.LargestGap / 2;
        var allowed = schedule.LargestGap + (half < _longestGrace ? half : _longestGrace);
        if (now - row[0].Earliest > allowed) return $"newer backups are missing, the newest good scheduled one is of {UtcText.Minutes(row[0].Earliest)}";
        if (row.Count < Row) return $"there are fewer than {Row} good scheduled backups";
        return row.Zip(row.Skip(1)).Any(pair => pair.First.Earliest - pair.Second.Earliest > allowed)
            ? $"backups are missing among the newest {Row} scheduled ones, since {UtcText.Minutes(row[^1].Earliest)}"
            : null;
    }

    private static Dictionary<PruneCandidate, string> Protected(List<PruneCandidate> good, RetentionPolicy retention)
    {
        var floor = Math.Max(1, retention.MinimumKept);
        var kept = good.Take(floor).ToDictionary(b => b, _ => $"one of the newest {floor} good backups");
        foreach (var (kind, what) in new[] { (ProofKind.Verify, "the newest that a verify has passed"), (ProofKind.Drill, "the newest that a drill has restored") })
            if (good.FirstOrDefault(b => b.Results.Conclusion(kind)?.Verdict == Verdict.Pass) is { } proven) kept.TryAdd(proven, what);
        return kept;
    }

    /// <summary>Increments of one base are worth something only together and with it: where one stays, all of them and the base stay.</summary>
    private static void KeepChains(IReadOnlyCollection<PruneCandidate> backups, List<PruneCandidate> fullNewestFirst, Dictionary<PruneCandidate, string?> decided, RetentionPolicy retention)
    {
        foreach (var chain in backups.Where(b => b.IsIncrement && b.Problem is null).GroupBy(b => b.BaseId ?? BaseOf(b, fullNewestFirst)?.Id.ToString()))
        {
            // Increments without an age of their own stay as long as their backup; where it cannot be found or read, in doubt they stay.
            if (!retention.Keep.ContainsKey(Tier.Incremental))
            {
                var basis = BaseOf(chain.First(), fullNewestFirst);
                var why = basis is null ? "the backup that it completes cannot be found or read" : decided[basis] is null ? null : $"{basis.Id}, which it completes, is kept";
                foreach (var increment in chain.Where(i => decided[i] is null)) decided[increment] = why;
            }

            if (chain.Key is null || chain.Where(i => decided[i] is not null).MaxBy(i => i.Id.Time) is not { } kept) continue;
            foreach (var increment in chain.Where(i => decided[i] is null)) decided[increment] = $"in one chain with {kept.Id}, which is kept";
            if (BaseOf(kept, fullNewestFirst) is { } needed && decided[needed] is null) decided[needed] = $"the base of {kept.Id}, which is kept";
        }
    }

    private static PruneCandidate? BaseOf(PruneCandidate increment, List<PruneCandidate> fullNewestFirst) => increment.BaseId is { } id
        ? fullNewestFirst.FirstOrDefault(b => b.Id.ToString() == id)
        : fullNewestFirst.FirstOrDefault(b => b.Id.Time <= increment.Id.Time);

    private static bool IsFuture(PruneCandidate b, DateTimeOffset now) => b.Latest > now + _skew;
}
