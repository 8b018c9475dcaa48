using Backup.Core.Model;
using Backup.Core.Policies;

namespace Backup.Core.Operations.Checking;

/// <summary>What encryption with gpg means for proofs on AWS: there a private key is either not at hand or online.</summary>
internal static class EncryptionCheck
{
    public static IEnumerable<Finding> Judge(Policy policy)
    {
        var (recipients, drillKey) = (policy.Encryption.GpgRecipients, policy.Encryption.DrillKey);
        // Only the functions there read Secrets Manager.
        var onAws = policy.Databases.Any(d => d.Secret is not null);
        if (recipients.Count == 0) yield break;
        if (drillKey is null)
        {
            if (onAws)
            {
                yield return FindingCode.CheckDrillKey.On("encryption.gpgRecipients", "no private key is online on AWS: there drills, and verify above checksum, end in COULD NOT VERIFY",
                    "Name encryption.drillKey; or drill on a machine that has a private key (`backup drill`); or remove gpgRecipients: S3 encrypts under the vault's own key.");
            }

            yield break;
        }

        if (recipients.Count == 1)
        {
            yield return FindingCode.CheckDrillKey.On("encryption.gpgRecipients", $"names one key beside the drill key {drillKey}: either that is no recipient, and opens nothing, or it is the only one",
                "List the public key of the drill key, and at least one whose private key lies off-line.");
        }

        yield return FindingCode.CheckDrillKey.On("encryption.drillKey", onAws
                ? $"a private key that reads every backup is online: the secret {drillKey}, which the roles of verify and drill may read, and nobody else"
                : $"the secret {drillKey} is read by functions on AWS, and no database of this policy is served by them: here gpg's own keyring serves",
            onAws ? "Keep this key for proofs alone, and the others off-line." : "Remove drillKey, or leave it for a deployment on AWS.", Severity.Info);
    }
}
