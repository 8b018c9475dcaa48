using System.Collections.Concurrent;
using System.Globalization;
using System.Text.RegularExpressions;
using Backup.Core.Machine;
using Backup.Core.Model;

namespace Backup.Core.Postgres;

/// <summary>
/// The PostgreSQL programs of this machine, by major. A dump needs the client of the server's own major: an older one refuses
/// the server, a newer one writes what an older server does not understand.
/// </summary>
public sealed partial class PostgresInstallations
{
    private readonly MachineEnvironment _machine;
    private readonly IReadOnlyList<string> _patterns;
    private readonly ConcurrentDictionary<string, Lazy<Task<PostgresInstallation?>>> _asked = new(StringComparer.Ordinal);

    public PostgresInstallations(MachineEnvironment machine) : this(machine, WellKnown)
    {
    }

    /// <param name="machine">Its PATH is searched after <paramref name="patterns"/>.</param>
    /// <param name="patterns">Folders; one <c>*</c> in one path segment stands for any text.</param>
    public PostgresInstallations(MachineEnvironment machine, IReadOnlyList<string> patterns)
    {
        _machine = machine;
        _patterns = patterns;
    }

    /// <summary>Where packages put each major side by side.</summary>
    public static IReadOnlyList<string> WellKnown { get; } =
    [
        "/opt/postgresql/*/bin", "/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/libexec/postgresql*",
        "/opt/homebrew/opt/postgresql@*/bin", "/opt/homebrew/opt/libpq/bin", "/usr/local/opt/postgresql@*/bin", "/usr/local/opt/libpq/bin",
        "/Applications/Postgres.app/Contents/Versions/*/bin", "/usr/local/pgsql/bin",
    ];

    /// <summary>Everything found, the newest first; of one major, the folder with server programs and the highest minor first.</summary>
    public async Task<IReadOnlyList<PostgresInstallation>> AllAsync(CancellationToken cancel)
    {
        var found = new List<PostgresInstallation>();
        foreach (var folder in Folders())
            if (await _asked.GetOrAdd(folder, f => new(() => AskAsync(f))).Value.WaitAsync(cancel) is { } installation)
                found.Add(installation);
        return [.. found.OrderByDescending(i => i.Major).ThenByDescending(i => i.HasServer).ThenByDescending(i => Minor(i.Version))];
    }

    /// <summary>The programs for a server of this major: the same major, else the next newer. The caller reports a newer one as a finding.</summary>
    /// <exception cref="BackupException">tool.missing: none at all. tool.version: only older ones.</exception>
    public async Task<PostgresInstallation> ForMajorAsync(int serverMajor, CancellationToken cancel) =>
        Choose(await AllAsync(cancel), serverMajor, server: false);

    /// <summary>As <see cref="ForMajorAsync"/>, but only folders that can run a server.</summary>
    public async Task<PostgresInstallation> ServerForMajorAsync(int serverMajor, CancellationToken cancel) =>
        Choose(await AllAsync(cancel), serverMajor, server: true);

    /// <summary>The newest folder that can run a server.</summary>
    /// <exception cref="BackupException">tool.missing: none can.</exception>
    public async Task<PostgresInstallation> NewestServerAsync(CancellationToken cancel)
    {
        var newest = (await AllAsync(cancel)).FirstOrDefault(i => i.HasServer);
        return newest ?? throw new BackupException(ErrorCode.ToolMissing, "No PostgreSQL server is installed here (initdb, postgres, pg_ctl).",
            OperatingSystem.IsMacOS() ? "brew install postgresql@17" : "apt-get install -y postgresql");
    }

    private static PostgresInstallation Choose(IReadOnlyList<PostgresInstallation> all, int major, bool server)
    {
        var fit = all.Where(i => i.HasServer || !server).ToList();
        // The list is sorted: the last of those that are new enough has the lowest major, its first of that major is the best folder.
        var chosen = fit.LastOrDefault(i => i.Major >= major);
        if (chosen is not null) return fit.First(i => i.Major == chosen.Major);
        var what = server ? "server" : "client";
        throw fit.Count == 0
            ? new BackupException(ErrorCode.ToolMissing, $"No PostgreSQL {what} programs are installed here.", PostgresInstallation.InstallAdvice(major, server))
            : new BackupException(ErrorCode.ToolVersion, $"The server is PostgreSQL {major}; the newest {what} programs here are {fit[0].Version}.",
                PostgresInstallation.InstallAdvice(major, server));
    }

    private IEnumerable<string> Folders()
    {
        var onPath = (_machine["PATH"] ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries).Select(Real).OfType<string>();
        return _patterns.SelectMany(Expand).Concat(onPath).Where(f => File.Exists(Path.Combine(f, "pg_dump"))).Distinct(StringComparer.Ordinal);
    }

    /// <summary>
    /// The folder in which a PATH folder's pg_dump really is. Debian's /usr/bin/pg_dump is a wrapper that picks a major by its own
    /// rules and by the reader's settings: never that one.
    /// </summary>
    private static string? Real(string folder)
    {
        var program = new FileInfo(Path.Combine(folder, "pg_dump"));
        if (!program.Exists) return null;
        var target = program.ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? program.FullName;
        return Path.GetFileName(target) == "pg_wrapper" ? null : Path.GetDirectoryName(target);
    }

    private static IEnumerable<string> Expand(string pattern)
    {
        var star = pattern.IndexOf('*', StringComparison.Ordinal);
        if (star < 0) return [pattern];
        var from = pattern.LastIndexOf('/', star);
        var to = pattern.IndexOf('/', star);
        var parent = pattern[..from];
        var segment = to < 0 ? pattern[(from + 1)..] : pattern[(from + 1)..to];
        var rest = to < 0 ? "" : pattern[(to + 1)..];
        return Directory.Exists(parent) ? Directory.GetDirectories(parent, segment).Order(StringComparer.Ordinal).Select(d => Path.Combine(d, rest)) : [];
    }

    /// <summary>Null when the program does not run or is not PostgreSQL's: a broken folder must not hide the others.</summary>
    private async Task<PostgresInstallation?> AskAsync(string folder)
    {
        var command = new ToolCommand { Path = Path.Combine(folder, "pg_dump"), Arguments = ["--version"], Environment = _machine.ForTool() };
        try
        {
            var result = await ToolProcess.RunAsync(command, null, CancellationToken.None);
            var match = VersionLine().Match(result.Output);
            if (result.ExitCode != 0 || !match.Success) return null;
            var server = PostgresInstallation.ServerTools.All(t => File.Exists(Path.Combine(folder, t)));
            return new PostgresInstallation(int.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture), match.Groups[1].Value, folder) { HasServer = server };
        }
        catch (BackupException e) when (e.Code == ErrorCode.ToolMissing)
        {
            return null; // not executable by this user
        }
    }

    private static int Minor(string version) =>
        version.Split('.') is [_, var minor] && int.TryParse(minor, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : -1;

    [GeneratedRegex(@"\(PostgreSQL\) ((\d+)(?:\.\d+|beta\d+|rc\d+|devel)?)")]
    private static partial Regex VersionLine();
}
