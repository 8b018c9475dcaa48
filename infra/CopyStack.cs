using Backup.Infra.Components;
using Backup.Infra.Settings;

namespace Backup.Infra;

/// <summary>The second account: one bucket that replication fills, its key, and nothing that runs.</summary>
public static class CopyStack
{
    public static IDictionary<string, object?> Build(InfraSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        var names = settings.Names;
        var provider = StackProvider.For(settings);
        var keys = new Keys("keys", new KeysArgs
        {
            Names = names,
            Administrators = settings.VaultAdmins,
            Vault = false,
            CopyRegion = settings.Region,
            SourceAccount = settings.Source!,
        }, provider);
        _ = new CopyVault("copy", new CopyVaultArgs
        {
            Names = names,
            Policy = settings.Policy,
            Administrators = settings.VaultAdmins,
            KeyArn = keys.Copy!.Arn,
            SourceAccount = settings.Source!,
        }, provider);
        return new Dictionary<string, object?> { ["copyBucket"] = names.CopyBucket, ["copyKey"] = keys.Copy.Arn };
    }
}
