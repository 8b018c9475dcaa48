using Backup.Core.Model;
using Backup.Core.Policies;
using static Backup.Infra.Compile.Statement;

namespace Backup.Infra.Compile;

/// <summary>What a bucket refuses, whoever asks. The only exception that can change a bucket is the vault's administrators.</summary>
public static class BucketPolicies
{
    private const int LockSlackDays = 7;

    /// <summary>Everything that ends, weakens or re-keys what is stored, or changes the bucket's own rules.</summary>
    private static readonly string[] _guarded =
    [
        "s3:DeleteObject*", "s3:DeleteBucket*", "s3:BypassGovernanceRetention", "s3:PutObjectVersionTagging", "s3:PutObjectAcl", "s3:PutObjectVersionAcl",
        "s3:PutObjectLegalHold", "s3:UpdateObjectEncryption", "s3:PutBucket*", "s3:PutLifecycleConfiguration", "s3:PutReplicationConfiguration",
        "s3:PutEncryptionConfiguration", "s3:PutInventoryConfiguration", "s3:PutMetricsConfiguration", "s3:PutAnalyticsConfiguration",
        "s3:PutAccelerateConfiguration", "s3:PutIntelligentTieringConfiguration",
    ];

    /// <param name="keyArns">The vault's key and, with a key per database, theirs: who may use which is said by their own policies.</param>
    public static IEnumerable<Statement> Vault(Names names, Policy policy, IReadOnlyList<string> administrators, IReadOnlyList<string> keyArns)
    {
        ArgumentNullException.ThrowIfNull(names);
        ArgumentNullException.ThrowIfNull(policy);
        var bucket = Names.BucketArn(names.VaultBucket);
        string[] all = [bucket, $"{bucket}/*"];
        string[] objects = [$"{bucket}/*"];
        return
        [
            .. Doors(bucket, names.Account),
            // An upload without these headers takes the bucket's default, which is the key. IfExists would not do: on a missing key it is true, and denies.
            Other("KmsOnly", ["s3:PutObject"], objects, "s3:x-amz-server-side-encryption", "aws:kms"),
            Other("OurKeyOnly", ["s3:PutObject"], objects, "s3:x-amz-server-side-encryption-aws-kms-key-id", keyArns),
            Deny("NoCustomerKeys", ["s3:PutObject"], objects).ToEverybody().When("Null", "s3:x-amz-server-side-encryption-customer-algorithm", "false"),
            WriteOnce([$"{bucket}/{names.Root}*"]),
            Deny("VaultAdminsOnly", _guarded, all).ToEverybody().When("ArnNotLike", "aws:PrincipalArn", Exempt(names, administrators)),
            Deny("TagsStay", ["s3:DeleteObjectTagging", "s3:DeleteObjectVersionTagging"], objects).ToEverybody()
                .When("ArnNotLike", "aws:PrincipalArn", Exempt(names, administrators)),
            Deny("ExpireByPrunerOnly", ["s3:PutObjectTagging", "s3:PutObject"], objects).ToEverybody()
                .When("StringEquals", "s3:RequestObjectTag/backup", "expired")
                .When("ArnNotLike", "aws:PrincipalArn", [names.RoleArn(names.Role("pruner")), .. Exempt(names, administrators)]),
            // The street of tags, for everybody: pending → committed → expired. Back to pending, or to no tag and then to pending, the rule for dead runs would remove
            // a backup whatever its tier's age. The same tag again is allowed: the answer to the first request may have been lost.
            Street("CommittedStaysSo", objects, names, administrators, "committed", "committed", "expired"),
            Street("ExpiredStaysSo", objects, names, administrators, "expired", "expired"),
            .. Locks(names, policy, bucket),
        ];
    }

    /// <summary>The policy document of each version stays: a run in flight reads the one that it was started with.</summary>
    public static IEnumerable<Statement> Config(Names names, IReadOnlyList<string> administrators)
    {
        ArgumentNullException.ThrowIfNull(names);
        var bucket = Names.BucketArn(names.ConfigBucket);
        string[] all = [bucket, $"{bucket}/*"];
        // Watch writes reports; its own policy holds it to them.
        string[] writers = [names.RoleArn(names.Role("ci-deploy")), names.RoleArn(names.Role("watch")), .. Exempt(names, administrators)];
        return
        [
            .. Doors(bucket, names.Account),
            Deny("VaultAdminsOnly", _guarded, all).ToEverybody().When("ArnNotLike", "aws:PrincipalArn", Exempt(names, administrators)),
            Deny("DeployersAndReportsOnly", ["s3:PutObject", "s3:PutObjectTagging", "s3:DeleteObjectTagging"], [$"{bucket}/*"]).ToEverybody().When("ArnNotLike", "aws:PrincipalArn", writers),
            WriteOnce([$"{bucket}/{FunctionContract.Reports}*"]),
        ];
    }

    /// <summary>A copy takes what replication brings and lets nobody else write.</summary>
    /// <param name="sourceAccount">The main stack's account; the copy's own for <c>copy: region</c>.</param>
    public static IEnumerable<Statement> Copy(Names names, IReadOnlyList<string> administrators, string sourceAccount, string keyArn)
    {
        ArgumentNullException.ThrowIfNull(names);
        var bucket = Names.BucketArn(names.CopyBucket);
        var source = names with { Account = sourceAccount };
        var replication = source.RoleArn(source.Role("replication"));
        string[] objects = [$"{bucket}/*"];
        // The accounts as principals and the roles as conditions: a role that does not exist yet may not be named as a principal.
        Statement[] fromOutside = sourceAccount == names.Account ? [] :
        [
            Allow("TakeCopies", ["s3:ReplicateObject", "s3:ReplicateTags", "s3:ObjectOwnerOverrideToBucketOwner"], [$"{bucket}/{names.Root}*"])
                .To("AWS", source.RootArn).When("ArnEquals", "aws:PrincipalArn", replication),
            Allow("CompareCopies", ["s3:ListBucket", "s3:ListBucketVersions"], [bucket])
                .To("AWS", source.RootArn).When("ArnEquals", "aws:PrincipalArn", source.RoleArn(source.Role("watch"))),
        ];
        return
        [
            .. fromOutside,
            .. Doors(bucket, names.Account, sourceAccount),
            Other("OurKeyOnly", ["s3:PutObject", "s3:ReplicateObject"], objects, "s3:x-amz-server-side-encryption-aws-kms-key-id", keyArn),
            Deny("ReplicationOnly", ["s3:PutObject", "s3:ReplicateObject", "s3:ReplicateTags", "s3:ReplicateDelete", "s3:PutObjectTagging", "s3:PutObjectRetention"], objects).ToEverybody()
                .When("ArnNotEquals", "aws:PrincipalArn", replication),
            Deny("NoDeletesArrive", ["s3:ReplicateDelete"], objects).ToEverybody(),
            Deny("VaultAdminsOnly", [.. _guarded, "s3:DeleteObjectTagging", "s3:DeleteObjectVersionTagging"], [bucket, $"{bucket}/*"]).ToEverybody()
                .When("ArnNotLike", "aws:PrincipalArn", Exempt(names, administrators)),
        ];
    }

    public static IEnumerable<Statement> Trail(Names names, IReadOnlyList<string> administrators)
    {
        ArgumentNullException.ThrowIfNull(names);
        var bucket = Names.BucketArn(names.TrailBucket);
        return
        [
            Allow("TrailLooks", ["s3:GetBucketAcl"], [bucket]).To("Service", "cloudtrail.amazonaws.com").When("StringEquals", "aws:SourceArn", names.TrailArn),
            Allow("TrailWrites", ["s3:PutObject"], [$"{bucket}/AWSLogs/{names.Account}/*"]).To("Service", "cloudtrail.amazonaws.com")
                .When("StringEquals", "aws:SourceArn", names.TrailArn).When("StringEquals", "s3:x-amz-acl", "bucket-owner-full-control"),
            .. Doors(bucket, names.Account),
            Deny("VaultAdminsOnly", _guarded, [bucket, $"{bucket}/*"]).ToEverybody()
                .When("ArnNotLike", "aws:PrincipalArn", Exempt(names, administrators)).When("BoolIfExists", "aws:PrincipalIsAWSService", "false"),
            Deny("NobodyWrites", ["s3:PutObject"], [$"{bucket}/*"]).ToEverybody().When("Bool", "aws:PrincipalIsAWSService", "false"),
        ];
    }

    /// <summary>The roles of the configuration, the stack's own administrator, and the account's root user, without whom a mistake here could not be mended.</summary>
    internal static IReadOnlyList<string> Exempt(Names names, IReadOnlyList<string> administrators) =>
        [names.RoleArn(names.Role("vault-admin")), names.RootArn, .. administrators];

    /// <summary>Refuses a header that is there and says something else.</summary>
    private static Statement Other(string sid, IReadOnlyList<string> actions, IReadOnlyList<string> objects, string key, params IReadOnlyList<string> values) =>
        Deny(sid, actions, objects).ToEverybody().When("Null", key, "false").When("StringNotEquals", key, values);

    // Parts of an upload carry no condition; its completion does.
    private static Statement WriteOnce(IReadOnlyList<string> objects) => Deny("WriteOnce", ["s3:PutObject"], objects).ToEverybody()
        .When("Null", "s3:if-none-match", "true").When("Bool", "s3:ObjectCreationOperation", "true");

    private static Statement Street(string sid, IReadOnlyList<string> objects, Names names, IReadOnlyList<string> administrators, string from, params IReadOnlyList<string> to) =>
        Deny(sid, ["s3:PutObjectTagging"], objects).ToEverybody().When("StringEquals", "s3:ExistingObjectTag/backup", from)
            .When("StringNotEquals", "s3:RequestObjectTag/backup", to).When("ArnNotLike", "aws:PrincipalArn", Exempt(names, administrators));

    private static IEnumerable<Statement> Doors(string bucket, params string[] accounts)
    {
        string[] all = [bucket, $"{bucket}/*"];
        return
        [
            Deny("TlsOnly", ["s3:*"], all).ToEverybody().When("Bool", "aws:SecureTransport", "false"),
            Deny("NewTlsOnly", ["s3:*"], all).ToEverybody().When("NumericLessThan", "s3:TlsVersion", "1.2"),
            Deny("OtherAccounts", ["s3:*"], all).ToEverybody()
                .When("StringNotEquals", "aws:PrincipalAccount", [.. accounts.Distinct()]).When("BoolIfExists", "aws:PrincipalIsAWSService", "false"),
        ];
    }

    /// <summary>Nobody may lock longer than the tier is kept: junk under a lock of a hundred years would be paid for a hundred years.</summary>
    private static IEnumerable<Statement> Locks(Names names, Policy policy, string bucket)
    {
        string[] actions = ["s3:PutObject", "s3:PutObjectRetention"];
        var tiers = policy.Retention?.Keep.Select(k => (Name: Words.Of(k.Key), Days: LifecycleCompiler.LongestDays(k.Value))).ToList() ?? [];
        var limits = tiers.Select(t => (t.Name, t.Days)).Append((Name: "audit", Days: tiers.Select(t => t.Days).DefaultIfEmpty(0).Max())).Where(_ => tiers.Count > 0);
        foreach (var (name, days) in limits)
        {
            yield return Deny($"LockEnds{Capitals(name)}", actions, [$"{bucket}/{names.Root}{name}/*"]).ToEverybody()
                .When("NumericGreaterThan", "s3:object-lock-remaining-retention-days", $"{days + LockSlackDays}");
        }

        if (policy.Lock != LockMode.Compliance)
            yield return Deny("NoCompliance", actions, [$"{bucket}/*"]).ToEverybody().When("StringEquals", "s3:object-lock-mode", "COMPLIANCE");
        // A hold until an event has no date that the rules above could see.
        yield return Deny("NoEventHold", actions, [$"{bucket}/*"]).ToEverybody().When("Null", "s3:object-lock-event-hold", "false");

        static string Capitals(string name) => string.Concat(name.Split('-').Select(w => char.ToUpperInvariant(w[0]) + w[1..]));
    }
}
