using Backup.Core.Model;
using Backup.Core.Policies;
using Backup.Infra.Compile;

namespace Backup.Infra.Settings;

/// <summary>What is right by itself and wrong together: policy against configuration, and both against AWS. What the policy alone contradicts, its reader has refused.</summary>
internal static class Contradictions
{
    /// <summary>The dashboard ends at 500 widgets.</summary>
    public const int MostDatabases = 80;

    public static void Find(ConfigReader config, InfraSettings settings, Policy? policy)
    {
        if (settings.VaultAdmins.Count == 0 && !config.Has("vaultAdmins"))
            config.Add("backup:vaultAdmins", "is required and missing: nobody could ever change the vault", "name the role that runs `pulumi up` for the vault (docs/deploy.md, step 1)", "config.missing");
        foreach (var admin in settings.VaultAdmins.Where(a => settings.Account.Length > 0 && !a.Contains($"::{settings.Account}:", StringComparison.Ordinal)))
            config.Add("backup:vaultAdmins", $"{admin} is a role of another account", $"name roles of {settings.Account}");
        if (settings.Role == StackRole.Copy) Copy(config, settings);
        else Whole(config, settings);
        if (policy is null) return;

        if (policy.Vault is not null) config.Add("vault", "is set, and here Pulumi makes the bucket", "remove vault from the policy");
        if (settings.Role == StackRole.Copy) return;
        CopyOf(config, settings, policy);
        if (settings.KeyPerDatabase && policy.Copy != CopyMode.None)
            config.Add("backup:keyPerDatabase", $"is true, and the policy says copy: {Words.Of(policy.Copy)}: the copy lies under one key of its own, so ending a database's key would not erase its backups", "remove one of the two");
        Secret(config, settings, "notify.pagerDuty", policy.Notify.PagerDutyVariable, "pagerduty");
        Secret(config, settings, "notify.slack", policy.Notify.SlackVariable, "slack");
        Secret(config, settings, "notify.heartbeat", policy.Notify.HeartbeatVariable, "heartbeat");
        if (policy.Notify.PagerDutyVariable is null && policy.Notify.Email.Count == 0)
            config.Add("notify", "names nobody whom an alarm would reach", "write notify.email or notify.pagerDuty");
        Databases(config, policy);
        if (policy.Drill is { } drill) Cron(config, "drill.schedule", drill.Schedule);
    }

    private static void Whole(ConfigReader config, InfraSettings settings)
    {
        if (settings.Operators is null && !config.Has("operators"))
            config.Add("backup:operators", "is required and missing: nobody could restore", "write kind: iam-users or identity-center, and principals", "config.missing");
        if (settings.Github is not null && settings.State is null && !config.Has("state"))
            config.Add("backup:state", "is required with backup:github", "write bucket and keyArn of the Pulumi state (docs/deploy.md, step 1)", "config.missing");
        if (settings.Network is { Subnets.Count: < 2 }) config.Add("backup:network.subnets", "has fewer than two subnets", "name two in different availability zones");
    }

    private static void Copy(ConfigReader config, InfraSettings settings)
    {
        if (settings.Source is null) config.Add("backup:source", "is required with role: copy", "write the account that the backups come from", "config.missing");
        else if (settings.Source == settings.Account) config.Add("backup:source", "is this very account", "a copy lives in a second account; for a second region write copy: region in the main stack");
    }

    private static void CopyOf(ConfigReader config, InfraSettings settings, Policy policy)
    {
        if (policy.Copy == CopyMode.None)
        {
            if (settings.Copy is not null) config.Add("backup:copy", "is set, and the policy says copy: none", "remove it, or write copy: region or account in the policy");
            return;
        }

        if (settings.Copy is null)
        {
            if (!config.Has("copy")) config.Add("backup:copy", $"is required with copy: {Words.Of(policy.Copy)}", "write account and region of the copy", "config.missing");
        }
        else if (policy.Copy == CopyMode.Account && settings.Copy.Account == settings.Account)
        {
            config.Add("backup:copy.account", "is this very account, and the policy says copy: account", "name the second account, or write copy: region");
        }
        else if (policy.Copy == CopyMode.Region && settings.Copy.Account != settings.Account)
        {
            config.Add("backup:copy.account", "is another account, and the policy says copy: region", "name this account, or write copy: account");
        }
        else if (policy.Copy == CopyMode.Region && settings.Copy.Region == settings.Region)
        {
            config.Add("backup:copy.region", "is this very region", "name another region");
        }
    }

    private static void Secret(ConfigReader config, InfraSettings settings, string path, string? variable, string key)
    {
        if (variable is not null && !settings.Secrets.Contains(key))
            config.Add(path, $"is used, and the secret backup:{key} is not set", $"run `pulumi config set --secret backup:{key}`");
        if (variable is null && settings.Secrets.Contains(key))
            config.Add($"backup:{key}", $"is set, and the policy does not use {path}", $"write {path} in the policy, or run `pulumi config rm backup:{key}`");
    }

    private static void Databases(ConfigReader config, Policy policy)
    {
        for (var i = 0; i < policy.Databases.Count; i++)
        {
            var database = policy.Databases[i];
            if (database.Secret is null)
                config.Add($"databases[{i}].url", "names an environment variable, which functions do not have", "write secret: with a Secrets Manager name");
            if (policy.Databases.Take(i).Any(d => Names.Database(d.Name) == Names.Database(database.Name)))
                config.Add($"databases[{i}].name", $"\"{database.Name}\" gives the same resource names as another database", "change one of the two names");
            if (database.Schedule is { } schedule) Cron(config, $"databases[{i}].schedule", schedule);
        }

        if (policy.Databases.Count > MostDatabases)
            config.Add("databases", $"has {policy.Databases.Count} databases; one stack can hold {MostDatabases}", "divide them between two stacks");
    }

    private static void Cron(ConfigReader config, string path, string schedule)
    {
        if (Schedule.TryParse(schedule, out var parsed, out _) && CronCompiler.Compile(parsed) is null)
            config.Add(path, $"\"{schedule}\" wants a day of the month and a weekday at once, which EventBridge Scheduler cannot do", "restrict one of the two");
    }
}
