#pragma warning disable RS0030 // the one file that reads the environment
namespace Backup.Core.Machine;

/// <summary>
/// What the process was started with, read once in Main and passed down. The only reader of environment variables
/// (the AWS SDK reads its own).
/// </summary>
public sealed record MachineEnvironment
{
    public required IReadOnlyDictionary<string, string> Variables { get; init; }

    /// <summary>Folder for FIFOs, the base archive during a restore, and throw-away clusters.</summary>
    public required string TempFolder { get; init; }

    /// <summary>Where relative paths of the command line start.</summary>
    public string WorkingFolder { get; init; } = ".";

    public required string HostName { get; init; }
    public required string UserName { get; init; }
    public required bool IsRoot { get; init; }

    /// <summary>user@host: who did it, in manifests, tombstones and evidence.</summary>
    public string Operator => $"{UserName}@{HostName}";

    public string? this[string name] => Variables.TryGetValue(name, out var value) && value.Length > 0 ? value : null;

    /// <summary>The absolute path of a program on PATH, or null.</summary>
    public string? FindProgram(string name) =>
        (this["PATH"] ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries).Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists);

    public static MachineEnvironment Read()
    {
        var variables = Environment.GetEnvironmentVariables().Cast<System.Collections.DictionaryEntry>()
            .ToDictionary(e => (string)e.Key, e => (string?)e.Value ?? "", StringComparer.Ordinal);
        return new MachineEnvironment
        {
            Variables = variables,
            TempFolder = Path.GetTempPath().TrimEnd('/'),
            WorkingFolder = Environment.CurrentDirectory,
            HostName = Environment.MachineName,
            UserName = Environment.UserName,
            IsRoot = Environment.IsPrivilegedProcess,
        };
    }

    /// <summary>
    /// The environment of a child process: nothing is inherited but where things are and what gpg needs; no AWS
    /// credential and no PG* variable reaches a tool unless <paramref name="extra"/> names it.
    /// </summary>
    public IReadOnlyDictionary<string, string> ForTool(IEnumerable<KeyValuePair<string, string>>? extra = null)
    {
        var result = new Dictionary<string, string>(StringComparer.Ordinal) { ["LC_ALL"] = "C.UTF-8" };
        foreach (var name in (string[])["PATH", "HOME", "TMPDIR", "GNUPGHOME", "GPG_AGENT_INFO", "XDG_RUNTIME_DIR"])
            if (this[name] is { } value) result[name] = value;
        foreach (var (name, value) in extra ?? []) result[name] = value;
        return result;
    }
}
