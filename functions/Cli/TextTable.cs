namespace Backup.Cli;

/// <summary>Columns for a terminal and for grep: two blanks between, no frame, no colour.</summary>
public sealed class TextTable(params string[] header)
{
    private readonly List<string[]> _rows = [header];

    public void Add(params string[] cells) => _rows.Add(cells);

    public IEnumerable<string> Lines(IReadOnlyCollection<int> rightAligned)
    {
        var widths = Enumerable.Range(0, header.Length).Select(i => _rows.Max(r => r[i].Length)).ToList();
        return _rows.Select(row => string.Join("  ", row.Select((cell, i) => rightAligned.Contains(i) ? cell.PadLeft(widths[i]) : cell.PadRight(widths[i]))).TrimEnd());
    }
}
