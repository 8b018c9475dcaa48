using System.Globalization;
using System.Text;
using Backup.Core.Model;
using static Backup.Core.Operations.Pages.Html;

namespace Backup.Core.Operations.Reporting;

/// <summary>Stored bytes of each day's last backup as an inline SVG; a day whose scheduled backups were not all made has a mark below it.</summary>
internal static class ReportChart
{
    private const int Width = 720;
    private const int Height = 170;
    private const int Left = 84;
    private const int Top = 12;
    private const int Base = 130;

    public static string Write(DatabaseMonth d)
    {
        var most = d.Days.Max(x => x.StoredBytes ?? 0);
        if (most == 0 && !d.Days.Any(x => x.Made < x.Due)) return "";
        var step = (Width - Left) / (double)d.Days.Count;
        var svg = new StringBuilder();
        foreach (var level in (long[])[most, most / 2])
        {
            if (level == 0) continue;
            var y = Y(level, most);
            svg.Append(Invariant($"<line class=\"grid\" x1=\"{Left}\" x2=\"{Width}\" y1=\"{y:0.#}\" y2=\"{y:0.#}\"/><text class=\"axis\" x=\"{Left - 8}\" y=\"{y + 4:0.#}\" text-anchor=\"end\">{Bytes.Text(level)}</text>"));
        }

        svg.Append(Invariant($"<line class=\"axis-line\" x1=\"{Left}\" x2=\"{Width}\" y1=\"{Base}\" y2=\"{Base}\"/>\n"));
        foreach (var day in d.Days) svg.Append(Day(day, Left + ((day.Day - 1) * step), step, most));
        return $"""
            <figure class="chart">
            <svg viewBox="0 0 {Width} {Height}" role="img" aria-label="Stored bytes of each day's last backup">
            {svg}</svg>
            <figcaption class="soft">Stored bytes of each day's last good backup.{(d.Days.Any(x => x.Made < x.Due) ? " <span class=\"fail\">✕</span> a scheduled backup of the day is missing, late or not good." : "")}{(d.Days.Any(x => x is { HasBackup: true, StoredBytes: null }) ? " <span class=\"gone\">○</span> made, size no longer known." : "")}</figcaption>
            </figure>

            """;
    }

    private static string Day(DayFact day, double x, double step, long most)
    {
        var (svg, middle) = (new StringBuilder(), x + (step / 2));
        if (day.StoredBytes is { } bytes)
        {
            var y = Math.Min(Y(bytes, most), Base - 1);
            svg.Append(Invariant($"<rect class=\"size\" x=\"{x + (step * 0.15):0.#}\" y=\"{y:0.#}\" width=\"{step * 0.7:0.#}\" height=\"{Base - y:0.#}\"><title>day {day.Day}: {Bytes.Text(bytes)}</title></rect>"));
        }
        else if (day.HasBackup)
        {
            svg.Append(Invariant($"<circle class=\"gone\" cx=\"{middle:0.#}\" cy=\"{Base - 6}\" r=\"3.5\"><title>day {day.Day}: made, size no longer known</title></circle>"));
        }

        if (day.Made < day.Due)
            svg.Append(Invariant($"<text class=\"miss\" x=\"{middle:0.#}\" y=\"{Base + 14}\" text-anchor=\"middle\">✕<title>day {day.Day}: {day.Made} of {day.Due} scheduled backups</title></text>"));
        if (day.Day == 1 || day.Day % 5 == 0)
            svg.Append(Invariant($"<text class=\"axis\" x=\"{middle:0.#}\" y=\"{Height - 8}\" text-anchor=\"middle\">{day.Day}</text>"));
        return svg.Append('\n').ToString();
    }

    private static double Y(long bytes, long most) => Base - ((Base - Top) * (bytes / (double)most));

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
