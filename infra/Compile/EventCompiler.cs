using Backup.Core.Model;

namespace Backup.Infra.Compile;

/// <summary>Events of the account that concern the vault. Most are management events, which any trail of the account delivers to EventBridge.</summary>
public static class EventCompiler
{
    /// <param name="trail">The stack records every access to objects: only then reads and tags can be seen.</param>
    public static IReadOnlyList<EventSpec> Rules(Names names, bool trail, bool rotation)
    {
        ArgumentNullException.ThrowIfNull(names);
        var rules = new List<EventSpec>
        {
            new("break-glass", "Somebody took the vault administrator's role.", Call("aws.sts", "sts.amazonaws.com", ["AssumeRole"],
                new { roleArn = new[] { names.RoleArn(names.Role("vault-admin")) } }), AlarmTopic.Critical),
            new("vault-changed", "Somebody changed, or tried to change, the vault's own rules.", Call("aws.s3", "s3.amazonaws.com",
                ["PutBucketPolicy", "DeleteBucketPolicy", "PutBucketLifecycle", "DeleteBucketLifecycle", "PutBucketVersioning", "PutObjectLockConfiguration",
                    "PutBucketReplication", "DeleteBucketReplication", "PutBucketEncryption", "DeleteBucketEncryption", "PutBucketPublicAccessBlock",
                    "DeleteBucketPublicAccessBlock", "DeleteBucket"],
                new { bucketName = new[] { names.VaultBucket, names.TrailBucket } }), AlarmTopic.Critical),
            new("key-ends", "Somebody scheduled a key's deletion, disabled it or changed its policy.", Call("aws.kms", "kms.amazonaws.com",
                ["ScheduleKeyDeletion", "DisableKey", "PutKeyPolicy"], null), AlarmTopic.Critical),
            new("trail-stopped", "Somebody stopped or changed a trail.", Call("aws.cloudtrail", "cloudtrail.amazonaws.com",
                ["StopLogging", "DeleteTrail", "UpdateTrail", "PutEventSelectors"], null), AlarmTopic.Critical),
            new("task-failed", "A task ended with an error or never started.", JsonText.Of(new Dictionary<string, object>
            {
                ["source"] = new[] { "aws.ecs" },
                ["detail-type"] = new[] { "ECS Task State Change" },
                ["detail"] = new Dictionary<string, object>
                {
                    ["clusterArn"] = new[] { names.ClusterArn },
                    ["lastStatus"] = new[] { "STOPPED" },
                    ["containers"] = new Dictionary<string, object> { ["exitCode"] = new object[] { new Dictionary<string, object> { ["anything-but"] = new[] { 0 } } } },
                },
            }), AlarmTopic.Notice),
        };
        if (rotation)
        {
            rules.Add(new("rotation-failed", "A password could not be rotated; the old one still works.", JsonText.Of(new Dictionary<string, object>
            {
                ["source"] = new[] { "aws.secretsmanager" },
                ["detail-type"] = new[] { "AWS Service Event via CloudTrail" },
                ["detail"] = new Dictionary<string, object> { ["eventName"] = new[] { "RotationFailed" } },
            }), AlarmTopic.Critical));
        }

        if (!trail) return rules;
        rules.Add(new("unusual-reads", "A backup was read by somebody who is neither a drill, an operator, an auditor nor the copy.", Objects(names, ["GetObject"],
            ["drill-", "restore-operator", "auditor", "replication", "writer-", "watch", "pruner"]), AlarmTopic.Critical));
        rules.Add(new("restores", "An operator read a backup: a restore, or a rehearsal.", By(names, ["GetObject"], "restore-operator"), AlarmTopic.Notice));
        rules.Add(new("foreign-tags", "Somebody other than writers, drills, watch and the pruner set a tag.", Objects(names, ["PutObjectTagging"],
            ["writer-", "drill-", "watch", "pruner", "restore-operator"]), AlarmTopic.Critical));
        // Counted by the alarm too-many-expired; it tells nobody by itself.
        rules.Add(new("expiry-tags", "The pruner's tags.", By(names, ["PutObjectTagging"], "pruner"), null));
        return rules;
    }

    /// <summary>Each manifest that a lifecycle rule hides, for Watch, which looks for the tombstone behind it. Lifecycle is in no trail.</summary>
    public static EventSpec Expiries(Names names)
    {
        ArgumentNullException.ThrowIfNull(names);
        return new("expiries", "Manifests that a lifecycle rule removed.", JsonText.Of(new Dictionary<string, object>
        {
            ["source"] = new[] { "aws.s3" },
            ["detail-type"] = new[] { "Object Deleted" },
            ["detail"] = new Dictionary<string, object>
            {
                ["bucket"] = new { name = new[] { names.VaultBucket } },
                ["object"] = new { key = new[] { new { suffix = $"/{VaultKeys.ManifestName}" } } },
                ["reason"] = new[] { "Lifecycle Expiration" },
                ["deletion-type"] = new[] { "Delete Marker Created" },
            },
        }), null);
    }

    private static string Call(string source, string service, string[] events, object? parameters)
    {
        var detail = new Dictionary<string, object> { ["eventSource"] = new[] { service }, ["eventName"] = events };
        if (parameters is not null) detail["requestParameters"] = parameters;
        return JsonText.Of(new Dictionary<string, object>
        {
            ["source"] = new[] { source },
            ["detail-type"] = new[] { "AWS API Call via CloudTrail" },
            ["detail"] = detail,
        });
    }

    private static string Objects(Names names, string[] events, string[] usual) => Pattern(names, events,
        new object[] { new Dictionary<string, object> { ["anything-but"] = new { prefix = usual.Select(u => Session(names, u)).ToArray() } } });

    private static string By(Names names, string[] events, string role) => Pattern(names, events, new object[] { new { prefix = Session(names, role) + "/" } });

    // The session's ARN, not the role's: users and root have an ARN too, but no role.
    private static string Session(Names names, string role) => $"arn:aws:sts::{names.Account}:assumed-role/{names.Role(role)}";

    private static string Pattern(Names names, string[] events, object[] who) => JsonText.Of(new Dictionary<string, object>
    {
        ["source"] = new[] { "aws.s3" },
        ["detail-type"] = new[] { "AWS API Call via CloudTrail" },
        ["detail"] = new Dictionary<string, object>
        {
            ["eventName"] = events,
            ["requestParameters"] = new { bucketName = new[] { names.VaultBucket } },
            ["userIdentity"] = new { arn = who },
        },
    });
}
