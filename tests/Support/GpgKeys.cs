using Backup.Core.Machine;

namespace Backup.Tests.Support;

/// <summary>A key pair in a home of its own, and the public half as a file.</summary>
public sealed class GpgKeys : IAsyncDisposable
{
    private readonly DirectoryInfo _folder;

    private GpgKeys(DirectoryInfo folder, MachineEnvironment machine)
    {
        _folder = folder;
        Machine = machine;
    }

    /// <summary>A machine whose gpg knows the private key.</summary>
    public MachineEnvironment Machine { get; }
    public string PublicKeyFile => Path.Combine(_folder.FullName, "public.asc");
    public string EmptyHome => Path.Combine(_folder.FullName, "empty");

    /// <summary>The armored private half, as a team exports it.</summary>
    public string PrivateKey { get; private set; } = "";

    /// <summary>Lines of <see cref="PrivateKey"/> that are nothing but key: what must be found nowhere.</summary>
    public IReadOnlyList<string> Needles => [.. PrivateKey.Split('\n').Where(l => l.Length > 40 && !l.StartsWith('-'))];

    /// <param name="machine">Whose gpg.</param>
    /// <param name="cancel">Of the test.</param>
    /// <param name="passphrase">Of the private half; empty for none.</param>
    public static async Task<GpgKeys> MakeAsync(MachineEnvironment machine, CancellationToken cancel, string passphrase = "")
    {
        // Short: gpg-agent's socket lies in it.
        var folder = Directory.CreateDirectory($"/tmp/gk.{Guid.NewGuid():n}"[..16], UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var home = folder.CreateSubdirectory("home").FullName;
        var keys = new GpgKeys(folder, machine with { Variables = new Dictionary<string, string>(machine.Variables) { ["GNUPGHOME"] = home } });
        File.SetUnixFileMode(home, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        Directory.CreateDirectory(keys.EmptyHome, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        await keys.GpgAsync(["--batch", "--pinentry-mode", "loopback", "--passphrase", passphrase, "--quick-generate-key", "lab <lab@example.org>", "future-default", "default", "never"], cancel);
        await keys.GpgAsync(["--batch", "--armor", "--output", keys.PublicKeyFile, "--export", "lab@example.org"], cancel);
        keys.PrivateKey = await keys.GpgAsync(["--batch", "--pinentry-mode", "loopback", "--passphrase", passphrase, "--armor", "--export-secret-keys", "lab@example.org"], cancel);
        return keys;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var home in (string[])[Machine["GNUPGHOME"]!, EmptyHome])
        {
            await ToolProcess.RunAsync(new ToolCommand
            {
                Path = "gpgconf",
                Arguments = ["--kill", "all"],
                Environment = Machine.ForTool([new("GNUPGHOME", home)]),
            }, null, CancellationToken.None);
        }

        _folder.Delete(recursive: true);
    }

    private async Task<string> GpgAsync(IReadOnlyList<string> arguments, CancellationToken cancel) =>
        await ToolProcess.CheckAsync(new ToolCommand { Path = "gpg", Arguments = arguments, Environment = Machine.ForTool() }, null, cancel);
}
