using System.Globalization;
using Backup.Core.Model;

namespace Backup.Core.Operations.Watching;

/// <summary>The newest backup's figures beside the median of the last seven of the same kind, in total and per table.</summary>
internal static class SizeJudge
{
    private const int Compared = 7;
    private const int Least = 3;

    /// <summary>Tables that lose fewer rows than this are not worth a word: a queue that is empty today.</summary>
    private const long FewRows = 20;

    public static IEnumerable<Finding> Judge(DatabaseHistory h)
    {
        if (h.Newest?.Manifest is not { } newest) yield break;
        var earlier = Earlier(h, newest);
        if (earlier.Count < Least)
        {
            yield return h.On(FindingCode.SizeLearning, $"{earlier.Count} earlier {Words.Of(newest.Kind)} backups; sizes are judged from {Least} on", "Nothing to do.");
            yield break;
        }

        var look = $"Look at what the application or a migration did before {UtcText.Minutes(newest.Snapshot.Time)}; keep an older backup: {earlier[^1].Id}.";
        if (Total(h, newest, earlier, look) is { } total) yield return total;
        foreach (var finding in Tables(h, newest, earlier, look)) yield return finding;
    }

    /// <summary>Percent of the stored bytes against the median; null while there are fewer than three earlier ones.</summary>
    public static double? Deviation(DatabaseHistory h)
    {
        if (h.Newest?.Manifest is not { } newest || Earlier(h, newest) is not { Count: >= Least } earlier) return null;
        return Math.Round(100 * Change(newest.Totals.StoredBytes, Median(earlier.Select(m => m.Totals.StoredBytes))), 1);
    }

    private static List<Manifest> Earlier(DatabaseHistory h, Manifest newest) =>
        [.. h.Complete.Select(b => b.Manifest!).Where(m => m.Kind == newest.Kind && m.Id != newest.Id).TakeLast(Compared)];

    private static Finding? Total(DatabaseHistory h, Manifest newest, List<Manifest> earlier, string look)
    {
        (string What, double Change, string Now, string Usual)[] figures =
        [
            Figure("stored", newest.Totals.StoredBytes, earlier.Select(m => m.Totals.StoredBytes), Bytes.Text),
            Figure("unpacked", newest.Totals.RawBytes, earlier.Select(m => m.Totals.RawBytes), Bytes.Text),
            Figure("rows", newest.Totals.Rows, earlier.Select(m => m.Totals.Rows), n => n.ToString("N0", CultureInfo.InvariantCulture)),
        ];
        var worst = figures.MaxBy(f => Math.Abs(f.Change));
        if (SeverityOf(h, worst.Change) is not { } severity) return null;
        var told = figures.Where(f => SeverityOf(h, f.Change) is not null).Select(f => $"{f.What} {f.Now} instead of {f.Usual} ({Percent(f.Change)})");
        return h.On(FindingCode.SizeDeviation, $"{newest.Id} is not like the last {earlier.Count}: {string.Join(", ", told)}", look, severity);
    }

    private static IEnumerable<Finding> Tables(DatabaseHistory h, Manifest newest, List<Manifest> earlier, string look)
    {
        if (newest.Fingerprints.Count == 0 || newest.Fingerprints.All(f => f.Rows is null)) yield break;
        var now = Rows(newest);
        var before = earlier.Select(Rows).Where(r => r.Count > 0).ToList();
        if (before.Count < Least) yield break;
        var (shrunk, vanished) = (new List<(string Text, double Change)>(), new List<(string Text, long Rows)>());
        foreach (var table in before.SelectMany(b => b.Keys).Distinct().Order(TableName.Order))
        {
            var seen = before.Where(b => b.ContainsKey(table)).Select(b => b[table]).Order().ToList();
            var median = Median(seen);
            if (!now.TryGetValue(table, out var rows))
            {
                if (seen.Count * 2 >= before.Count) vanished.Add(($"{table} ({median:N0} rows)", median));
                continue;
            }

            // Within what it usually does; the lowest is left out, so that yesterday's loss does not make today's normal.
            if (seen.Count < Least || rows >= seen[1] || median - rows < FewRows) continue;
            var change = Change(rows, median);
            if (SeverityOf(h, change) is not null) shrunk.Add((string.Create(CultureInfo.InvariantCulture, $"{table} has {rows:N0} rows instead of {median:N0} ({Percent(change)})"), change));
        }

        if (shrunk.Count > 0)
            yield return h.On(FindingCode.TableShrunk, Say.Some(shrunk.OrderBy(s => s.Change).Select(s => s.Text)), look, SeverityOf(h, shrunk.Min(s => s.Change)));
        if (vanished.Count > 0)
            yield return h.On(FindingCode.TableVanished, $"no longer in {newest.Id}: {Say.Some(vanished.OrderByDescending(v => v.Rows).Select(v => v.Text))}", look,
                vanished.Exists(v => v.Rows > 0) ? Severity.Critical : Severity.Warning);
        var appeared = now.Keys.Where(t => !before.Exists(b => b.ContainsKey(t))).Order(TableName.Order).ToList();
        if (appeared.Count > 0) yield return h.On(FindingCode.TableAppeared, $"new in {newest.Id}: {Say.Some(appeared)}", "Nothing to do, if a migration made it.");
    }

    private static Dictionary<TableName, long> Rows(Manifest manifest)
    {
        var rows = new Dictionary<TableName, long>();
        foreach (var f in manifest.Fingerprints)
            if (f.Rows is { } n) rows[f.Table] = n; // a damaged document may name a table twice; the last one counts
        return rows;
    }

    private static (string, double, string, string) Figure(string what, long now, IEnumerable<long> earlier, Func<long, string> text)
    {
        var median = Median(earlier);
        return (what, Change(now, median), text(now), text(median));
    }

    private static Severity? SeverityOf(DatabaseHistory h, double change)
    {
        var size = Math.Abs(change);
        return size >= h.Policy.Watch.SizeCritical ? Severity.Critical : size >= h.Policy.Watch.SizeWarning ? Severity.Warning : null;
    }

    /// <summary>-0.5 = half is gone. Something where there was nothing counts as twice as much.</summary>
    private static double Change(long now, long usual) => usual != 0 ? (now - (double)usual) / usual : now == 0 ? 0 : 1;

    private static long Median(IEnumerable<long> values)
    {
        var sorted = values.Order().ToList();
        var middle = sorted.Count / 2;
        return sorted.Count % 2 == 1 ? sorted[middle] : sorted[middle - 1] + ((sorted[middle] - sorted[middle - 1]) / 2);
    }

    private static string Percent(double change) => (100 * change).ToString("+0.#;-0.#;0", CultureInfo.InvariantCulture) + " %";
}
