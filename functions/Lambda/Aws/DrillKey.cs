using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Core.Policies;

namespace Backup.Lambda.Aws;

/// <summary>The private gpg key of the policy's <c>drillKey</c>: read when a proof meets an encrypted backup, never before, and not kept.</summary>
public sealed class DrillKey(SecretStore secrets)
{
    public PrivateKeySource Of(Policy policy)
    {
        ArgumentNullException.ThrowIfNull(policy);
        return policy.Encryption.DrillKey is { } secret ? new PrivateKeySource(SecretStore.Called(secret), cancel => ReadAsync(secret, cancel)) : new PrivateKeySource("no drill key", _ => throw Unnamed());
    }

    private async Task<string> ReadAsync(string secret, CancellationToken cancel)
    {
        var value = await secrets.ValueAsync(secret, SecretStore.Current, null, cancel);
        return string.IsNullOrWhiteSpace(value)
            ? throw new BackupException(ErrorCode.SecretUnusable, $"{SecretStore.Called(secret)} has no value", $"Store the private key: gpg --armor --export-secret-keys KEY | backup secret set {secret}.")
            : value;
    }

    private static BackupException Unnamed() => new(ErrorCode.SecretUnusable, "the backup is encrypted with gpg, and the policy names no encryption.drillKey: there is no private key here",
        "Name a drillKey in the policy; or drill on a machine that has a private key: `backup drill`.");
}
