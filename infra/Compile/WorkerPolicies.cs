using Backup.Core.Model;
using Backup.Core.Policies;
using static Backup.Infra.Compile.Statement;

namespace Backup.Infra.Compile;

/// <summary>What each role of the machinery may do, and nothing else. One method per role; <c>docs/security.md</c> shows the outcome, cell by cell.</summary>
public static class WorkerPolicies
{
    /// <summary>
    /// Dump and Incremental of one database, in Lambda and in Fargate. Adds; cannot read a backup, overwrite, delete, shorten, tag what is committed,
    /// write a result or a tombstone, or touch another database.
    /// </summary>
    public static IEnumerable<Statement> Writer(Names names, DatabasePolicy database, Made made)
    {
        ArgumentNullException.ThrowIfNull(names);
        ArgumentNullException.ThrowIfNull(database);
        ArgumentNullException.ThrowIfNull(made);
        var own = Grants.OfDatabase(names, database.Name, "*");
        var audit = Grants.Objects(names, [$"{names.AuditPrefix(database.Name)}*"]);
        return
        [
            Allow("Write", ["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:PutObjectRetention"], [.. own, .. audit]),
            Grants.Tag("TagNew", [.. own, .. audit], "pending", "committed"),
            // Manifests, locks, results, tombstones: facts about backups. Artifacts end in .zst or .gpg.
            Allow("ReadFacts", ["s3:GetObject", "s3:GetObjectVersion"], [.. Grants.OfDatabase(names, database.Name, "*.json"), .. audit]),
            Deny("NoProofNoEnd", ["s3:PutObject"], Grants.Objects(names, [$"{names.Root}*/results/*", $"{names.Root}*/expired.json"])),
            Grants.List(names, Prefixes(names, database)),
            Grants.ListUploads(names),
            Grants.Key(names, made.KeyArn, "kms:GenerateDataKey", "kms:Decrypt"),
            .. Grants.OwnKey(names, made, database.Name, "kms:GenerateDataKey", "kms:Decrypt"),
            Allow("ReadSecret", ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"], [made.SecretArns[database.Name]]),
            .. database.Runner == Runner.Lambda ? [] : Grants.HandOver(names, names.Task("dump", database.Name), names.Writer(database.Name)),
            .. Common(names, Names.LogGroup(names.Function("dump", database.Name)), Names.LogGroup(names.Function("incremental", database.Name)), names.TaskLogGroup),
        ];
    }

    /// <summary>Verify and drills of one database: reads it whole, with the drill key where there is one, writes results and evidence only. Knows no password of the source.</summary>
    public static IEnumerable<Statement> Drill(Names names, DatabasePolicy database, Made made, bool fargate)
    {
        ArgumentNullException.ThrowIfNull(names);
        ArgumentNullException.ThrowIfNull(database);
        ArgumentNullException.ThrowIfNull(made);
        var audit = Grants.Objects(names, [$"{names.AuditPrefix(database.Name)}*"]);
        var results = Grants.OfDatabase(names, database.Name, "*/results/*");
        return
        [
            Allow("Read", ["s3:GetObject", "s3:GetObjectVersion"], [.. Grants.OfDatabase(names, database.Name, "*"), .. audit]),
            Allow("WriteResults", ["s3:PutObject", "s3:PutObjectRetention"], [.. results, .. audit]),
            Grants.Tag("TagNew", [.. results, .. audit], "pending", "committed"),
            Grants.List(names, Prefixes(names, database)),
            Grants.Key(names, made.KeyArn, "kms:GenerateDataKey", "kms:Decrypt"),
            .. Grants.OwnKey(names, made, database.Name, "kms:Decrypt"),
            .. made.DrillKeyArn is { } drillKey ? [Allow("ReadDrillKey", ["secretsmanager:GetSecretValue"], [drillKey])] : (Statement[])[],
            .. fargate ? Grants.HandOver(names, names.Task("drill", database.Name), names.Drill(database.Name)) : [],
            .. Common(names, Names.LogGroup(names.Function("verify", database.Name)), names.TaskLogGroup),
        ];
    }

    /// <summary>Judges from outside: reads facts and ages, repairs locks, starts Prune, sends the test page, writes the month's report. No artifact, no password.</summary>
    public static IEnumerable<Statement> Watch(Names names, Made made, string? copyBucket)
    {
        ArgumentNullException.ThrowIfNull(names);
        ArgumentNullException.ThrowIfNull(made);
        var copy = copyBucket is null ? [] : new[]
        {
            Allow("CompareCopy", ["s3:ListBucket", "s3:ListBucketVersions"], [Names.BucketArn(copyBucket)]).When("StringLike", "s3:prefix", $"{names.Root}*"),
        };
        return
        [
            Allow("ReadFacts", ["s3:GetObject", "s3:GetObjectVersion"], Grants.Everything(names, "*.json")),
            Allow("RepairLocks", ["s3:PutObjectRetention"], Grants.Everything(names)),
            Allow("SayLocked", ["s3:PutObject"], Grants.Everything(names, "*/locked.json")),
            Grants.Tag("TagLocked", Grants.Everything(names, "*/locked.json"), "committed"),
            Allow("WriteReports", ["s3:PutObject"], [$"{Names.BucketArn(names.ConfigBucket)}/{FunctionContract.Reports}*"]),
            Grants.List(names, [$"{names.Root}*"]),
            .. copy,
            Grants.Key(names, made.KeyArn, "kms:GenerateDataKey", "kms:Decrypt"),
            .. Grants.DatabaseKeys(names, made, "kms:Decrypt"),
            // The tag stands for a list that would outgrow the policy with many databases. Describing shows no value.
            Allow("SecretsHaveValues", ["secretsmanager:DescribeSecret"], [names.Arn("secretsmanager", "secret:*")])
                .When("StringEquals", $"aws:ResourceTag/{Grants.StackTag}", names.Stem),
            Allow("SeeSubscribers", ["sns:ListSubscriptionsByTopic"], [names.Arn("sns", $"{names.Stem}-*")]),
            Allow("TestPage", ["cloudwatch:SetAlarmState"], [names.AlarmArn($"{names.Stem}-test-page")]),
            Allow("StartPrune", ["lambda:InvokeFunction"], [names.FunctionArn(names.Function("prune", null))]),
            .. Common(names, Names.LogGroup(names.Function("watch", null))),
        ];
    }

    /// <summary>Ends backups: writes tombstones and evidence, and tags. Lifecycle alone deletes, not before the age of the tier. Cannot read an artifact.</summary>
    public static IEnumerable<Statement> Pruner(Names names, Made made)
    {
        ArgumentNullException.ThrowIfNull(names);
        ArgumentNullException.ThrowIfNull(made);
        var born = Grants.Everything(names, "*/expired.json").Concat(Grants.Everything(names, "audit/*")).ToList();
        return
        [
            Allow("ReadFacts", ["s3:GetObject", "s3:GetObjectVersion"], Grants.Everything(names, "*.json")),
            Allow("ReadLocks", ["s3:GetObjectRetention", "s3:GetObjectLegalHold", "s3:GetObjectTagging"], Grants.Everything(names)),
            Allow("WriteTombstones", ["s3:PutObject", "s3:PutObjectRetention"], born),
            Grants.Tag("TagTombstones", born, "committed"),
            Grants.Tag("Expire", Grants.Everything(names), "expired"),
            Grants.List(names, [$"{names.Root}*"]),
            Grants.Key(names, made.KeyArn, "kms:GenerateDataKey", "kms:Decrypt"),
            .. Grants.DatabaseKeys(names, made, "kms:Decrypt"),
            .. Common(names, Names.LogGroup(names.Function("prune", null))),
        ];
    }

    /// <summary>Changes passwords: each login alters itself, so no administrator's secret is needed.</summary>
    public static IEnumerable<Statement> Rotation(Names names)
    {
        ArgumentNullException.ThrowIfNull(names);
        return
        [
            Allow("Rotate", ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"],
                    [names.Arn("secretsmanager", "secret:*")])
                .When("StringEquals", $"aws:ResourceTag/{Grants.StackTag}", names.Stem)
                .When("StringEquals", "secretsmanager:resource/AllowRotationLambdaArn", names.FunctionArn(names.Function("rotate-secret", null))),
            // It makes a random text and touches nothing; there is no resource to name.
            Allow("RandomPassword", ["secretsmanager:GetRandomPassword"], ["*"]),
            .. Common(names, Names.LogGroup(names.Function("rotate-secret", null))),
        ];
    }

    /// <summary>EventBridge Scheduler starts functions of this stack, and keeps what it could not deliver.</summary>
    public static IEnumerable<Statement> Scheduler(Names names)
    {
        ArgumentNullException.ThrowIfNull(names);
        // A prefix, since a list of every database's functions would outgrow the policy. RotateSecret answers to Secrets Manager only.
        return
        [
            Allow("Start", ["lambda:InvokeFunction"], [names.FunctionArn($"{names.Stem}-*")]),
            Deny("NotRotation", ["lambda:InvokeFunction"], [names.FunctionArn($"{names.Function("rotate-secret", null)}*")]),
            Grants.Failed(names),
        ];
    }

    /// <summary>Pulls the image and writes a task's log before the task's own role takes over.</summary>
    public static IEnumerable<Statement> Execution(Names names)
    {
        ArgumentNullException.ThrowIfNull(names);
        return
        [
            Allow("Pull", ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], [names.Arn("ecr", $"repository/{names.Repository}")]),
            // The login token is the account's; there is no resource to name.
            Allow("PullLogin", ["ecr:GetAuthorizationToken"], ["*"]),
            Grants.Logs(names, names.TaskLogGroup),
        ];
    }

    /// <summary>S3 copies what is new; it never deletes.</summary>
    /// <param name="copyKeyArn">In a second account its id is not known here: then every key there, which that account's key policy narrows to one.</param>
    public static IEnumerable<Statement> Replication(Names names, Made made, string copyBucket, string copyKeyArn, string copyRegion)
    {
        ArgumentNullException.ThrowIfNull(names);
        ArgumentNullException.ThrowIfNull(made);
        return
        [
            Allow("ReadRules", ["s3:GetReplicationConfiguration", "s3:ListBucket"], [Names.BucketArn(names.VaultBucket)]),
            Allow("ReadVersions", ["s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl", "s3:GetObjectVersionTagging", "s3:GetObjectRetention", "s3:GetObjectLegalHold"],
                Grants.Everything(names)),
            Allow("WriteCopy", ["s3:ReplicateObject", "s3:ReplicateTags", "s3:ObjectOwnerOverrideToBucketOwner"], [$"{Names.BucketArn(copyBucket)}/{names.Root}*"]),
            Grants.Key(names, made.KeyArn, "kms:Decrypt"),
            Allow("EncryptCopy", ["kms:Encrypt", "kms:GenerateDataKey", "kms:Decrypt"], [copyKeyArn])
                .When("StringEquals", "kms:ViaService", $"s3.{copyRegion}.amazonaws.com")
                .When("StringEquals", "kms:EncryptionContext:aws:s3:arn", Names.BucketArn(copyBucket)),
        ];
    }

    private static IEnumerable<string> Prefixes(Names names, DatabasePolicy database) =>
        [.. names.Prefixes(database.Name).Select(p => p + "*"), $"{names.AuditPrefix(database.Name)}*"];

    private static IEnumerable<Statement> Common(Names names, params IEnumerable<string> logGroups) =>
        [Grants.Policy(names), Grants.Metrics(), Grants.Logs(names, logGroups), Grants.Failed(names)];
}
