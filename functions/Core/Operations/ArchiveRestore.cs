using System.Globalization;
using System.Text.RegularExpressions;
using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Postgres;

namespace Backup.Core.Operations;

/// <summary>A foreign key of an archive: quoted names of the table that has it and of the one that it points to, its own name as SQL, the statement without semicolon.</summary>
public sealed record ForeignKey(ArchiveEntry Entry, string From, string To, string Name, string Statement)
{
    /// <summary>True when the entry is the comment on this constraint (or on one of the same name): the list has the name as SQL.</summary>
    public bool IsCommented(ArchiveEntry entry) => entry.Description.StartsWith("COMMENT ", StringComparison.Ordinal)
        && entry.Description.Contains($" CONSTRAINT {Name.Replace('\n', ' ')} ON ", StringComparison.Ordinal);
}

/// <summary>
/// The base archive as a local file, restored section by section by pg_restore with a list of entries. Any error of pg_restore fails it and is
/// shown with the statement.
/// </summary>
public sealed partial class ArchiveRestore(
    string archive, PostgresInstallation postgres, MachineEnvironment machine, ConnectionTarget target, int serverMajor, RestoreRequest request, string workFolder)
{
    private const string Rights = "rights";

    private string? _contents;
    private int _lists;

    /// <summary>Dump id of the entry that could not be made, once pg_restore has failed at one: it is not this restore's, whoever has made it meanwhile.</summary>
    public int? NotMade { get; private set; }

    public async Task<IReadOnlyList<ArchiveEntry>> ListAsync(CancellationToken cancel) => ArchiveContents.Parse(await ContentsAsync(cancel));

    /// <summary>By dump id, the dump ids that an entry needs.</summary>
    public async Task<IReadOnlyDictionary<int, IReadOnlyList<int>>> DependenciesAsync(CancellationToken cancel) =>
        ArchiveContents.ParseDependencies(await ContentsAsync(cancel));

    /// <summary>The statements that make these entries, as a script.</summary>
    public async Task<string> ScriptAsync(IReadOnlyCollection<ArchiveEntry> entries, CancellationToken cancel) =>
        entries.Count == 0 ? "" : await ToolProcess.CheckAsync(await ScriptCommandAsync(entries, cancel), null, cancel);

    /// <summary>A program that prints the rows of one table as a script with COPY.</summary>
    public async Task<ToolProcess> StartRowsAsync(ArchiveEntry entry, CancellationToken cancel) => ToolProcess.Start(await ScriptCommandAsync([entry], cancel));

    /// <summary>pre-data, data or post-data, only the given entries.</summary>
    /// <param name="section">Null for rights: pg_restore counts them to the section of whatever stands before them in its list.</param>
    /// <param name="user">Another login role than the target's, or null.</param>
    /// <param name="unowned">Leave what is made with whoever makes it.</param>
    public async Task SectionAsync(
        string? section, IReadOnlyCollection<ArchiveEntry> entries, int jobs, CancellationToken cancel, string? user = null, bool unowned = false)
    {
        if (entries.Count == 0) return;
        var list = Path.Combine(workFolder, $"{section ?? Rights}-{Interlocked.Increment(ref _lists)}.list");
        await File.WriteAllLinesAsync(list, entries.Select(e => e.Line), cancel);
        // Only then pg_restore says at which entry it has stopped.
        var isWatched = section == "pre-data" && request.IsPartial;
        var command = Command(
        [
            .. isWatched ? ["--verbose"] : (string[])[],
            .. section is null ? [] : (string[])[$"--section={section}"], $"--use-list={list}", "--exit-on-error", "--no-password", $"--dbname={target.DatabaseArgument}",
            .. section == "pre-data" || jobs < 2 ? [] : (string[])[$"--jobs={jobs}"],
            .. request.NoOwner ? ["--no-owner", "--no-privileges"] : unowned ? ["--no-owner"] : (string[])[],
            .. request.NoTablespaces ? ["--no-tablespaces"] : (string[])[],
            archive,
        ], user);
        var result = await ToolProcess.RunAsync(command, null, cancel);
        if (result.ExitCode == 0) return;
        // Owners are set by a statement of their own: what lacks nothing else has been made.
        if (isWatched && FailedEntry().Matches(result.Error) is [.., var entry] && !SetsOwner().IsMatch(result.Error)) NotMade = int.Parse(entry.Groups[1].Value, CultureInfo.InvariantCulture);
        throw new BackupException(ErrorCode.RestoreFailed, $"pg_restore failed in {section ?? Rights}: {Explain(result.Error)}",
            "Mend what the statement needs on the target (role, extension, version, right); then run the restore again.");
    }

    // The file does not change: it is asked once.
    private async Task<string> ContentsAsync(CancellationToken cancel) => _contents ??= await ToolProcess.CheckAsync(Command(["-l", "-v", archive]), null, cancel);

    /// <summary>Every foreign key of the archive, as it will be made.</summary>
    public async Task<IReadOnlyList<ForeignKey>> ForeignKeysAsync(IReadOnlyList<ArchiveEntry> entries, CancellationToken cancel)
    {
        var keys = new List<ForeignKey>();
        foreach (var entry in entries.Where(e => e.Description.StartsWith("FK CONSTRAINT ", StringComparison.Ordinal)))
        {
            var match = ForeignKeySql().Match(await ScriptAsync([entry], cancel));
            if (!match.Success) continue;
            keys.Add(new ForeignKey(entry, Canonical(match.Groups[1].Value), Canonical(match.Groups[3].Value), match.Groups[2].Value, match.Value));
        }

        return keys;
    }

    private async Task<ToolCommand> ScriptCommandAsync(IEnumerable<ArchiveEntry> entries, CancellationToken cancel)
    {
        var list = Path.Combine(workFolder, "script.list");
        await File.WriteAllLinesAsync(list, entries.Select(e => e.Line), cancel);
        return Command([$"--use-list={list}", "--file=-", archive]);
    }

    private ToolCommand Command(IReadOnlyList<string> arguments, string? user = null) => new()
    {
        Path = postgres.Tool("pg_restore"),
        Arguments = arguments,
        Environment = machine.ForTool((user is null ? target : target with { User = user }).ToEnvironment("backup restore", SessionSettings.Loading(serverMajor))),
    };

    // The statement may be a page long; its beginning says which it is.
    private static string Explain(string error)
    {
        var text = string.Join(" | ", ToolProcess.ErrorLines(error).Where(l => !Progress().IsMatch(l)).Select(l => l.Length > 300 ? l[..300] + "…" : l).Take(6));
        return text.Length > 0 ? text : "it said nothing";
    }

    /// <summary>An identifier pair as pg_dump writes it, brought to the form of <see cref="TableName.Sql"/>.</summary>
    private static string Canonical(string qualified) => string.Concat(Part().Matches(qualified).Select(m =>
        m.Value == "." ? "." : m.Value.StartsWith('"') ? m.Value : $"\"{m.Value}\""));

    // To the end of the statement: comments of the archive follow on lines of their own.
    [GeneratedRegex("""^ALTER TABLE (?:ONLY )?((?:"(?:[^"]|"")+"|[^\s".]+)\.(?:"(?:[^"]|"")+"|[^\s"]+))\s+ADD CONSTRAINT ("(?:[^"]|"")+"|\S+) FOREIGN KEY .*?\bREFERENCES ((?:"(?:[^"]|"")+"|[^\s".]+)\.(?:"(?:[^"]|"")+"|[^\s"(]+))\((?:"(?:[^"]|"")+"|[^";])*(?=;)""", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex ForeignKeySql();

    [GeneratedRegex(@"^pg_restore: from TOC entry (\d+);", RegexOptions.Multiline)]
    private static partial Regex FailedEntry();

    /// <summary>What --verbose says besides errors.</summary>
    [GeneratedRegex(@"^pg_restore: (?!error:|warning:|detail:|hint:)")]
    private static partial Regex Progress();

    [GeneratedRegex(@"Command was: ALTER .* OWNER TO ")]
    private static partial Regex SetsOwner();

    [GeneratedRegex("\"(?:[^\"]|\"\")+\"|[^\\s\".]+|\\.")]
    private static partial Regex Part();
}
