using Backup.Infra.Settings;
using static Backup.Infra.Compile.Statement;

namespace Backup.Infra.Compile;

/// <summary>What people may do through a role, and who may take the role.</summary>
public static class PeoplePolicies
{
    /// <summary>What tells of backups and holds none of their rows; an artifact's key ends with another name.</summary>
    private static readonly string[] _proof = ["audit/*", "*/manifest.json", "*/results/*.json", "*/locked.json", "*/expired.json"];

    /// <summary>Reads backups, thaws them, and leaves evidence. Writes nothing else, and cannot read the passwords of the sources.</summary>
    public static IEnumerable<Statement> RestoreOperator(Names names, Made made)
    {
        ArgumentNullException.ThrowIfNull(names);
        ArgumentNullException.ThrowIfNull(made);
        return
        [
            Allow("Read", ["s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectRetention", "s3:GetObjectTagging", "s3:GetObjectAttributes"], Grants.Everything(names)),
            Allow("Thaw", ["s3:RestoreObject"], Grants.Everything(names)),
            Allow("LeaveEvidence", ["s3:PutObject"], Grants.Everything(names, "audit/*")),
            Grants.Tag("TagEvidence", Grants.Everything(names, "audit/*"), "pending", "committed"),
            Grants.List(names, ["", $"{names.Root}*"]),
            Grants.Key(names, made.KeyArn, "kms:Decrypt", "kms:GenerateDataKey"),
            .. Grants.DatabaseKeys(names, made, "kms:Decrypt"),
            Grants.Policy(names),
            Allow("StartByHand", ["lambda:InvokeFunction"], [names.FunctionArn($"{names.Stem}-dump-*"), names.FunctionArn($"{names.Stem}-verify-*")]),
            Allow("SeeLogs", ["logs:FilterLogEvents", "logs:GetLogEvents", "logs:DescribeLogStreams"], [names.LogArn($"/aws/lambda/{names.Stem}-*"), names.LogArn(names.TaskLogGroup)]),
        ];
    }

    /// <summary>Sees how everything is set up, what is there, what was proven of it and who did what. No row of any backup, no value of any secret.</summary>
    public static IEnumerable<Statement> Auditor(Names names, Made made)
    {
        ArgumentNullException.ThrowIfNull(names);
        ArgumentNullException.ThrowIfNull(made);
        return
        [
            Allow("SeeBuckets",
                ["s3:GetBucket*", "s3:GetLifecycleConfiguration", "s3:GetReplicationConfiguration", "s3:GetEncryptionConfiguration", "s3:ListBucket", "s3:ListBucketVersions"],
                [.. Buckets(names).Select(Names.BucketArn)]),
            Allow("SeeObjects",
                ["s3:GetObjectRetention", "s3:GetObjectLegalHold", "s3:GetObjectTagging", "s3:GetObjectVersionTagging"], Grants.Everything(names)),
            Allow("SeeProof", ["s3:GetObject", "s3:GetObjectVersion"], [.. _proof.SelectMany(p => Grants.Everything(names, p))]),
            Grants.Key(names, made.KeyArn, "kms:Decrypt"),
            .. Grants.DatabaseKeys(names, made, "kms:Decrypt"),
            Allow("SeePolicyAndReports", ["s3:GetObject"], [$"{Names.BucketArn(names.ConfigBucket)}/policy/*", $"{Names.BucketArn(names.ConfigBucket)}/{FunctionContract.Reports}*"]),
            Allow("SeeTrail", ["s3:GetObject"], [$"{Names.BucketArn(names.TrailBucket)}/AWSLogs/*"]),
            Allow("SeeRoles", ["iam:GetRole", "iam:GetRolePolicy", "iam:ListRolePolicies", "iam:ListAttachedRolePolicies"], [names.RoleArn($"{names.Stem}-*")]),
            // These actions know no resource; all of them only describe.
            Allow("SeeRest",
                ["cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData", "cloudwatch:ListMetrics", "cloudtrail:DescribeTrails", "cloudtrail:LookupEvents", "kms:ListAliases"], ["*"]),
        ];
    }

    /// <summary>
    /// Changes the vault, its keys and its trail, and lifts governance locks. For emergencies and for `pulumi up` of the vault; each use is alarmed.
    /// It has no boundary, since it is what may change the boundary.
    /// </summary>
    public static IEnumerable<Statement> VaultAdmin(Names names, Made made)
    {
        ArgumentNullException.ThrowIfNull(names);
        ArgumentNullException.ThrowIfNull(made);
        return
        [
            Allow("Buckets", ["s3:*"], [.. Buckets(names).SelectMany(b => new[] { Names.BucketArn(b), $"{Names.BucketArn(b)}/*" })]),
            Allow("Keys", ["kms:*"], [made.KeyArn]),
            .. made.DatabaseKeyArns.Count == 0 ? Array.Empty<Statement>()
                : [Allow("DatabaseKeys", ["kms:*"], [names.Arn("kms", "key/*")]).When("StringEquals", $"aws:ResourceTag/{Grants.StackTag}", names.Stem)],
            Allow("Trail", ["cloudtrail:*"], [names.TrailArn]),
            Allow("Boundaries", ["iam:CreatePolicyVersion", "iam:DeletePolicyVersion", "iam:SetDefaultPolicyVersion", "iam:GetPolicy", "iam:GetPolicyVersion", "iam:ListPolicyVersions", "iam:TagPolicy"],
                [names.PolicyArn(names.Boundary), names.PolicyArn(names.CiBoundary)]),
        ];
    }

    /// <summary>
    /// Operators take a role from this account only. IAM users with MFA of the last hour; sessions of Identity Center carry no such mark, so there the
    /// permission set is named and the identity provider demands MFA.
    /// </summary>
    public static Statement Operators(Names names, OperatorSettings operators)
    {
        ArgumentNullException.ThrowIfNull(names);
        ArgumentNullException.ThrowIfNull(operators);
        if (operators.Kind == OperatorKind.IamUsers)
        {
            return Allow("UsersWithMfa", ["sts:AssumeRole"], []).To("AWS", operators.Principals)
                .When("Bool", "aws:MultiFactorAuthPresent", "true").When("NumericLessThan", "aws:MultiFactorAuthAge", "3600");
        }

        return Allow("PermissionSets", ["sts:AssumeRole"], []).To("AWS", names.RootArn)
            .When("ArnLike", "aws:PrincipalArn", [.. operators.Principals.SelectMany(set => PermissionSet(names, set))]);
    }

    /// <summary>The roles that may take the administrator's role: those of the configuration, whose own trust demands MFA.</summary>
    public static Statement Administrators(Names names, IReadOnlyList<string> administrators)
    {
        ArgumentNullException.ThrowIfNull(names);
        return Allow("VaultAdministrators", ["sts:AssumeRole"], []).To("AWS", names.RootArn).When("ArnLike", "aws:PrincipalArn", administrators);
    }

    internal static IEnumerable<string> Buckets(Names names) => [names.VaultBucket, names.ConfigBucket, names.TrailBucket];

    // With and without the Region that Identity Center puts into the path when it is not in us-east-1.
    private static IEnumerable<string> PermissionSet(Names names, string set) =>
    [
        names.RoleArn($"aws-reserved/sso.amazonaws.com/AWSReservedSSO_{set}_*"),
        names.RoleArn($"aws-reserved/sso.amazonaws.com/*/AWSReservedSSO_{set}_*"),
    ];
}
