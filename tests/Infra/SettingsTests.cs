using System.Text.Json.Nodes;
using Backup.Core.Model;
using Backup.Infra.Compile;
using Backup.Infra.Settings;

namespace Backup.Infra.Tests;

/// <summary>The configuration: all problems at once, before anything is made.</summary>
public sealed class SettingsTests
{
    private const string Policy = """
        project: shop
        environment: production
        databases:
          - { name: shop, secret: shop/url, schedule: "0 2 * * *" }
        notify: { email: [ops@example.com] }
        """;

    [Fact]
    public void A_small_policy_is_enough()
    {
        var settings = Stacks.WithPolicy(Policy);
        Assert.Equal("backup-shop-production-vault-111122223333", settings.Names.VaultBucket);
    }

    [Fact]
    public void All_problems_of_policy_and_configuration_are_reported_together()
    {
        var policy = """
            project: shop
            environment: production
            vault: s3://own-bucket
            databases:
              - { name: shop, url: "${DATABASE_URL}", schedule: "0 2 */2 * MON" }
              - { name: other, secret: shop/url, schedule: "0 99 * * *" }
            copy: account
            """;
        var problems = Problems(policy, new()
        {
            ["account"] = "1234",
            ["vaultAdmins"] = """["arn:aws:iam::111122223333:user/backup-admin"]""",
            ["operators"] = """{"kind": "everybody", "principals": []}""",
            ["github"] = "example/repo",
            ["image"] = "repo:latest",
            ["network"] = """{"subnets": ["subnet-1"], "securityGroup": "sg-1", "publicIp": "true", "vpc": "x"}""",
        });
        string[] subjects = ["backup:account", "backup:vaultAdmins[0]", "backup:operators.kind", "backup:image", "backup:network.vpc", "backup:network.subnets", "backup:state", "databases[1].schedule"];
        Assert.All(subjects, s => Assert.Contains($") {s}", problems, StringComparison.Ordinal));
    }

    [Fact]
    public void A_policy_that_AWS_cannot_hold_is_refused_with_the_place()
    {
        var problems = Problems("""
            project: shop
            environment: production
            vault: s3://own-bucket
            databases:
              - { name: shop, url: "${DATABASE_URL}", schedule: "0 2 */2 * MON" }
            notify: { slack: "${SLACK_WEBHOOK}" }
            copy: region
            """, []);
        string[] expected = ["vault:", "databases[0].url:", "databases[0].schedule:", "notify.slack:", "notify:", "backup:copy:"];
        Assert.All(expected, s => Assert.Contains($") {s}", problems, StringComparison.Ordinal));
    }

    [Fact]
    public void What_the_policy_alone_contradicts_is_refused_as_check_refuses_it() => Assert.Contains(
        "(1) lock: is governance, which locks every object for 7 days from its first byte, and retention.daily ends after 7d → keep daily at least 8d, or write lock: none",
        Problems($"{Policy}\nlock: governance\nretention: {{ daily: 7d, weekly: 8w, monthly: 12mo }}\n", []), StringComparison.Ordinal);

    [Fact]
    public void A_key_per_database_and_a_copy_under_one_key_exclude_each_other() => Assert.Contains("(1) backup:keyPerDatabase: is true, and the policy says copy: region",
        Problems($"{Policy}\ncopy: region\n", new() { ["keyPerDatabase"] = "true", ["copy"] = """{"account": "111122223333", "region": "eu-west-1"}""" }), StringComparison.Ordinal);

    [Fact]
    public void Private_subnets_work_and_are_warned_of_with_what_a_gateway_costs()
    {
        static IReadOnlyList<string> Warnings(string publicIp) =>
            Stacks.With(Policy, new Dictionary<string, string?> { ["network"] = $$"""{"subnets": ["subnet-1", "subnet-2"], "securityGroup": "sg-1", "publicIp": "{{publicIp}}"}""" }).Warnings;
        Assert.Contains("33 USD a month", Assert.Single(Warnings("false")), StringComparison.Ordinal);
        Assert.Empty(Warnings("true"));
        Assert.Empty(Stacks.WithPolicy(Policy).Warnings);
    }

    [Theory]
    [InlineData("keyPerDatabase", "perhaps", "backup:keyPerDatabase")]
    [InlineData("copy", """{"account": "111122223333", "region": "eu-west-1"}""", "backup:copy")]
    [InlineData("trail", "everything", "backup:trail")]
    [InlineData("budget", "-5", "backup:budget")]
    [InlineData("rotation", "13", "backup:rotation")]
    [InlineData("chat", """{"workspace": "x", "channel": "y"}""", "backup:chat.workspace")]
    [InlineData("operators", null, "backup:operators")]
    [InlineData("vaultAdmins", null, "backup:vaultAdmins")]
    [InlineData("account", null, "backup:account")]
    [InlineData("role", "third", "backup:role")]
    [InlineData("vaultAdmins", """["arn:aws:iam::444455556666:role/x"]""", "backup:vaultAdmins")]
    public void A_wrong_value_is_named(string key, string? value, string subject) =>
        Assert.Contains($"(1) {subject}", Problems(Policy, new() { [key] = value }), StringComparison.Ordinal);

    [Fact]
    public void A_file_of_SQL_that_drills_cannot_have_is_refused_before_anything_is_made()
    {
        var folder = Directory.CreateTempSubdirectory("backup-bundle-").FullName;
        try
        {
            var e = Assert.Throws<BackupException>(() => Erasing(folder, "gone.sql"));
            Assert.Contains("(1) databases[0].afterRestore: \"gone.sql\" does not exist", e.Message, StringComparison.Ordinal);
            Directory.CreateDirectory(Path.Combine(folder, "stack"));
            File.WriteAllText(Path.Combine(folder, "outside.sql"), "SELECT 1");
            var settings = Erasing(Path.Combine(folder, "stack"), "../outside.sql");
            e = Assert.Throws<BackupException>(() => PolicyBundle.Of(settings.PolicyJson, settings.Policy, "v", Path.Combine(folder, "stack")));
            Assert.Contains("outside of", e.Message, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void A_binary_key_which_no_function_could_read_is_refused_before_anything_is_made()
    {
        var folder = Directory.CreateTempSubdirectory("backup-bundle-").FullName;
        try
        {
            File.WriteAllBytes(Path.Combine(folder, "ops.gpg"), [0xC6, 2, 4, 0, 0xCD, 1, 65]);
            var settings = Stacks.In(folder, Policy + "\nencryption: { gpgRecipients: [ops.gpg] }\n", new Dictionary<string, string?>());
            var e = Assert.Throws<BackupException>(() => PolicyBundle.Of(settings.PolicyJson, settings.Policy, "v", folder));
            Assert.Contains("ops.gpg, a key of encryption.gpgRecipients, is no text", e.Message, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_bundle_holds_what_is_run_after_a_restore_and_another_content_is_another_bundle(bool absolute)
    {
        var folder = Directory.CreateTempSubdirectory("backup-bundle-").FullName;
        try
        {
            var file = Path.Combine(Directory.CreateDirectory(Path.Combine(folder, "sql")).FullName, "erasures.sql");
            PolicyBundle Bundle(string content)
            {
                File.WriteAllText(file, content);
                var settings = Erasing(folder, absolute ? file : "sql/erasures.sql");
                return PolicyBundle.Of(settings.PolicyJson, settings.Policy, "v", folder);
            }

            var bundle = Bundle("DELETE FROM people WHERE id = 42");
            var json = JsonNode.Parse(bundle.Content)!;
            Assert.Equal("DELETE FROM people WHERE id = 42", (string?)json["files"]!["sql/erasures.sql"]);
            Assert.Equal("sql/erasures.sql", (string?)json["policy"]!["databases"]![0]!["afterRestore"]);
            Assert.Equal(bundle.Key, Bundle("DELETE FROM people WHERE id = 42").Key);
            Assert.NotEqual(bundle.Key, Bundle("DELETE FROM people WHERE id IN (42, 43)").Key);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static InfraSettings Erasing(string folder, string file) =>
        Stacks.In(folder, Policy.Replace("secret: shop/url,", $"secret: shop/url, afterRestore: {file},", StringComparison.Ordinal), new Dictionary<string, string?>());

    private static string Problems(string policy, Dictionary<string, string?> changes)
    {
        var e = Assert.Throws<BackupException>(() => Stacks.With(policy, changes));
        Assert.Equal(ErrorCode.PolicyInvalid, e.Code);
        return e.Message;
    }
}
