using Backup.Core.Model;

namespace Backup.Core.Machine;

/// <summary>How gpg reads one stream without a private key.</summary>
/// <param name="EmptyHome">A folder of this user's alone.</param>
/// <param name="OptionsFile">gpg's options, and in them the key of this stream: an argument could be read by everybody.</param>
public sealed record UnlockedArtifact(string EmptyHome, string OptionsFile);

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

    /// <summary>With the key of this one stream; no keyring and no agent is touched.</summary>
    public ToolCommand Decrypt(UnlockedArtifact unlocked)
    {
        ArgumentNullException.ThrowIfNull(unlocked);
        return Command("gpg", ["--homedir", unlocked.EmptyHome, "--options", unlocked.OptionsFile, "--no-keyring", "--no-autostart", "--batch", "--no-tty", "--quiet", "--output", "-", "--decrypt", "-"]);
    }

    /// <summary>The way back through an artifact's filters, last one first.</summary>
    /// <param name="filters">In the order of application.</param>
    /// <param name="unlocked">Null: the private key is in the user's own keyring.</param>
    public IEnumerable<ToolCommand> Undo(IReadOnlyList<string> filters, UnlockedArtifact? unlocked) => filters.Reverse().Select(f => f switch
    {
        "zstd" => Decompress(),
        "gpg" => unlocked is null ? Decrypt() : Decrypt(unlocked),
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
