using Backup.Infra.Compile;
using Backup.Infra.Settings;
using Pulumi;

namespace Backup.Infra;

/// <summary>What `pulumi up` prints: what people need next, ready to paste.</summary>
internal static class Outputs
{
    public static IDictionary<string, object?> Of(InfraSettings settings, Output<string> keyArn, Output<string> image)
    {
        var (names, policy) = (settings.Names, settings.Policy);
        var first = policy.Databases[0];
        var vault = $"s3://{names.VaultBucket}";
        var outputs = new Dictionary<string, object?>
        {
            ["vault"] = vault,
            ["configBucket"] = names.ConfigBucket,
            ["vaultKey"] = keyArn,
            ["image"] = image,
            ["dashboard"] = DashboardCompiler.Url(names),
            ["functions"] = FunctionCompiler.Functions(names, policy, settings.RotationMonths is not null).Select(f => f.Name).ToArray(),
            ["restoreRole"] = names.RoleArn(names.Role("restore-operator")),
            ["auditorRole"] = names.RoleArn(names.Role("auditor")),
            ["vaultAdminRole"] = names.RoleArn(names.Role("vault-admin")),
            ["setPasswords"] = policy.Databases.Select(d => $"backup secret set {d.Secret}").ToArray(),
            // Event, not a synchronous call: the command line gives up after a minute and would start a second run.
            ["backupNow"] = $"aws lambda invoke --function-name {names.Function("dump", first.Name)} --invocation-type Event --cli-binary-format raw-in-base64-out "
                + $"--payload '{{\"database\":\"{first.Name}\",\"kind\":\"manual\",\"requestId\":\"by-hand-1\"}}' /dev/stdout",
            ["listBackups"] = $"backup list --vault {vault}",
            ["restoreLatest"] = $"backup restore latest --vault {vault} --database {first.Name} --target \"$TARGET_URL\"",
        };
        if (policy.Encryption.DrillKey is { } drillKey) outputs["setDrillKey"] = $"gpg --armor --export-secret-keys KEY | backup secret set {drillKey}";
        return outputs;
    }
}
