using static Backup.Infra.Compile.Statement;

namespace Backup.Infra.Compile;

/// <summary>Policies of topics, the queue and secrets, and the trusts of services: each service only on behalf of this account.</summary>
public static class ServicePolicies
{
    public static IEnumerable<Statement> Topic(Names names, string topic)
    {
        ArgumentNullException.ThrowIfNull(names);
        var arn = names.TopicArn(topic);
        return
        [
            Allow("Alarms", ["sns:Publish"], [arn]).To("Service", "cloudwatch.amazonaws.com")
                .When("StringEquals", "aws:SourceAccount", names.Account).When("ArnLike", "aws:SourceArn", names.AlarmArn($"{names.Stem}-*")),
            Allow("Events", ["sns:Publish"], [arn]).To("Service", "events.amazonaws.com")
                .When("StringEquals", "aws:SourceAccount", names.Account).When("ArnLike", "aws:SourceArn", names.RuleArn($"{names.Stem}-*")),
            Allow("Budgets", ["sns:Publish"], [arn]).To("Service", "budgets.amazonaws.com").When("StringEquals", "aws:SourceAccount", names.Account),
            Deny("TlsOnly", ["sns:Publish"], [arn]).ToEverybody().When("Bool", "aws:SecureTransport", "false"),
        ];
    }

    /// <summary>Events that a topic or a rule could not deliver end here too; Lambda and Scheduler write as their own roles.</summary>
    public static IEnumerable<Statement> Queue(Names names)
    {
        ArgumentNullException.ThrowIfNull(names);
        return
        [
            Allow("Undelivered", ["sqs:SendMessage"], [names.QueueArn]).To("Service", "sns.amazonaws.com", "events.amazonaws.com")
                .When("StringEquals", "aws:SourceAccount", names.Account),
            Deny("TlsOnly", ["sqs:*"], [names.QueueArn]).ToEverybody().When("Bool", "aws:SecureTransport", "false"),
        ];
    }

    /// <summary>A password is read by this database's writer and by rotation, and changed by rotation and administrators.</summary>
    public static IEnumerable<Statement> Secret(Names names, string database, IReadOnlyList<string> administrators)
    {
        ArgumentNullException.ThrowIfNull(names);
        string[] readers = [names.RoleArn(names.Writer(database)), names.RoleArn(names.Role("rotation")), .. BucketPolicies.Exempt(names, administrators)];
        return
        [
            Deny("OthersNeverRead", ["secretsmanager:GetSecretValue", "secretsmanager:BatchGetSecretValue"], ["*"]).ToEverybody().When("ArnNotLike", "aws:PrincipalArn", readers),
        ];
    }

    /// <summary>
    /// The private key for proofs is read by those who prove, and by nobody who makes backups or administers: whoever holds it and the bucket reads everything. The key's other
    /// copy is off-line, so nobody needs to read this one in an emergency.
    /// </summary>
    public static IEnumerable<Statement> DrillKey(Names names)
    {
        ArgumentNullException.ThrowIfNull(names);
        return
        [
            Deny("OthersNeverRead", ["secretsmanager:GetSecretValue", "secretsmanager:BatchGetSecretValue"], ["*"]).ToEverybody()
                .When("ArnNotLike", "aws:PrincipalArn", names.RoleArn(names.Role("drill-*"))),
        ];
    }

    public static string LambdaTrust() => PolicyDocument.Trust(PolicyDocument.Service("Lambda", "lambda.amazonaws.com"));

    /// <summary>The same role in Lambda and in the task that a run is handed over to.</summary>
    public static string WorkerTrust(Names names) => PolicyDocument.Trust(PolicyDocument.Service("Lambda", "lambda.amazonaws.com"), Tasks(names));

    public static string TaskTrust(Names names) => PolicyDocument.Trust(Tasks(names));

    public static string SchedulerTrust(Names names)
    {
        ArgumentNullException.ThrowIfNull(names);
        return PolicyDocument.Trust(PolicyDocument.Service("Scheduler", "scheduler.amazonaws.com")
            .When("StringEquals", "aws:SourceAccount", names.Account)
            .When("StringEquals", "aws:SourceArn", names.Arn("scheduler", $"schedule-group/{names.ScheduleGroup}")));
    }

    public static string ReplicationTrust(Names names)
    {
        ArgumentNullException.ThrowIfNull(names);
        return PolicyDocument.Trust(PolicyDocument.Service("Replication", "s3.amazonaws.com")
            .When("StringEquals", "aws:SourceAccount", names.Account).When("StringEquals", "aws:SourceArn", Names.BucketArn(names.VaultBucket)));
    }

    public static string ChatTrust(Names names)
    {
        ArgumentNullException.ThrowIfNull(names);
        return PolicyDocument.Trust(PolicyDocument.Service("Chat", "chatbot.amazonaws.com").When("StringEquals", "aws:SourceAccount", names.Account));
    }

    private static Statement Tasks(Names names) => PolicyDocument.Service("Tasks", "ecs-tasks.amazonaws.com")
        .When("StringEquals", "aws:SourceAccount", names.Account).When("ArnLike", "aws:SourceArn", names.Arn("ecs", "*"));
}
