using Backup.Core.Machine;
using Backup.Core.Model;

namespace Backup.Core.Operations;

/// <summary>Where a proof gets a private gpg key from, when that is not the keyring of whoever runs it.</summary>
/// <param name="Name">For sentences, for example <c>the secret bloom/drill-key</c>.</param>
/// <param name="ReadAsync">The key as gpg exports it, armored. secret.unusable when there is none.</param>
public sealed record PrivateKeySource(string Name, Func<CancellationToken, Task<string>> ReadAsync);

/// <summary>
/// A home of gpg's own for one private key: in memory where there is room, closed to other users, gone with its agent at the end. The key reaches gpg by standard
/// input; no argument, environment or message holds a part of it.
/// </summary>
internal sealed class PrivateKeyHome : IAsyncDisposable
{
    private const string Status = "[GNUPG:] ";

    /// <summary>Of the thirteen numbers behind IMPORT_RES: private keys that were read.</summary>
    private const int PrivateKeysRead = 9;

    private const int AgentWaits = 200;
    private static readonly TimeSpan _agentWait = TimeSpan.FromMilliseconds(10);

    private readonly WorkFolder _folder;
    private readonly MachineEnvironment _machine;
    private readonly string _origin;
    private readonly SemaphoreSlim _turn = new(1);
    private string? _agent;

    private PrivateKeyHome(WorkFolder folder, MachineEnvironment machine, string origin) => (_folder, _machine, _origin) = (folder, machine, origin);

    /// <summary>Of the key's primary part, in hexadecimal. No secret.</summary>
    public string Fingerprint { get; private set; } = "";

    /// <param name="armored">What <c>gpg --armor --export-secret-keys</c> prints.</param>
    /// <param name="origin">What to call it in an error.</param>
    /// <param name="machine">Whose gpg.</param>
    /// <param name="cancel">Leaves nothing behind.</param>
    /// <exception cref="BackupException">secret.unusable: no private key, or one with a passphrase. tool.missing: no gpg.</exception>
    public static async Task<PrivateKeyHome> OpenAsync(string armored, string origin, MachineEnvironment machine, CancellationToken cancel)
    {
        var home = new PrivateKeyHome(WorkFolder.CreateInMemory(machine), machine, origin);
        try
        {
            await home.ImportAsync(armored, cancel);
            await home.RefusePassphraseAsync(cancel);
            return home;
        }
        catch
        {
            await home.DisposeAsync();
            throw;
        }
    }

    /// <summary>What an encrypted stream is encrypted with, from its beginning: the algorithm and the key of this one stream. Null when the private key is none of its recipients'.</summary>
    /// <exception cref="BackupException">secret.unusable: it is, and gpg could not use it.</exception>
    public async Task<string?> SessionKeyAsync(ReadOnlyMemory<byte> beginning, CancellationToken cancel)
    {
        // One at a time: at its first use the agent writes an imported key anew, and a second one would meet half of it.
        await _turn.WaitAsync(cancel);
        ToolResult result;
        try
        {
            // The rest is missing, so it always fails. What it logs holds the answer too: nobody is to have it by accident.
            result = await ToolProcess.RunBytesAsync(Gpg("--pinentry-mode", "error", "--logger-file", "/dev/null", "--show-session-key", "--output", "/dev/null", "--decrypt", "-"), beginning, cancel);
        }
        finally
        {
            _turn.Release();
        }

        var session = Lines(result, "SESSION_KEY").Select(words => words[0]).FirstOrDefault();
        if (session is null && Lines(result, "KEY_CONSIDERED").Any())
            throw Unusable("holds a key of a recipient, and gpg could not use its private half", "Store it with its encryption subkey: gpg --armor --export-secret-keys KEY | backup secret set NAME; then run it again.");
        return session;
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            await ToolProcess.RunAsync(Command("gpgconf", ["--homedir", _folder.GpgHome, "--kill", "all"]), null, CancellationToken.None);
            // It has been told to end, and does so a moment later.
            for (var wait = 0; wait < AgentWaits && _agent is not null && Directory.Exists($"/proc/{_agent}"); wait++) await Task.Delay(_agentWait);
        }
        catch (BackupException e) when (e.Code == ErrorCode.ToolMissing)
        {
            // An agent ends by itself when its home is gone.
        }

        _folder.Dispose();
        _turn.Dispose();
    }

    private async Task ImportAsync(string armored, CancellationToken cancel)
    {
        var result = await ToolProcess.RunAsync(Gpg("--import"), armored, cancel);
        var counts = Lines(result, "IMPORT_RES").FirstOrDefault() ?? [];
        if (counts.Length <= PrivateKeysRead || counts[PrivateKeysRead] == "0")
            throw Unusable("holds no private key as gpg exports it", "Store one: gpg --armor --export-secret-keys KEY | backup secret set NAME.");
        Fingerprint = Lines(result, "IMPORT_OK").Select(words => words[^1]).FirstOrDefault() ?? "";
        if (result.ExitCode != 0) throw Unusable($"could not be imported: {string.Join(" | ", ToolProcess.ErrorLines(result.Error).Take(3))}", "See whether gpg and its agent work on this machine.");
    }

    private async Task RefusePassphraseAsync(CancellationToken cancel)
    {
        // S KEYINFO keygrip type serial id cached protection …: P is a key that is stored under a passphrase.
        var keys = await ToolProcess.RunAsync(Command("gpg-connect-agent", ["--homedir", _folder.GpgHome, "getinfo pid", "keyinfo --list", "/bye"]), null, cancel);
        _agent = keys.Output.Split('\n').Select(l => l.Split(' ')).Where(w => w is ["D", _]).Select(w => w[1]).FirstOrDefault();
        if (keys.Output.Split('\n').Select(l => l.Split(' ')).Any(w => w is ["S", "KEYINFO", _, _, _, _, _, "P", ..]))
            throw Unusable("holds a key with a passphrase, and nobody is there to type it", "Take the passphrase off a copy of the key (gpg --edit-key KEY passwd), export that and store it: backup secret set NAME.");
    }

    private BackupException Unusable(string why, string nextStep) => new(ErrorCode.SecretUnusable, $"{_origin} {why}", nextStep);

    private ToolCommand Gpg(params IReadOnlyList<string> arguments) =>
        Command("gpg", ["--homedir", _folder.GpgHome, "--batch", "--no-tty", "--quiet", "--status-fd", "1", .. arguments]);

    private ToolCommand Command(string name, IReadOnlyList<string> arguments) => new()
    {
        Path = _machine.FindProgram(name) ?? name,
        Arguments = arguments,
        Environment = _machine.ForTool(),
    };

    private static IEnumerable<string[]> Lines(ToolResult result, string keyword) => result.Output.Split('\n')
        .Where(l => l.StartsWith($"{Status}{keyword} ", StringComparison.Ordinal)).Select(l => l[(Status.Length + keyword.Length + 1)..].Split(' '));
}
