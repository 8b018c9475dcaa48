using static Backup.Infra.Compile.Statement;

namespace Backup.Infra.Compile;

/// <summary>The most that a role of the stack can ever be given, whoever writes its policy.</summary>
public static class Boundaries
{
    /// <summary>For everything that runs, for operators and for auditors.</summary>
    public static IEnumerable<Statement> Workload(Names names)
    {
        ArgumentNullException.ThrowIfNull(names);
        return
        [
            // A boundary gives nothing: it is the outline that each role's own policy is cut out of.
            Allow("Outline",
            [
                "s3:Get*", "s3:List*", "s3:PutObject", "s3:PutObjectTagging", "s3:PutObjectRetention", "s3:AbortMultipartUpload", "s3:RestoreObject",
                "s3:ReplicateObject", "s3:ReplicateTags", "s3:ObjectOwnerOverrideToBucketOwner",
                "kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:ListAliases",
                "secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage",
                "secretsmanager:GetRandomPassword",
                "cloudwatch:PutMetricData", "cloudwatch:SetAlarmState", "cloudwatch:Describe*", "cloudwatch:Get*", "cloudwatch:List*",
                "logs:CreateLogStream", "logs:PutLogEvents", "logs:FilterLogEvents", "logs:GetLogEvents", "logs:DescribeLogStreams",
                "sqs:SendMessage", "sns:ListSubscriptionsByTopic", "lambda:InvokeFunction", "ecs:RunTask", "iam:PassRole",
                "ecr:GetAuthorizationToken", "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer",
                "cloudtrail:DescribeTrails", "cloudtrail:LookupEvents", "iam:GetRole", "iam:GetRolePolicy", "iam:ListRolePolicies", "iam:ListAttachedRolePolicies",
            ], ["*"]),
            Deny("OwnTasksOnly", ["iam:PassRole"], ["*"]).When("StringNotEquals", "iam:PassedToService", "ecs-tasks.amazonaws.com"),
            DenyOutside("OwnBucketsOnly", ["s3:*"], $"{Names.BucketArn(names.Stem)}-*"),
            Deny("OwnSecretsOnly", ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"], ["*"])
                .When("StringNotEquals", $"aws:ResourceTag/{Grants.StackTag}", names.Stem),
            DenyOutside("OwnRolesOnly", ["iam:PassRole"], names.RoleArn($"{names.Stem}-*")),
            DenyOutside("OwnFunctionsOnly", ["lambda:InvokeFunction"], names.FunctionArn($"{names.Stem}-*")),
        ];
    }

    /// <summary>For continuous integration: may deploy what runs, and not what protects.</summary>
    public static IEnumerable<Statement> Ci(Names names)
    {
        ArgumentNullException.ThrowIfNull(names);
        var guarded = PeoplePolicies.Buckets(names).Append(names.CopyBucket).Select(Names.BucketArn).ToList();
        string[] people = ["vault-admin", "restore-operator", "auditor", "ci-preview", "ci-deploy"];
        return
        [
            Allow("Outline", ["*"], ["*"]),
            Deny("NotTheVault",
                ["s3:Put*", "s3:Delete*", "s3:CreateBucket", "s3:BypassGovernanceRetention", "s3:RestoreObject", "s3:Replicate*", "s3:UpdateObjectEncryption", "s3:AbortMultipartUpload"],
                [.. guarded, $"{Names.BucketArn(names.VaultBucket)}/*", $"{Names.BucketArn(names.TrailBucket)}/*", $"{Names.BucketArn(names.CopyBucket)}/*"]),
            Deny("NoBackups", ["s3:GetObject*"], [$"{Names.BucketArn(names.VaultBucket)}/*", $"{Names.BucketArn(names.CopyBucket)}/*"]),
            Deny("NotTheKeys",
                ["kms:CreateKey", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:Disable*", "kms:CreateGrant", "kms:*Alias", "kms:UpdatePrimaryRegion"], ["*"]),
            Deny("NotTheTrail",
                ["cloudtrail:StopLogging", "cloudtrail:DeleteTrail", "cloudtrail:UpdateTrail", "cloudtrail:PutEventSelectors", "cloudtrail:CreateTrail"], ["*"]),
            Deny("NotTheBoundaries",
                ["iam:CreatePolicy*", "iam:DeletePolicy*", "iam:SetDefaultPolicyVersion"], [names.PolicyArn(names.Boundary), names.PolicyArn(names.CiBoundary)]),
            Deny("BoundariesStay", ["iam:DeleteRolePermissionsBoundary", "iam:DeleteUserPermissionsBoundary"], ["*"]),
            Deny("RolesWithBoundaryOnly", ["iam:CreateRole", "iam:PutRolePermissionsBoundary"], ["*"])
                .When("StringNotEquals", "iam:PermissionsBoundary", names.PolicyArn(names.Boundary)),
            Deny("NotPeople",
                ["iam:PutRole*", "iam:DeleteRole*", "iam:AttachRole*", "iam:DetachRole*", "iam:Update*Role*", "iam:PassRole", "sts:AssumeRole"],
                [.. people.Select(p => names.RoleArn(names.Role(p)))]),
            Deny("NoNewWays", ["iam:CreateUser", "iam:CreateAccessKey", "iam:CreateLoginProfile", "iam:AttachUserPolicy", "iam:PutUserPolicy", "iam:AddUserToGroup"], ["*"]),
            Deny("NoPasswords", ["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue", "secretsmanager:BatchGetSecretValue"], ["*"]),
        ];
    }

    private static Statement DenyOutside(string sid, IReadOnlyList<string> actions, string arn) => new()
    {
        Sid = sid,
        Effect = "Deny",
        Actions = actions,
        NotResources = [arn],
    };
}
