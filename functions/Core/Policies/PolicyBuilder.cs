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
            Encryption = Encryption(map),
            Watch = Watch(map),
            Drill = Drill(map),
            Notify = Notify(map),
        };
        if (policy.Vault is { } vault && !IsS3(vault)) FolderContradictions(map, policy);
        if (retention is { Keep.Count: > 0 } && !retention.Keep.Keys.Any(RetentionPolicy.IsScheduled) && databases.Any(d => d.Schedule is not null))
            map.Contradiction("retention", "keeps no tier that a scheduled backup can take, and a database has a schedule",
                "name daily, weekly, monthly or annual");
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

    private static bool IsS3(string vault) => vault.StartsWith("s3://", StringComparison.Ordinal);

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
        return vault is null || folder is null || IsS3(vault) ? vault : Path.GetFullPath(vault, folder);
    }

    // A folder keeps nobody from deleting and is in no region: a policy that says so would promise what does not happen.
    private static void FolderContradictions(PolicyMap map, Policy policy)
    {
        if (policy.Lock != LockMode.None)
            map.Contradiction("lock", "needs S3, and the vault is a folder", "write lock: none, or an s3:// vault");
        if (policy.Copy != CopyMode.None)
            map.Contradiction("copy", "needs S3, and the vault is a folder", "write copy: none and use `backup sync`, or an s3:// vault");
        if (policy.Storage.Count > 0)
            map.Contradiction("storage", "needs S3, and the vault is a folder", "remove storage, or write an s3:// vault");
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
        }

        if (map.IsEmptyList("databases")) map.BadValue("databases", "is empty, so nothing would be backed up", "name at least one database");
        return databases;
    }

    private EncryptionPolicy Encryption(PolicyMap map)
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

        encryption.Finish();
        return new EncryptionPolicy { GpgRecipients = recipients };
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
