using System.Globalization;
using System.Text;
using Backup.Core.Model;
using Backup.Core.Operations.Pages;
using Backup.Core.Operations.Watching;

namespace Backup.Core.Operations.Status;

/// <summary>Stored sizes over time as an inline SVG. It starts at zero, so that half the height is half the size; what it shows is said in words for whoever does not see it.</summary>
public static class SizeChart
{
    /// <summary>More points than this are not seen on any screen.</summary>
    private const int MostPoints = 400;

    private const int Width = 1000;
    private const int Height = 180;

    /// <param name="newestFirst">Backups of one kind of database.</param>
    /// <param name="small">Without axis, for a row of a table.</param>
    public static string Write(IEnumerable<WatchedBackup> newestFirst, bool small)
    {
        ArgumentNullException.ThrowIfNull(newestFirst);
        var points = newestFirst.Take(small ? 60 : MostPoints).Reverse().Where(b => b.StoredBytes > 0).Select(b => (At: b.Id.Time, Size: b.StoredBytes)).ToList();
        if (points.Count < 2) return small ? "" : "<p class=\"soft\">A chart needs two backups.</p>\n";
        var (first, last, most) = (points[0], points[^1], points.Max(p => p.Size));
        var said = Html.Text($"{points.Count} backups from {UtcText.Minutes(first.At)} to {UtcText.Minutes(last.At)}: first {Bytes.Text(first.Size)}, last {Bytes.Text(last.Size)}, smallest {Bytes.Text(points.Min(p => p.Size))}, largest {Bytes.Text(most)}");
        var span = Math.Max(1, (last.At - first.At).TotalSeconds);
        var line = new StringBuilder();
        foreach (var (at, size) in points)
            line.Append(CultureInfo.InvariantCulture, $"{(line.Length == 0 ? 'M' : 'L')}{(at - first.At).TotalSeconds / span * Width:0.#} {Height - (size / (double)most * Height):0.#}");
        var chart = $"""
            <svg class="{(small ? "spark" : "chart")}" viewBox="0 -4 {Width} {Height + 8}" preserveAspectRatio="none" role="img" aria-label="{said}"><path class="area" d="{line}L{Width} {Height}L0 {Height}Z"/><path class="line" d="{line}"/></svg>
            """;
        return small ? chart : $"""
            <figure><div class="plot"><div class="scale"><span>{Bytes.Text(most)}</span><span>0</span></div>{chart}</div>
            <figcaption class="soft"><span>{first.At.UtcDateTime:yyyy-MM-dd}</span><span>{last.At.UtcDateTime:yyyy-MM-dd}</span></figcaption></figure>

            """;
    }
}
