using Backup.Core.Model;

namespace Backup.Core.Policies;

/// <summary>Turns the map of a policy into the records. Problems go to the map's list; the result counts only when there is none.</summary>
internal sealed class PolicyBuilder(string? folder)
{
    public Policy Build(PolicyMap map)
    {
        var databases = Databases(map);
        var retention = map.Map("retention") is { } kept ? RetentionBuilder.Retention(kept) : null;
        var (lockMode, lockReason) = Lock(map);
        var policy = new Policy
        {
            Project = map.Required("project", Forms.Name, ""),
            Environment = map.Required("environment", Forms.Name, ""),
            Objectives = Objectives(map),
            Vault = Vault(map),
            Databases = databases,
            Retention = retention,
            Storage = map.Map("storage") is { } storage ? RetentionBuilder.Storage(storage, retention) : new Dictionary<Tier, StorageClasses>(),
            Lock = lockMode,
            LockReason = lockReason,
            Copy = map.Or("copy", Forms.Word<CopyMode>(), CopyMode.None),
            Encryption = Encryption(map, databases),
            Watch = Watch(map),
            Drill = Drill(map),
            Notify = Notify(map),
        };
        Contradictions.Find(map, policy);
        map.Finish();
        return policy;
    }

    // A word, or a map where there is more to say than the mode.
    private static (LockMode Mode, string? Reason) Lock(PolicyMap map)
    {
        if (!map.IsMap("lock")) return (map.Or("lock", Forms.Word<LockMode>(), LockMode.None), null);
        var locked = map.Map("lock")!;
        var result = (locked.Required("mode", Forms.Word<LockMode>(), LockMode.None), locked.Optional("reason", Forms.Text));
        locked.Finish();
        return result;
    }

    private static Objectives? Objectives(PolicyMap map)
    {
        if (map.Map("objectives") is not { } objectives) return null;
        var result = new Objectives(
            objectives.Required("rpo", Forms.Duration, default),
            objectives.Required("rto", Forms.Duration, default));
        objectives.Finish();
        return result;
    }

    private string? Vault(PolicyMap map)
    {
        var vault = map.Optional("vault", Forms.Vault);
        return vault is null || folder is null || Contradictions.IsS3(vault) ? vault : Path.GetFullPath(vault, folder);
    }

    private List<DatabasePolicy> Databases(PolicyMap map)
    {
        var databases = new List<DatabasePolicy>();
        if (!map.Has("databases")) map.Missing("databases", "write at least one database with name and url or secret");
        var items = map.Maps("databases").ToList();
        // Folders of some systems do not tell upper from lower case, and two names must never share a folder.
        var firsts = new Dictionary<string, PolicyMap>(StringComparer.OrdinalIgnoreCase);
        foreach (var item in items)
        {
            var database = DatabaseBuilder.Build(item, folder);
            databases.Add(database);
            if (database.Name.Length > 0 && !firsts.TryAdd(database.Name, item))
                item.Problems.Add("policy.duplicateName", item.PathOf("name"), item.LineOf("name"),
                    $"{ProblemList.Show(database.Name)} is the name of {firsts[database.Name].Path} already", "give each database its own name");
            if (database.Secret is { } secret && databases.FindIndex(d => d.Secret == secret) is var first && first < databases.Count - 1)
                item.Contradiction("secret", $"{ProblemList.Show(secret)} is the secret of {items[first].Path} already", "give each database its own secret");
        }

        if (map.IsEmptyList("databases")) map.BadValue("databases", "is empty, so nothing would be backed up", "name at least one database");
        return databases;
    }

    private EncryptionPolicy Encryption(PolicyMap map, List<DatabasePolicy> databases)
    {
        if (map.Map("encryption") is not { } encryption) return new EncryptionPolicy();
        var recipients = new List<string>();
        foreach (var (item, path) in encryption.Items("gpgRecipients"))
        {
            if (!PolicyMap.TryValue(item, path, Forms.Text, map.Problems, out var written)) continue;
            var file = folder is null ? written : Path.GetFullPath(written, folder);
            if (folder is not null && PublicKeyFile.Problem(file) is { } problem)
                map.Problems.Add("policy.keyFile", path, item.Line, $"{ProblemList.Show(written)} {problem}",
                    "write the path, from the policy's folder, of what `gpg --armor --export` made");
            recipients.Add(file);
        }

        var drillKey = encryption.Optional("drillKey", Forms.SecretNameAs("bloom/drill-key"));
        if (encryption.Has("drillKey") && (!encryption.Has("gpgRecipients") || encryption.IsEmptyList("gpgRecipients")))
            encryption.Contradiction("drillKey", "stands without gpgRecipients, so there is nothing that it could open",
                "list the file of its public key, and a key that lies off-line, under gpgRecipients, or remove drillKey");
        if (drillKey is not null && databases.Find(d => d.Secret == drillKey) is { } owner)
            encryption.Contradiction("drillKey", $"{ProblemList.Show(drillKey)} is the secret of the database {owner.Name} already", "give the key a secret of its own");
        encryption.Finish();
        return new EncryptionPolicy { GpgRecipients = recipients, DrillKey = drillKey };
    }

    private static WatchPolicy Watch(PolicyMap map)
    {
        var standard = new WatchPolicy();
        if (map.Map("watch") is not { } watch) return standard;
        var warning = watch.Or("sizeWarning", Forms.Percent, standard.SizeWarning);
        var critical = watch.Or("sizeCritical", Forms.Percent, standard.SizeCritical);
        if (warning >= critical)
            watch.Contradiction(watch.Has("sizeWarning") ? "sizeWarning" : "sizeCritical",
                string.Create(System.Globalization.CultureInfo.InvariantCulture, $"the warning at {warning * 100:0.##}% does not come before the critical {critical * 100:0.##}%"),
                "write a sizeWarning below sizeCritical");
        var result = new WatchPolicy { SizeWarning = warning, SizeCritical = critical, MaxAge = watch.Optional("maxAge", Forms.Duration) };
        watch.Finish();
        return result;
    }

    private static DrillPolicy? Drill(PolicyMap map)
    {
        if (map.Map("drill") is not { } drill) return null;
        var result = new DrillPolicy(drill.Required("schedule", Forms.Schedule, "")) { IgnoreExtensions = drill.List("ignoreExtensions", Forms.Text) };
        drill.Finish();
        return result;
    }

    private static NotifyPolicy Notify(PolicyMap map)
    {
        if (map.Map("notify") is not { } notify) return new NotifyPolicy();
        var result = new NotifyPolicy
        {
            PagerDutyVariable = notify.Optional("pagerDuty", Forms.ReferenceAs("PAGERDUTY_URL")),
            SlackVariable = notify.Optional("slack", Forms.ReferenceAs("SLACK_WEBHOOK")),
            Email = notify.List("email", Forms.Mail),
            SmtpVariable = notify.Optional("smtp", Forms.ReferenceAs("SMTP_URL")),
            HeartbeatVariable = notify.Optional("heartbeat", Forms.ReferenceAs("HEARTBEAT_URL")),
        };
        if (result.SmtpVariable is not null && !notify.Has("email"))
            notify.Contradiction("smtp", "stands without email, so nobody would get mail", "add email: with addresses, or remove smtp");
        notify.Finish();
        return result;
    }
}
