using static Backup.Infra.Compile.Statement;

namespace Backup.Infra.Compile;

/// <summary>
/// What AWS made up and policies must name: the vault's key, by the database's name the ARN of each secret and, with a key per database, of each key, and the secret of the
/// drill key or null.
/// </summary>
public sealed record Made(string KeyArn, IReadOnlyDictionary<string, string> SecretArns, IReadOnlyDictionary<string, string> DatabaseKeyArns, string? DrillKeyArn);

/// <summary>Statements that several roles share.</summary>
internal static class Grants
{
    public const string StackTag = "backup-stack";

    /// <summary>Objects of the vault below the given key patterns.</summary>
    public static IReadOnlyList<string> Objects(Names names, IEnumerable<string> patterns) =>
        [.. patterns.Select(p => $"{Names.BucketArn(names.VaultBucket)}/{p}")];

    public static IReadOnlyList<string> Everything(Names names, string suffix = "*") => Objects(names, [$"{names.Root}{suffix}"]);

    public static IReadOnlyList<string> OfDatabase(Names names, string database, string suffix) =>
        Objects(names, names.Prefixes(database).Select(p => p + suffix));

    /// <summary>Current keys and versions: a manifest is read in its oldest version.</summary>
    public static Statement List(Names names, IEnumerable<string> prefixes) =>
        Allow("List", ["s3:ListBucket", "s3:ListBucketVersions"], [Names.BucketArn(names.VaultBucket)]).When("StringLike", "s3:prefix", [.. prefixes]);

    /// <summary>S3 knows no prefix condition for this action. It shows keys of unfinished uploads, no content.</summary>
    public static Statement ListUploads(Names names) => Allow("ListUploads", ["s3:ListBucketMultipartUploads"], [Names.BucketArn(names.VaultBucket)]);

    public static Statement Key(Names names, string keyArn, params IReadOnlyList<string> actions) => OfVault(names, Allow("Key", actions, [keyArn]));

    /// <summary>The database's own key, where there is one.</summary>
    public static IEnumerable<Statement> OwnKey(Names names, Made made, string database, params IReadOnlyList<string> actions) =>
        made.DatabaseKeyArns.TryGetValue(database, out var own) ? [OfVault(names, Allow("OwnKey", actions, [own]))] : [];

    /// <summary>Every database's key, by the stack's tag: a list would outgrow the policy with many databases.</summary>
    public static IEnumerable<Statement> DatabaseKeys(Names names, Made made, params IReadOnlyList<string> actions) => made.DatabaseKeyArns.Count == 0 ? [] :
        [OfVault(names, Allow("DatabaseKeys", actions, [names.Arn("kms", "key/*")]).When("StringEquals", $"aws:ResourceTag/{StackTag}", names.Stem))];

    private static Statement OfVault(Names names, Statement statement) => statement
        .When("StringEquals", "kms:ViaService", $"s3.{names.Region}.amazonaws.com")
        .When("StringEquals", "kms:EncryptionContext:aws:s3:arn", Names.BucketArn(names.VaultBucket));

    public static Statement Policy(Names names) => Allow("ReadPolicy", ["s3:GetObject"], [$"{Names.BucketArn(names.ConfigBucket)}/policy/*"]);

    /// <summary>PutMetricData knows no resource, only a namespace.</summary>
    public static Statement Metrics() => Allow("Metrics", ["cloudwatch:PutMetricData"], ["*"]).When("StringEquals", "cloudwatch:namespace", "Backup");

    public static Statement Logs(Names names, params IEnumerable<string> groups) =>
        Allow("Logs", ["logs:CreateLogStream", "logs:PutLogEvents"], [.. groups.Select(names.LogArn)]);

    public static Statement Failed(Names names) => Allow("FailedEvents", ["sqs:SendMessage"], [names.QueueArn]);

    /// <summary>Tags that this role may give: only the key <c>backup</c>, only these values.</summary>
    public static Statement Tag(string sid, IReadOnlyList<string> objects, params IReadOnlyList<string> values) =>
        Allow(sid, ["s3:PutObjectTagging"], objects)
            .When("StringEquals", "s3:RequestObjectTag/backup", values)
            .When("ForAllValues:StringEquals", "s3:RequestObjectTagKeys", "backup");

    /// <summary>Starts this database's task, as a role that may be no other than the caller's own and the one that pulls the image.</summary>
    public static IEnumerable<Statement> HandOver(Names names, string family, string taskRole) =>
    [
        Allow("HandOver", ["ecs:RunTask"], [names.TaskArn($"{family}:*")]).When("ArnEquals", "ecs:cluster", names.ClusterArn),
        Allow("PassTaskRoles", ["iam:PassRole"], [names.RoleArn(taskRole), names.RoleArn(names.Role("execution"))])
            .When("StringEquals", "iam:PassedToService", "ecs-tasks.amazonaws.com"),
    ];
}
