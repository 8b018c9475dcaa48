using System.Text;
using System.Text.RegularExpressions;
using Backup.Core.Model;
using Backup.Core.Policies;

namespace Backup.Infra.Settings;

/// <summary>
/// The stack's configuration as one valid record. The policy's problems and all others are reported together, before any resource is registered:
/// half a stack is worse than none.
/// </summary>
public static partial class SettingsReader
{
    public static IReadOnlyList<string> SecretKeys { get; } = ["pagerduty", "slack", "heartbeat"];

    /// <param name="value">Keys below <c>backup:</c>.</param>
    /// <param name="region"><c>aws:region</c>.</param>
    /// <param name="secrets">Which of <see cref="SecretKeys"/> are set.</param>
    /// <param name="folder">Where relative paths in the policy start: the folder of Pulumi.yaml.</param>
    /// <exception cref="BackupException">policy.invalid, with every problem.</exception>
    public static InfraSettings Read(ConfigValue value, string? region, IReadOnlySet<string> secrets, string? folder)
    {
        ArgumentNullException.ThrowIfNull(value);
        var problems = new List<Finding>();
        var config = new ConfigReader(value, problems);
        var policyJson = value("policy");
        var reading = policyJson is null ? null : PolicyReader.Read(Encoding.UTF8.GetBytes(policyJson), "backup:policy", folder);
        // The policy arrives as one line of JSON, so its line numbers would mislead.
        problems.AddRange(reading?.Problems.Select(p => p with { Line = null }) ?? []);
        if (policyJson is null) config.Add("backup:policy", "is required and missing", "write the policy below config: and backup:policy:", "config.missing");

        var account = config.Text("account", Account(), "write the twelve digits of the account, in quotes", required: true);
        if (region is null) config.Add("aws:region", "is required and missing", "write a region, for example eu-central-1", "config.missing");
        else if (!Region().IsMatch(region)) config.Add("aws:region", $"\"{region}\" is no region of the standard partition", "write a region like eu-central-1; GovCloud and China are not supported");
        var role = config.Word("role", StackRole.Main);
        var settings = new InfraSettings
        {
            Policy = reading?.Policy ?? new Policy { Project = "", Environment = "", Databases = [] },
            PolicyJson = policyJson ?? "",
            Role = role,
            Account = account ?? "",
            Region = region ?? "",
            VaultAdmins = config.Texts("vaultAdmins", RoleArn(), "write the ARN of a role, whose own trust demands MFA (docs/deploy.md, step 1)"),
            Operators = Operators(config),
            Github = config.Text("github", Repository(), "write owner/name of the repository"),
            OidcProvider = config.Word("oidcProvider", OidcProvider.Create),
            State = config.Map("state", ["bucket", "keyArn"], at =>
                config.Checked(at("bucket"), Bucket(), "write the bucket of the Pulumi state") is { } bucket
                && config.Checked(at("keyArn"), KeyArn(), "write the ARN of the key of the secrets provider") is { } key ? new StateSettings(bucket, key) : null),
            Image = config.Text("image", Digest(), "write repository@sha256: and 64 hexadecimal digits: a tag may change under a running function"),
            KeyPerDatabase = config.Flag("keyPerDatabase"),
            Network = Network(config),
            Trail = config.Word("trail", TrailMode.None),
            Budget = config.Whole("budget", 1, 1_000_000),
            Chat = config.Map("chat", ["workspace", "channel"], at =>
                config.Checked(at("workspace"), Workspace(), "write the workspace's id, T and letters and digits") is { } workspace
                && config.Checked(at("channel"), Channel(), "write the channel's id, C or G and letters and digits") is { } channel ? new ChatSettings(workspace, channel) : null),
            Copy = config.Map("copy", ["account", "region"], at =>
                config.Checked(at("account"), Account(), "write twelve digits, in quotes") is { } copyAccount
                && config.Checked(at("region"), Region(), "write a region like eu-west-1") is { } copyRegion ? new CopySettings(copyAccount, copyRegion) : null),
            Source = config.Text("source", Account(), "write the twelve digits of the account that the backups come from"),
            RotationMonths = config.Whole("rotation", 1, 12),
            Secrets = secrets,
        };
        Contradictions.Find(config, settings, reading?.Policy);
        if (problems.Count == 0) return settings;
        var lines = problems.Select((p, i) => $"({i + 1}) {PolicyReading.Describe(p)}");
        throw new BackupException(ErrorCode.PolicyInvalid,
            $"the stack's configuration has {PolicyReading.Count(problems.Count, "problem")}:\n{string.Join("\n", lines)}",
            "Mend Pulumi.<stack>.yaml; nothing has been made.");
    }

    private static OperatorSettings? Operators(ConfigReader config) => config.Map("operators", ["kind", "principals"], at =>
    {
        var kind = at("kind");
        if (!Words.TryParse<OperatorKind>(kind.Value.ToString(), out var known))
        {
            config.Add(kind.Path, $"\"{kind.Value}\" is not known", $"write {string.Join(" or ", Words.All<OperatorKind>())}");
            return null;
        }

        var principals = at("principals");
        var read = known == OperatorKind.IamUsers
            ? config.Texts(principals.Path, principals.Value, UserArn(), "write the ARN of an IAM user")
            : config.Texts(principals.Path, principals.Value, PermissionSet(), "write the name of a permission set");
        if (read.Count == 0) config.Add(principals.Path, "names nobody, so nobody could restore", "name at least one");
        return new OperatorSettings(known, read);
    });

    private static NetworkSettings? Network(ConfigReader config) => config.Map("network", ["subnets", "securityGroup", "publicIp"], at =>
    {
        var (path, list) = at("subnets");
        var subnets = config.Texts(path, list, Subnet(), "write the id of a subnet, subnet-…");
        var group = config.Checked(at("securityGroup"), Group(), "write the id of a security group, sg-…");
        var publicIp = config.Checked(at("publicIp"), Flag(), "write true for public subnets, false for private ones with a way out");
        return group is null || publicIp is null ? null : new NetworkSettings(subnets, group, publicIp.Equals("true", StringComparison.OrdinalIgnoreCase));
    });

    [GeneratedRegex(@"^[0-9]{12}\z")]
    private static partial Regex Account();

    [GeneratedRegex(@"^(?!cn-|us-gov-|us-iso)[a-z]{2}-[a-z]+-[0-9]\z")]
    private static partial Regex Region();

    // A wildcard only where Identity Center adds characters of its own to a role's name.
    [GeneratedRegex(@"^arn:aws:iam::[0-9]{12}:role/([\w+=,.@/-]+|aws-reserved/sso\.amazonaws\.com/[\w/*-]*AWSReservedSSO_[\w+=,.@-]+_\*)\z")]
    private static partial Regex RoleArn();

    [GeneratedRegex(@"^arn:aws:iam::[0-9]{12}:user/[\w+=,.@/-]+\z")]
    private static partial Regex UserArn();

    [GeneratedRegex(@"^[\w+=,.@-]{1,32}\z")]
    private static partial Regex PermissionSet();

    [GeneratedRegex(@"^[A-Za-z0-9-]+/[A-Za-z0-9._-]+\z")]
    private static partial Regex Repository();

    [GeneratedRegex(@"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\z")]
    private static partial Regex Bucket();

    [GeneratedRegex(@"^arn:aws:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+\z")]
    private static partial Regex KeyArn();

    [GeneratedRegex(@"^[^@\s]+@sha256:[0-9a-f]{64}\z")]
    private static partial Regex Digest();

    [GeneratedRegex(@"^subnet-[0-9a-f]+\z")]
    private static partial Regex Subnet();

    [GeneratedRegex(@"^sg-[0-9a-f]+\z")]
    private static partial Regex Group();

    [GeneratedRegex(@"^(?i:true|false)\z")]
    private static partial Regex Flag();

    [GeneratedRegex(@"^T[A-Z0-9]{2,20}\z")]
    private static partial Regex Workspace();

    [GeneratedRegex(@"^[CG][A-Z0-9]{2,20}\z")]
    private static partial Regex Channel();
}
