using System.Text.RegularExpressions;
using Backup.Core.Machine;
using Backup.Core.Model;

namespace Backup.Core.Postgres;

/// <summary>
/// Operating system locales for a throw-away server. Text sorts by them, so an index, a range partition or an exclusion constraint means
/// something else under another one: a missing locale is compiled for this server alone, or it is an error; never is C taken instead.
/// </summary>
internal static partial class ClusterLocales
{
    private const string Supported = "/usr/share/i18n/SUPPORTED";

    /// <summary>The value of LOCPATH under which all names exist, or null when the system has them all.</summary>
    /// <exception cref="BackupException">tool.missing, target.unfit: a locale is missing and cannot be built.</exception>
    public static async Task<string?> EnsureAsync(IEnumerable<string> names, ClusterFolder folder, string? owner, MachineEnvironment machine, CancellationToken cancel)
    {
        var wanted = names.Where(n => n is not ("C" or "POSIX" or "")).Distinct(StringComparer.Ordinal).ToList();
        if (wanted.Count == 0) return null;
        if (await InstalledAsync(machine, cancel) is not { } installed) return null; // no `locale` program (musl, macOS): initdb will say
        if (wanted.All(n => installed.Contains(Normal(n)))) return null;

        // glibc does not look into its archive of locales when LOCPATH is set, so all are built, also those that the system has.
        await RunAsync("mkdir", ["-p", folder.Locales]);
        foreach (var name in wanted.Where(n => !Directory.Exists("/usr/lib/locale/" + Normal(n))))
        {
            var (source, charmap) = Parts(name);
            var target = Path.Combine(folder.Locales, name);
            var result = await RunAsync("localedef", ["-c", "-i", source, "-f", charmap, target]);
            // Exit code 1 with warnings still makes a usable locale; without its sort order it is none.
            if (!File.Exists(Path.Combine(target, "LC_COLLATE")))
                throw new BackupException(ErrorCode.TargetUnfit, $"The locale {name} is not on this machine and cannot be built: {FirstLine(result.Error)}",
                    $"apt-get install -y locales && localedef -i {source} -f {charmap} {name}");
        }

        return $"{folder.Locales}:/usr/lib/locale";

        async Task<ToolResult> RunAsync(string program, IReadOnlyList<string> arguments)
        {
            try
            {
                var command = new ToolCommand { Path = program, Arguments = arguments, Environment = machine.ForTool(), UserName = owner, WorkingDirectory = folder.Root };
                return await ToolProcess.RunAsync(command, null, cancel);
            }
            catch (BackupException e) when (e.Code == ErrorCode.ToolMissing)
            {
                throw new BackupException(ErrorCode.ToolMissing, $"A locale is missing ({string.Join(", ", wanted)}) and {program}, which would build it, is not installed.",
                    "apt-get install -y locales", e);
            }
        }
    }

    /// <summary><c>de_DE.UTF-8@euro</c> and <c>de_DE.utf8@euro</c> are the same locale; the system lists the second.</summary>
    internal static string Normal(string name)
    {
        var match = NameParts().Match(name);
        var charset = new string([.. match.Groups["charset"].Value.Where(char.IsLetterOrDigit).Select(char.ToLowerInvariant)]);
        return $"{match.Groups["language"].Value}{(charset.Length > 0 ? "." + charset : "")}{match.Groups["modifier"].Value}";
    }

    /// <summary>The source and the character map from which localedef builds a name.</summary>
    internal static (string Source, string Charmap) Parts(string name)
    {
        var match = NameParts().Match(name);
        var source = match.Groups["language"].Value + match.Groups["modifier"].Value;
        if (File.Exists(Supported))
        {
            var normal = Normal(name);
            var line = File.ReadLines(Supported).Select(l => l.Split(' ')).FirstOrDefault(l => l.Length == 2 && Normal(l[0]) == normal);
            if (line is not null) return (source, line[1]);
        }

        var charset = match.Groups["charset"].Value;
        return (source, charset.ToUpperInvariant() switch
        {
            "UTF8" => "UTF-8",
            "" => "ISO-8859-1",
            var c when c.StartsWith("ISO8859", StringComparison.Ordinal) => "ISO-8859-" + c["ISO8859".Length..].TrimStart('-'),
            _ => charset,
        });
    }

    private static async Task<HashSet<string>?> InstalledAsync(MachineEnvironment machine, CancellationToken cancel)
    {
        try
        {
            var result = await ToolProcess.RunAsync(new ToolCommand { Path = "locale", Arguments = ["-a"], Environment = machine.ForTool() }, null, cancel);
            return OperatingSystem.IsLinux() && result.ExitCode == 0
                ? [.. result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(Normal)]
                : null;
        }
        catch (BackupException e) when (e.Code == ErrorCode.ToolMissing)
        {
            return null;
        }
    }

    private static string FirstLine(string text) => text.Split('\n', 2)[0].Trim();

    [GeneratedRegex(@"^(?<language>[^.@]*)(?:\.(?<charset>[^@]*))?(?<modifier>@.*)?$", RegexOptions.ExplicitCapture)]
    private static partial Regex NameParts();
}
