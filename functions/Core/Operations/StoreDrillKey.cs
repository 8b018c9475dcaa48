using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Storage;

namespace Backup.Core.Operations;

/// <summary>Puts the private key for proofs into Secrets Manager, after gpg has shown that it can be used by a function.</summary>
public sealed class StoreDrillKey(AwsCall aws, MachineEnvironment machine)
{
    private const string Armor = "-----BEGIN PGP ";

    /// <summary>True for what gpg exports with --armor, a public key too: it is refused as what it is.</summary>
    public static bool IsKey(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text.TrimStart().StartsWith(Armor, StringComparison.Ordinal);
    }

    /// <param name="secret">Name or ARN. The secret must exist.</param>
    /// <param name="armored">What <c>gpg --armor --export-secret-keys</c> prints.</param>
    /// <param name="check">Try it with gpg, in a home of its own, before it is stored.</param>
    /// <param name="cancel">Leaves nothing behind.</param>
    /// <returns>The key's fingerprint, or null when it was not tried.</returns>
    public async Task<string?> ExecuteAsync(string secret, string armored, bool check, CancellationToken cancel)
    {
        string? fingerprint = null;
        if (check)
        {
            await using var home = await PrivateKeyHome.OpenAsync(armored, "standard input", machine, cancel);
            fingerprint = home.Fingerprint;
        }

        await SecretValue.PutAsync(aws, secret, armored, "AWSCURRENT", cancel);
        return fingerprint;
    }
}
