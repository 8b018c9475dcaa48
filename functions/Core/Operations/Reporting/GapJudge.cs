namespace Backup.Core.Operations.Reporting;

/// <summary>
/// How much a failure would have cost at its worst. Just before a good backup ends, a restore goes back to the snapshot of the one before it: that is the gap. Gaps are
/// cut at the end of the month, or of what has passed of it; one that began before the month counts from its beginning.
/// </summary>
internal static class GapJudge
{
    /// <summary>Oldest first. Before the first backup ever nothing was protected, so nothing is counted.</summary>
    /// <param name="moments">What a restore goes back to, and from when on it can.</param>
    /// <param name="began">The earliest sign of the database; null = there is none.</param>
    /// <param name="month">The month.</param>
    /// <param name="now">Ends a month that is not over.</param>
    public static IReadOnlyList<GapFact> Gaps(IEnumerable<(DateTimeOffset Back, DateTimeOffset There)> moments, DateTimeOffset? began, ReportMonth month, DateTimeOffset now)
    {
        var end = now < month.Until ? now : month.Until;
        var gaps = new List<GapFact>();
        var (back, isKnown) = (default(DateTimeOffset?), true);
        // Something was there before the month, and what it was is not known any more: at least the month's own part is.
        if (began < month.From) (back, isKnown) = (month.From, false);
        foreach (var moment in moments.OrderBy(m => m.There))
        {
            if (moment.There >= end) break;
            if (back is { } last && moment.There > month.From) gaps.Add(Gap(last, moment.There, isKnown));
            if (back is null || moment.Back > back || !isKnown) (back, isKnown) = (moment.Back, true);
        }

        if (back is { } open && open < end) gaps.Add(Gap(open, end, isKnown));
        return gaps;
    }

    private static GapFact Gap(DateTimeOffset from, DateTimeOffset until, bool isKnown) => new(from, until, Math.Round((until - from).TotalHours, 2), !isKnown);
}
