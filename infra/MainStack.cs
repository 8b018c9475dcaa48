using Backup.Core.Model;
using Backup.Infra.Compile;
using Backup.Infra.Components;
using Backup.Infra.Settings;
using Pulumi;
using Pulumi.Aws;
using Pulumi.Aws.CloudWatch;

namespace Backup.Infra;

/// <summary>Secrets of the configuration, by key: pagerduty, slack, heartbeat.</summary>
public delegate Output<string>? SecretValue(string key);

/// <summary>The whole product in one account, from top to bottom in the order in which parts need each other.</summary>
public static class MainStack
{
    /// <param name="folder">Where relative paths in the policy start.</param>
    /// <returns>What people need next: names, roles, links, commands.</returns>
    public static IDictionary<string, object?> Build(InfraSettings settings, SecretValue secret, string? folder)
    {
        ArgumentNullException.ThrowIfNull(settings);
        ArgumentNullException.ThrowIfNull(secret);
        var (names, policy, admins) = (settings.Names, settings.Policy, settings.VaultAdmins);
        var provider = StackProvider.For(settings);
        var bundle = PolicyBundle.Of(settings.PolicyJson, policy, names.VaultBucket, folder);

        var keys = new Keys("keys", new KeysArgs
        {
            Names = names,
            Administrators = admins,
            SourceAccount = settings.Account,
            Databases = settings.KeyPerDatabase ? [.. policy.Databases.Select(d => d.Name)] : [],
            CopyRegion = policy.Copy == CopyMode.Region ? settings.Copy!.Region : null,
        }, provider);
        var secrets = new Secrets("secrets", new SecretsArgs { Names = names, Databases = policy.Databases, DrillKey = policy.Encryption.DrillKey, Administrators = admins }, provider);
        var copy = Copy(settings, keys, provider);
        var made = Output.Tuple(keys.Vault!.Arn, secrets.Arns, keys.DatabaseArns, secrets.DrillKeyArn).Apply(t => new Made(t.Item1, t.Item2, t.Item3, t.Item4));
        var identity = new Identity("identity", new IdentityArgs
        {
            Names = names,
            Settings = settings,
            Made = made,
            CopyBucket = copy?.Bucket,
            CopyKeyArn = copy?.KeysArn,
        }, provider);
        var vault = new Vault("vault", new VaultArgs
        {
            Names = names,
            Policy = policy,
            Bundle = bundle,
            Administrators = admins,
            KeyArn = keys.Vault.Arn,
            DatabaseKeyArns = keys.DatabaseArns,
            Replication = copy is null ? null : new VaultReplication(identity.Arn("replication"), copy.BucketArn, copy.Account, copy.KeyArn, [identity.Ready("replication"), .. copy.After]),
        }, provider);
        if (settings.Trail != TrailMode.None)
            _ = new Audit("audit", new AuditArgs { Names = names, Mode = settings.Trail, Administrators = admins }, provider);

        var image = new WorkerImage("image", names, settings.Image, provider);
        var network = Sizing.NeedsFargate(policy) ? new Network("network", names, settings.Network, provider) : null;
        var workers = new Workers("workers", new WorkersArgs
        {
            Names = names,
            Settings = settings,
            Identity = identity,
            Vault = vault,
            Bundle = bundle,
            ImageUri = image.Uri,
            Place = network?.Place,
            DatabaseKeyArns = settings.KeyPerDatabase ? keys.DatabaseArns : null,
            CopyBucket = copy?.Bucket,
            NotifyUrls = NotifyUrls(settings, secret),
        }, provider);
        _ = new Schedules("schedules", new SchedulesArgs { Names = names, Settings = settings, Identity = identity, Secrets = secrets, Workers = workers }, provider);
        var alarms = new Alarms("alarms", new AlarmsArgs
        {
            Names = names,
            Settings = settings,
            CopyBucket = copy?.Bucket,
            QueueArn = workers.Queue.Arn,
            PagerDuty = secret("pagerduty"),
        }, provider);
        _ = new Dashboard("dashboard", new DashboardArgs
        {
            DashboardName = names.DashboardName,
            DashboardBody = DashboardCompiler.Body(names, policy, alarms.Specs.Select(a => names.AlarmArn($"{names.Stem}-{a.Name}"))),
        }, new CustomResourceOptions { Provider = provider.Provider });
        return Outputs.Of(settings, keys.Vault.Arn, image.Uri);
    }

    private static CopyPlace? Copy(InfraSettings settings, Keys keys, ComponentResourceOptions provider)
    {
        var (names, policy) = (settings.Names, settings.Policy);
        if (policy.Copy == CopyMode.None) return null;
        var target = settings.Copy!;
        var there = names with { Account = target.Account, Region = target.Region };
        if (policy.Copy == CopyMode.Account)
        {
            // Made by the second account's own stack; all of its names are known.
            return new CopyPlace(there.CopyBucket, Names.BucketArn(there.CopyBucket), target.Account, there.Arn("kms", there.Alias), Output.Create(there.Arn("kms", "key/*")), []);
        }

        var copy = new CopyVault("copy", new CopyVaultArgs
        {
            Names = names,
            Policy = policy,
            Administrators = settings.VaultAdmins,
            KeyArn = keys.Copy!.Arn,
            SourceAccount = settings.Account,
            Region = target.Region,
        }, provider);
        return new CopyPlace(names.CopyBucket, copy.Bucket.Arn, null, keys.Copy.Arn, keys.Copy.Arn, [copy.Versioning]);
    }

    private static Dictionary<string, Output<string>> NotifyUrls(InfraSettings settings, SecretValue secret)
    {
        var notify = settings.Policy.Notify;
        var urls = new Dictionary<string, Output<string>>(StringComparer.Ordinal);
        if (notify.SlackVariable is { } slack && secret("slack") is { } webhook) urls[slack] = webhook;
        if (notify.HeartbeatVariable is { } heartbeat && secret("heartbeat") is { } url) urls[heartbeat] = url;
        return urls;
    }

    /// <summary>Where copies go. <see cref="KeyArn"/> may be an alias; <see cref="KeysArn"/> is what an IAM policy can name.</summary>
    private sealed record CopyPlace(string Bucket, Input<string> BucketArn, string? Account, Input<string> KeyArn, Output<string> KeysArn, IReadOnlyList<Resource> After);
}
