namespace Backup.Core.Policies;

/// <summary>Finds the word that somebody most likely meant.</summary>
internal static class Nearest
{
    /// <summary>The nearest of the known words, or null when none is near enough to be worth a guess.</summary>
    public static string? To(string given, IEnumerable<string> known)
    {
        // Spelling mistakes are one or two keystrokes; in a short word two would be half of it.
        var most = given.Length <= 4 ? 1 : 2;
        return known
            .Select(word => (Word: word, Distance: Distance(Plain(given), Plain(word))))
            .Where(c => c.Distance <= most)
            .OrderBy(c => c.Distance)
            .Select(c => c.Word)
            .FirstOrDefault();
    }

    // shard_above, shard-above and ShardAbove all mean shardAbove.
    private static string Plain(string word) =>
        string.Concat(word.Where(c => c is not ('-' or '_' or ' ')).Select(char.ToLowerInvariant));

    /// <summary>Insertions, deletions, replacements and swaps of neighbours that turn one word into the other.</summary>
    private static int Distance(string a, string b)
    {
        // Anything longer than every known word by more than the limit cannot be near; long input is not worth the table.
        if (Math.Abs(a.Length - b.Length) > 2) return int.MaxValue;
        var rows = new int[a.Length + 1, b.Length + 1];
        for (var i = 0; i <= a.Length; i++) rows[i, 0] = i;
        for (var j = 0; j <= b.Length; j++) rows[0, j] = j;
        for (var i = 1; i <= a.Length; i++)
        {
            for (var j = 1; j <= b.Length; j++)
            {
                var cost = a[i - 1] == b[j - 1] ? 0 : 1;
                var best = Math.Min(Math.Min(rows[i - 1, j] + 1, rows[i, j - 1] + 1), rows[i - 1, j - 1] + cost);
                var swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                rows[i, j] = swapped ? Math.Min(best, rows[i - 2, j - 2] + 1) : best;
            }
        }

        return rows[a.Length, b.Length];
    }
}
