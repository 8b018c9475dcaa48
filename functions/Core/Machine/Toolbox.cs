using Backup.Core.Model;

namespace Backup.Core.Machine;

/// <summary>The stock programs that bytes pass through, and their versions.</summary>
public sealed class Toolbox(MachineEnvironment machine)
{
    /// <summary>Stronger than gzip's default at a fraction of its time; see tests/Benchmarks.</summary>
    public const int DefaultZstdLevel = 3;

    public MachineEnvironment Machine { get; } = machine;

    public ToolCommand Compress(int level) => Command("zstd", ["-q", "-c", "-T1", $"-{level}"]);

    public ToolCommand Decompress() => Command("zstd", ["-q", "-d", "-c", "--long=31"]);

    /// <summary>To public key files; no keyring and no agent is touched.</summary>
    public ToolCommand Encrypt(IReadOnlyList<string> recipientFiles, string emptyHome) => Command("gpg",
        ["--homedir", emptyHome, "--batch", "--no-tty", "--quiet", "--no-autostart", "--trust-model", "always", "--compress-algo", "none",
         .. recipientFiles.SelectMany(f => (string[])["--recipient-file", f]), "--output", "-", "--encrypt", "-"]);

    /// <summary>With the private key in the user's own keyring.</summary>
    public ToolCommand Decrypt() => Command("gpg", ["--batch", "--no-tty", "--quiet", "--output", "-", "--decrypt", "-"]);

    /// <summary>The way back through an artifact's filters, last one first.</summary>
    public IEnumerable<ToolCommand> Undo(IReadOnlyList<string> filters) => filters.Reverse().Select(f => f switch
    {
        "zstd" => Decompress(),
        "gpg" => Decrypt(),
        _ => throw new BackupException(ErrorCode.BackupFormat, $"the manifest names the filter \"{f}\", which this program does not know",
            "Use a newer version of this program."),
    });

    /// <summary>For example <c>1.5.4</c>. tool.missing when it is not installed.</summary>
    public async Task<string> VersionAsync(string tool, CancellationToken cancel)
    {
        var text = await ToolProcess.CheckAsync(Command(tool, ["--version"]), null, cancel);
        var word = text.Split('\n')[0].Split([' ', ',', '*'], StringSplitOptions.RemoveEmptyEntries)
            .Select(w => w.TrimStart('v')).FirstOrDefault(w => w.Length > 0 && char.IsAsciiDigit(w[0]) && w.Contains('.', StringComparison.Ordinal));
        return word ?? text.Split('\n')[0].Trim();
    }

    private ToolCommand Command(string name, IReadOnlyList<string> arguments) => new()
    {
        Path = Machine.FindProgram(name) ?? name,
        Arguments = arguments,
        Environment = Machine.ForTool(),
    };
}
