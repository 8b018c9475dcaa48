using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Backup.Core.Machine;
using Backup.Core.Model;

namespace Backup.Core.Postgres;

/// <summary>One line of an archive's table of contents.</summary>
/// <param name="Description">For example <c>TABLE DATA public orders owner</c>; newlines in names are blanks here.</param>
public sealed record ArchiveEntry(int DumpId, uint Oid, string Description, string Line)
{
    public bool IsTableData => Description.StartsWith("TABLE DATA ", StringComparison.Ordinal) && !HasCatalog(Line);

    /// <summary>True for what has a row of its own in a catalog; rows, values and attachments have none. So the table of a schema DATA is told from the rows of a table.</summary>
    internal static bool HasCatalog(string line) => line.Split(' ', 3) is [_, not "0", _];
}

/// <summary>Reads the table of contents from the first bytes of an archive that is passing by: pg_restore -l needs no more.</summary>
public sealed partial class ArchiveContents : IAsyncDisposable
{
    private readonly ToolProcess _process;
    private readonly Task<string> _text;
    private bool _satisfied;

    public ArchiveContents(PostgresInstallation postgres, MachineEnvironment machine)
    {
        _process = ToolProcess.Start(new ToolCommand { Path = postgres.Tool("pg_restore"), Arguments = ["-l"], Environment = machine.ForTool() });
        _text = ReadAsync(_process.Output);
    }

    /// <summary>Takes bytes until pg_restore has seen enough.</summary>
    public async ValueTask ReadAsync(ReadOnlyMemory<byte> bytes)
    {
        if (_satisfied) return;
        try
        {
            await _process.Input.WriteAsync(bytes);
        }
        catch (IOException)
        {
            _satisfied = true; // it has read the contents and closed its input
        }
    }

    /// <summary>After the end of the archive.</summary>
    public async Task<IReadOnlyList<ArchiveEntry>> ListAsync(CancellationToken cancel)
    {
        try
        {
            await _process.Input.DisposeAsync();
        }
        catch (IOException)
        {
            // As above: it did not wait for the end.
        }

        var text = await _text.WaitAsync(cancel);
        var code = await _process.Exited.WaitAsync(cancel);
        return code == 0 ? Parse(text) : throw _process.Failure(code);
    }

    public static IReadOnlyList<ArchiveEntry> Parse(string list) =>
    [
        .. list.Split('\n').Select(line => (Line: line, Match: EntryLine().Match(line))).Where(m => m.Match.Success).Select(m => new ArchiveEntry(
            int.Parse(m.Match.Groups[1].Value, CultureInfo.InvariantCulture),
            uint.Parse(m.Match.Groups[2].Value, CultureInfo.InvariantCulture),
            m.Match.Groups[3].Value, m.Line)),
    ];

    /// <summary>From <c>pg_restore -l -v</c>: by dump id, the dump ids that an entry needs. What the archive does not hold is replaced by what it is part of: an extension's function by the extension.</summary>
    public static IReadOnlyDictionary<int, IReadOnlyList<int>> ParseDependencies(string verboseList)
    {
        var needs = new Dictionary<int, IReadOnlyList<int>>();
        var entry = 0;
        foreach (var line in verboseList.Split('\n'))
        {
            if (EntryLine().Match(line) is { Success: true } match) entry = int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture);
            else if (DependencyLine().Match(line) is { Success: true } ids)
                needs[entry] = [.. ids.Groups[1].Value.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(id => int.Parse(id, CultureInfo.InvariantCulture))];
        }

        return needs;
    }

    /// <summary>
    /// Every table's rows are in exactly one place: a pattern that pg_dump did not understand would put rows into the archive and the
    /// chunks, or into neither, without an error. Compared by OID, since names are not exact in the list.
    /// </summary>
    public static void CheckAgainst(DumpPlan plan, ServerFacts server, IReadOnlyList<ArchiveEntry> entries)
    {
        var inArchive = entries.Where(e => e.IsTableData).Select(e => e.Oid).ToHashSet();
        var twice = plan.Chunked.Where(t => inArchive.Contains(t.Oid)).Select(t => t.Name).ToList();
        var missing = plan.InBase.Where(t => !inArchive.Contains(t.Oid) && !(server.IsStandby && t.Unlogged)).Select(t => t.Name).ToList();
        if (twice.Count == 0 && missing.Count == 0) return;
        var sentence = string.Join("; ", new[]
        {
            twice.Count > 0 ? $"holds rows that are chunks too: {string.Join(", ", twice)}" : null,
            missing.Count > 0 ? $"lacks the rows of {string.Join(", ", missing)}" : null,
        }.OfType<string>());
        throw new BackupException(ErrorCode.SourceChanged, $"the base archive {sentence}",
            "Run it again; if it happens twice, set shardAbove above the size of these tables and report it.");
    }

    public ValueTask DisposeAsync() => _process.DisposeAsync();

    private static async Task<string> ReadAsync(Stream output)
    {
        using var reader = new StreamReader(output, Encoding.UTF8);
        return await reader.ReadToEndAsync();
    }

    [GeneratedRegex(@"^(\d+); \d+ (\d+) (.+)$")]
    private static partial Regex EntryLine();

    [GeneratedRegex(@"^;\s+depends on:((?: \d+)+)$")]
    private static partial Regex DependencyLine();
}
