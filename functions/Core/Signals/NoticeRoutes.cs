using Backup.Core.Model;

namespace Backup.Core.Signals;

/// <summary>Who hears of what: the one table. A route that no channel serves goes to the next in its line, so that nothing is told to nobody.</summary>
public static class NoticeRoutes
{
    private static readonly Dictionary<NoticeRoute, NoticeRoute[][]> _lines = new()
    {
        // Each step is taken as a whole: without a pager both the channel and the mailbox hear of a failed backup.
        [NoticeRoute.Page] = [[NoticeRoute.Page], [NoticeRoute.Chat, NoticeRoute.Mail]],
        [NoticeRoute.Mail] = [[NoticeRoute.Mail], [NoticeRoute.Chat], [NoticeRoute.Page]],
        [NoticeRoute.Chat] = [[NoticeRoute.Chat], [NoticeRoute.Mail]],
        [NoticeRoute.None] = [],
    };

    public static IReadOnlyList<INoticeChannel> For(Finding finding, IReadOnlyList<INoticeChannel> channels)
    {
        ArgumentNullException.ThrowIfNull(finding);
        foreach (var step in _lines[Of(finding)])
        {
            // Nobody is woken for a warning, whatever else is not set up.
            var found = channels.Where(c => step.Contains(c.Route) && (c.Route != NoticeRoute.Page || finding.Severity == Severity.Critical)).ToList();
            if (found.Count > 0) return found;
        }

        return [];
    }

    private static NoticeRoute Of(Finding finding)
    {
        if (finding.Severity == Severity.Info) return NoticeRoute.None;
        var route = FindingCode.Find(finding.Code)?.Route ?? NoticeRoute.Chat;
        return route == NoticeRoute.Page && finding.Severity != Severity.Critical ? NoticeRoute.Chat : route;
    }
}
