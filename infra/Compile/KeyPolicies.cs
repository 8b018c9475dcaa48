using static Backup.Infra.Compile.Statement;

namespace Backup.Infra.Compile;

/// <summary>
/// Three kinds of people and roles, apart: who administers the key cannot use it, who uses it cannot administer it, and nobody but the vault's
/// administrators can end it. Losing the key is losing every backup, locked or not.
/// </summary>
public static class KeyPolicies
{
    private static readonly string[] _ending =
    [
        "kms:ScheduleKeyDeletion", "kms:DisableKey", "kms:DisableKeyRotation", "kms:PutKeyPolicy", "kms:DeleteImportedKeyMaterial",
        "kms:UpdatePrimaryRegion", "kms:CreateGrant", "kms:UpdateAlias", "kms:DeleteAlias",
    ];

    private static readonly string[] _using = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"];

    /// <summary>Key of the vault. Roles are matched by name, so the policy has one size for any number of databases.</summary>
    public static IEnumerable<Statement> Vault(Names names, IReadOnlyList<string> administrators)
    {
        ArgumentNullException.ThrowIfNull(names);
        string[] writers = [.. new[] { "writer-*", "watch", "pruner" }.Select(r => names.RoleArn(names.Role(r)))];
        string[] readers = [.. new[] { "drill-*", "restore-operator", "auditor", "replication" }.Select(r => names.RoleArn(names.Role(r)))];
        return
        [
            .. Administration(names, administrators),
            Use("Writers", names.VaultBucket, [names.RootArn], writers, "kms:GenerateDataKey", "kms:Decrypt"),
            Use("Readers", names.VaultBucket, [names.RootArn], readers, "kms:Decrypt", "kms:GenerateDataKey"),
            OnlyUsers([.. writers, .. readers]),
        ];
    }

    /// <summary>Key of one database's backups: ending it ends all of them at once, wherever in the vault they lie.</summary>
    public static IEnumerable<Statement> Database(Names names, string database, IReadOnlyList<string> administrators)
    {
        ArgumentNullException.ThrowIfNull(names);
        string[] writers = [names.RoleArn(names.Writer(database))];
        string[] readers = [names.RoleArn(names.Drill(database)), .. new[] { "watch", "pruner", "restore-operator", "auditor" }.Select(r => names.RoleArn(names.Role(r)))];
        return
        [
            .. Administration(names, administrators),
            Use("Writers", names.VaultBucket, [names.RootArn], writers, "kms:GenerateDataKey", "kms:Decrypt"),
            Use("Readers", names.VaultBucket, [names.RootArn], readers, "kms:Decrypt"),
            OnlyUsers([.. writers, .. readers]),
        ];
    }

    /// <summary>Key of a copy. In a second account nobody reads daily, so its administrators are who would restore from it.</summary>
    /// <param name="sourceAccount">The main stack's account; the copy's own for <c>copy: region</c>.</param>
    public static IEnumerable<Statement> Copy(Names names, IReadOnlyList<string> administrators, string sourceAccount)
    {
        ArgumentNullException.ThrowIfNull(names);
        var source = names with { Account = sourceAccount };
        var replication = source.RoleArn(source.Role("replication"));
        IReadOnlyList<string> readers = sourceAccount == names.Account ? [names.RoleArn(names.Role("restore-operator"))] : administrators;
        return
        [
            .. Administration(names, administrators),
            Use("Replication", names.CopyBucket, [source.RootArn], [replication], "kms:Encrypt", "kms:GenerateDataKey", "kms:Decrypt"),
            Use("Readers", names.CopyBucket, [names.RootArn], readers, "kms:Decrypt"),
            OnlyUsers([replication, .. readers]),
        ];
    }

    private static IEnumerable<Statement> Administration(Names names, IReadOnlyList<string> administrators) =>
    [
        // Without it no IAM policy counts and a key can become unmanageable; the two denials below take back what it gives too much.
        Allow("AccountCanAdminister", ["kms:*"], ["*"]).To("AWS", names.RootArn),
        Deny("OnlyVaultAdminsEndIt", _ending, ["*"]).ToEverybody().When("ArnNotLike", "aws:PrincipalArn", BucketPolicies.Exempt(names, administrators)),
    ];

    private static Statement Use(string sid, string bucket, IReadOnlyList<string> accounts, IReadOnlyList<string> users, params string[] actions) =>
        Allow(sid, actions, ["*"]).To("AWS", accounts)
            .When("ArnLike", "aws:PrincipalArn", users)
            .When("StringEquals", "kms:EncryptionContext:aws:s3:arn", Names.BucketArn(bucket));

    // An administrator of IAM could otherwise give kms:Decrypt to anybody.
    private static Statement OnlyUsers(IReadOnlyList<string> users) =>
        Deny("OthersNeverUseIt", _using, ["*"]).ToEverybody().When("ArnNotLike", "aws:PrincipalArn", users);
}
