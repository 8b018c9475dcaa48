using System.Security.Cryptography;
using System.Text;
using Backup.Core.Machine;
using Backup.Core.Model;

namespace Backup.Cli.Serving;

/// <summary>
/// What somebody must type to press a button. It is sent with each press and remembered nowhere: without cookie or session there is nothing that a foreign page could
/// ride on. Only its hash is kept.
/// </summary>
public sealed class ActionToken
{
    private const int Shortest = 16;
    private const UnixFileMode Others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;

    private readonly byte[] _hash;

    private ActionToken(string token) => _hash = Hash(token);

    /// <param name="reference"><c>${NAME}</c> of an environment variable, or a file that only its owner may read. Never the token itself: others see arguments.</param>
    /// <exception cref="BackupException">usage, without repeating what was given.</exception>
    public static ActionToken Read(string reference, MachineEnvironment machine)
    {
        ArgumentNullException.ThrowIfNull(reference);
        ArgumentNullException.ThrowIfNull(machine);
        var token = reference.StartsWith("${", StringComparison.Ordinal) && reference.EndsWith('}')
            ? machine[reference[2..^1]] ?? throw Wrong($"--token names the environment variable {reference[2..^1]}, which is not set", "Set it to a long random text: openssl rand -hex 24.")
            : FromFile(Path.GetFullPath(reference, Path.GetFullPath(machine.WorkingFolder)));
        return token.Length >= Shortest ? new ActionToken(token) : throw Wrong($"the token has {token.Length} characters", $"Give it at least {Shortest}: openssl rand -hex 24.");
    }

    /// <summary>In a time that does not depend on where they differ.</summary>
    public bool Is(string? typed) => CryptographicOperations.FixedTimeEquals(Hash(typed ?? ""), _hash);

    private static string FromFile(string path)
    {
        // What is no file may be a token that was written on the command line: it is not repeated.
        if (!File.Exists(path)) throw Wrong("--token is neither ${NAME} nor a file that exists", "Write the token into a file of mode 600, or into an environment variable, and name that.");
        if ((File.GetUnixFileMode(path) & Others) != 0) throw Wrong($"others may read or write the token file {path}", $"Run: chmod 600 {path}.");
        try
        {
            return File.ReadAllText(path).Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Wrong($"the token file {path} cannot be read: {e.Message}", "Make the user of this service its owner.");
        }
    }

    private static byte[] Hash(string text) => SHA256.HashData(Encoding.UTF8.GetBytes(text));

    private static BackupException Wrong(string sentence, string nextStep) => new(ErrorCode.UsageWrong, sentence, nextStep);
}
