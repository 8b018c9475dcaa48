using System.Globalization;
using Backup.Core.Model;
using Backup.Core.Operations.Watching;
using Backup.Core.Policies;

namespace Backup.Core.Operations.Checking;

/// <summary>What a growing database will outgrow, and what reading it costs.</summary>
public static class CapacityCheck
{
    /// <summary>From here on <c>runner: auto</c> hands over.</summary>
    private static readonly TimeSpan _handOver = TimeSpan.FromMinutes(8);
    private static readonly TimeSpan _lambdaLimit = TimeSpan.FromMinutes(15);
    private static readonly TimeSpan _foreseeable = TimeSpan.FromDays(180);

    /// <summary>Fargate's disk ends at 200 GiB; a restored database wants its size, its indexes' building, and the base archive.</summary>
    private const long DrillDisk = 120L << 30;

    private const int LeastForTrend = 5;

    public static IEnumerable<Finding> Judge(Policy policy, DatabasePolicy database, CheckHistory history, string path)
    {
        var onAws = policy.Vault is null || policy.Vault.StartsWith("s3://", StringComparison.Ordinal);
        if (onAws && database.Runner != Runner.Fargate && Lambda(database, history, path) is { } lambda) yield return lambda;
        if (onAws && policy.Drill is not null && history.DatabaseBytes > DrillDisk)
            yield return FindingCode.CheckDrillDisk.On($"{path}.name", $"{database.Name} has {Bytes.Text(history.DatabaseBytes.Value)}; above {Bytes.Text(DrillDisk)} it cannot be drilled on Fargate",
                "Drill it on a machine with enough disk: `backup drill`.");
        if (Egress(database, history, path) is { } egress) yield return egress;
    }

    private static Finding? Lambda(DatabasePolicy database, CheckHistory history, string path)
    {
        if (history.RunTime is not { } now) return null;
        var limit = database.Runner == Runner.Auto ? _handOver : _lambdaLimit;
        var (severity, next) = database.Runner == Runner.Auto
            ? (Severity.Info, "Nothing to do: it is handed over to Fargate. Expect Fargate's price.")
            : (Severity.Warning, $"Write {path}.runner: auto, which hands over to Fargate.");
        if (now >= limit)
            return FindingCode.CheckLambda.On($"{path}.runner", $"the last runs of {database.Name} took up to {Say.Age(now)}; Lambda is left at {Say.Age(limit)}", next, severity);
        if (Until(history.Backups, limit) is not { } left || left > _foreseeable) return null;
        return FindingCode.CheckLambda.On($"{path}.runner", $"runs of {database.Name} take {Say.Age(now)} and grow: {Say.Age(limit)} are reached in about {Say.Age(left)}", next, severity);
    }

    /// <summary>The time until a straight line through the durations (least squares) meets the limit; null when they do not grow.</summary>
    public static TimeSpan? Until(IReadOnlyList<Manifest> backups, TimeSpan limit)
    {
        if (backups.Count < LeastForTrend) return null;
        var points = backups.Select(m => (X: (m.StartedAt - backups[0].StartedAt).TotalDays, Y: (m.FinishedAt - m.StartedAt).TotalMinutes)).ToList();
        var (x, y) = (points.Average(p => p.X), points.Average(p => p.Y));
        var spread = points.Sum(p => (p.X - x) * (p.X - x));
        if (spread == 0) return null;
        var slope = points.Sum(p => (p.X - x) * (p.Y - y)) / spread;
        if (slope <= 0) return null;
        var days = x + ((limit.TotalMinutes - y) / slope) - points[^1].X;
        return days < 0 ? TimeSpan.Zero : days > 36_500 ? null : TimeSpan.FromDays(days);
    }

    private static Finding? Egress(DatabasePolicy database, CheckHistory history, string path)
    {
        if (history.DatabaseBytes is not { } bytes || database.Schedule is not { } text || EgressPrice.Of(database.Provider) is not { } price) return null;
        // What is on the disk is an upper bound: indexes are not read. What is read travels uncompressed.
        var read = history.Backups[^1].Totals.RawBytes is var raw and > 0 ? raw : bytes;
        var runs = RunsPerMonth(Schedule.Parse(text));
        var gib = read / (double)(1L << 30) * runs;
        var dollars = price.Monthly(gib);
        return FindingCode.CheckEgress.On($"{path}.schedule", string.Create(CultureInfo.InvariantCulture,
                $"{runs:0} runs a month read about {gib:N1} GiB from {Words.Of(database.Provider)}: about {dollars:N0} USD beyond the {price.FreeGib} GiB that are free (list prices of {EgressPrice.AsOf})"),
            dollars > 0 ? "Fewer whole backups with increments of critical tables cost less." : "Nothing to do, if little else reads from it.");
    }

    private static double RunsPerMonth(Schedule schedule)
    {
        var (from, count) = (new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero), 0);
        for (var at = schedule.Next(from); at < from.AddDays(90) && count < 10_000; at = schedule.Next(at)) count++;
        return Math.Max(1, count / 3.0);
    }
}
