using Backup.Infra.Settings;
using static Backup.Infra.Compile.Statement;

namespace Backup.Infra.Compile;

/// <summary>What GitHub's jobs may do. A pull request sees; main deploys what runs. A change of the vault fails there and is made by a person.</summary>
public static class CiPolicies
{
    public const string Provider = "token.actions.githubusercontent.com";

    public static string ProviderArn(Names names)
    {
        ArgumentNullException.ThrowIfNull(names);
        return $"arn:aws:iam::{names.Account}:oidc-provider/{Provider}";
    }

    /// <summary>One GitHub environment only, which the repository's settings protect: a branch name anybody could push.</summary>
    public static Statement Trust(string providerArn, string repository, string environment) =>
        Allow("GitHub", ["sts:AssumeRoleWithWebIdentity"], []).To("Federated", providerArn)
            .When("StringEquals", $"{Provider}:aud", "sts.amazonaws.com")
            .When("StringEquals", $"{Provider}:sub", $"repo:{repository}:environment:{environment}");

    public static IEnumerable<Statement> Preview(Names names, StateSettings state)
    {
        ArgumentNullException.ThrowIfNull(names);
        ArgumentNullException.ThrowIfNull(state);
        return
        [
            Allow("ReadState", ["s3:GetObject", "s3:ListBucket"], [Names.BucketArn(state.Bucket), $"{Names.BucketArn(state.Bucket)}/*"]),
            // Pulumi locks the state for a preview too.
            Allow("LockState", ["s3:PutObject", "s3:DeleteObject"], [$"{Names.BucketArn(state.Bucket)}/.pulumi/locks/*"]),
            Allow("StateKey", ["kms:Decrypt", "kms:Encrypt"], [state.KeyArn]),
            .. See(names),
            Deny("NoPasswords", ["secretsmanager:GetSecretValue", "secretsmanager:BatchGetSecretValue"], ["*"]),
            Deny("NoBackups", ["s3:GetObject*"], [$"{Names.BucketArn(names.VaultBucket)}/*", $"{Names.BucketArn(names.TrailBucket)}/*"]),
        ];
    }

    public static IEnumerable<Statement> Deploy(Names names, StateSettings state)
    {
        ArgumentNullException.ThrowIfNull(names);
        ArgumentNullException.ThrowIfNull(state);
        return
        [
            Allow("State", ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket"], [Names.BucketArn(state.Bucket), $"{Names.BucketArn(state.Bucket)}/*"]),
            Allow("StateKey", ["kms:Decrypt", "kms:Encrypt"], [state.KeyArn]),
            .. See(names),
            Allow("Policy", ["s3:PutObject", "s3:PutObjectTagging", "s3:GetObject", "s3:GetObjectTagging"], [$"{Names.BucketArn(names.ConfigBucket)}/policy/*"]),
            Allow("Roles",
                ["iam:CreateRole", "iam:DeleteRole", "iam:UpdateRole", "iam:UpdateAssumeRolePolicy", "iam:PutRolePolicy", "iam:DeleteRolePolicy", "iam:PutRolePermissionsBoundary",
                    "iam:TagRole", "iam:UntagRole"], [names.RoleArn($"{names.Stem}-*")]),
            Allow("PassRoles", ["iam:PassRole"], [names.RoleArn($"{names.Stem}-*")])
                .When("StringEquals", "iam:PassedToService", "lambda.amazonaws.com", "ecs-tasks.amazonaws.com", "scheduler.amazonaws.com", "chatbot.amazonaws.com"),
            Allow("Own",
            [
                "lambda:*", "logs:*", "scheduler:*", "sqs:*", "sns:*", "events:*", "cloudwatch:*", "ecs:*", "ecr:*",
            ],
            Own(names)),
            Allow("Secrets", ["secretsmanager:CreateSecret", "secretsmanager:UpdateSecret", "secretsmanager:TagResource", "secretsmanager:RotateSecret", "secretsmanager:CancelRotateSecret", "secretsmanager:PutResourcePolicy"],
                    [names.Arn("secretsmanager", "secret:*")])
                .When("StringEquals", $"aws:ResourceTag/{Grants.StackTag}", names.Stem),
            // These services have no names to hold on to before the resource exists; nothing of the vault is among them.
            Allow("Network",
                ["ec2:CreateVpc", "ec2:ModifyVpcAttribute", "ec2:CreateSubnet", "ec2:ModifySubnetAttribute", "ec2:CreateInternetGateway", "ec2:AttachInternetGateway",
                    "ec2:CreateRouteTable", "ec2:CreateRoute", "ec2:AssociateRouteTable", "ec2:CreateSecurityGroup", "ec2:AuthorizeSecurityGroupEgress",
                    "ec2:RevokeSecurityGroupEgress", "ec2:CreateVpcEndpoint", "ec2:ModifyVpcEndpoint", "ec2:CreateTags", "ecr:GetAuthorizationToken", "ecs:RegisterTaskDefinition",
                    "ecs:DeregisterTaskDefinition", "budgets:ModifyBudget", "chatbot:*SlackChannelConfiguration*"], ["*"]),
        ];
    }

    /// <summary>What runs, by name.</summary>
    private static IReadOnlyList<string> Own(Names names) =>
    [
        // Tags of a log group are asked for without the ":*" that its other actions have.
        names.FunctionArn($"{names.Stem}-*"), names.Arn("logs", $"log-group:/aws/lambda/{names.Stem}-*"), names.Arn("logs", $"log-group:{names.TaskLogGroup}*"), names.Arn("scheduler", $"schedule-group/{names.ScheduleGroup}"),
        names.Arn("scheduler", $"schedule/{names.ScheduleGroup}/*"), names.QueueArn, names.Arn("sns", $"{names.Stem}-*"), names.RuleArn($"{names.Stem}-*"),
        names.AlarmArn($"{names.Stem}-*"), $"arn:aws:cloudwatch::{names.Account}:dashboard/{names.DashboardName}", names.ClusterArn, names.TaskArn($"{names.Stem}-*"),
        names.Arn("ecr", $"repository/{names.Repository}"),
    ];

    /// <summary>
    /// What a preview compares with: descriptions, never contents. Variables of functions, subscribers of topics and inputs of schedules may hold other people's secrets:
    /// those of this stack only. The rest knows no resource, or shows no value.
    /// </summary>
    private static IEnumerable<Statement> See(Names names) =>
    [
        Allow("SeeOwn",
        [
            "lambda:Get*", "lambda:List*", "scheduler:Get*", "scheduler:List*", "sqs:Get*", "sqs:List*", "sns:Get*", "sns:List*", "events:Describe*", "events:List*",
            "logs:List*", "cloudwatch:GetDashboard", "cloudwatch:ListTagsForResource", "ecs:DescribeClusters", "ecr:Describe*", "ecr:GetLifecyclePolicy", "ecr:GetRepositoryPolicy", "ecr:List*",
        ], Own(names)),
        Allow("See",
        [
            "s3:GetBucket*", "s3:GetLifecycleConfiguration", "s3:GetReplicationConfiguration", "s3:GetEncryptionConfiguration", "s3:GetObjectTagging", "s3:ListBucket",
            "kms:DescribeKey", "kms:GetKey*", "kms:List*", "iam:Get*", "iam:List*", "logs:Describe*", "cloudwatch:DescribeAlarms", "cloudtrail:Describe*", "cloudtrail:Get*", "cloudtrail:List*",
            "ecs:DescribeTaskDefinition", "ec2:Describe*", "secretsmanager:DescribeSecret", "secretsmanager:GetResourcePolicy", "budgets:View*", "budgets:List*", "chatbot:Describe*",
            "ecr:GetAuthorizationToken",
        ], ["*"]),
    ];
}
