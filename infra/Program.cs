using Backup.Core.Model;
using Backup.Infra;
using Backup.Infra.Settings;
using Pulumi;

return await Pulumi.Deployment.RunAsync(() =>
{
    var config = new Config("backup");
    var secrets = SettingsReader.SecretKeys.Where(key => config.GetSecret(key) is not null).ToHashSet();
    // Pulumi starts the program in infra/; paths in the policy start where Pulumi.yaml is.
    var folder = Path.GetFullPath("..");
    try
    {
        var settings = SettingsReader.Read(config.Get, new Config("aws").Get("region"), secrets, folder);
        foreach (var warning in settings.Warnings) Log.Warn(warning);
        return settings.Role == StackRole.Copy ? CopyStack.Build(settings) : MainStack.Build(settings, config.GetSecret, folder);
    }
    catch (BackupException e)
    {
        // Pulumi prints this without a stack trace, and registers nothing.
        throw new RunException($"{e.Message}\n→ {e.NextStep}");
    }
});
