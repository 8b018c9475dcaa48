using System.Collections.Immutable;
using System.Reflection;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Backup.Infra.Tests;

/// <summary>AWS Foundational Security Best Practices, as far as a stack decides them: docs/security.md lists each control with the test that shows it, or the reason why it does not apply.</summary>
public sealed partial class ControlTests
{
    [Fact]
    public void Every_control_names_the_test_that_shows_it_or_says_why_it_does_not_apply()
    {
        var tests = typeof(ControlTests).Assembly.GetTypes().SelectMany(t => t.GetMethods()).Where(m => m.GetCustomAttribute<FactAttribute>() is not null).Select(m => m.Name).ToHashSet();
        var rows = Table("## AWS Foundational Security Best Practices");
        Assert.True(rows.Count > 30, $"{rows.Count} controls");
        foreach (var row in rows)
        {
            var named = Quoted().Matches(row[2]).Select(m => m.Groups[1].Value).ToList();
            Assert.True(named.Count > 0 || row[1].StartsWith("no: ", StringComparison.Ordinal), $"{row[0]} neither names a test nor says \"no: …\"");
            Assert.All(named, n => Assert.Contains(n, tests));
        }
    }

    [Fact]
    public async Task Every_permission_on_everything_has_a_written_reason()
    {
        var found = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var graph in await AllAsync())
        {
            foreach (var (role, statement) in Rights(graph))
                if (Texts(statement, "Effect")[0] == "Allow" && Texts(statement, "Resource").Contains("*")) found.Add($"{role} {statement.GetProperty("Sid").GetString()}");
        }

        var written = Table("## Permissions on `*`").SelectMany(r => r[0].Split(", ").SelectMany(role => Quoted().Matches(r[1]).Select(m => $"{role} {m.Groups[1].Value}")));
        Assert.Equal(written.Order(StringComparer.Ordinal), found);
    }

    [Fact]
    public async Task No_role_decrypts_with_every_key()
    {
        foreach (var graph in await AllAsync())
        {
            foreach (var (role, statement) in Rights(graph).Where(r => Texts(r.Statement, "Effect")[0] == "Allow" && Texts(r.Statement, "Action").Any(a => a is "*" or "kms:*" or "kms:Decrypt")))
            {
                var resources = Texts(statement, "Resource");
                Assert.DoesNotContain("*", resources);
                // Where ids are not known here: a copy in another account, and keys per database, which the stack's tag narrows.
                if (resources.Any(r => r.EndsWith(":key/*", StringComparison.Ordinal)))
                    Assert.True(role == "replication" || statement.GetRawText().Contains("aws:ResourceTag/backup-stack", StringComparison.Ordinal), role);
            }
        }
    }

    [Fact]
    public async Task Buckets_are_private_owned_versioned_and_encrypted()
    {
        foreach (var graph in await AllAsync())
        {
            foreach (var bucket in graph.Of("Bucket").Select(b => b.Text("bucket")))
            {
                Registered Of(string type) => Assert.Single(graph.Of(type), r => r.Text("bucket") == bucket);
                var block = Of("BucketPublicAccessBlock");
                Assert.All((string[])["blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"], k => Assert.Equal("True", block.Text(k)));
                Assert.Equal("Enabled", Of("BucketVersioning").At("versioningConfiguration", "status"));
                Assert.Equal("BucketOwnerEnforced", Of("BucketOwnershipControls").At("rule", "objectOwnership"));
                var encryption = Of("BucketServerSideEncryptionConfiguration");
                var isBackups = bucket.Contains("-vault-", StringComparison.Ordinal) || bucket.Contains("-copy-", StringComparison.Ordinal);
                Assert.Equal(isBackups ? "aws:kms" : "AES256", encryption.At("rules", "0", "applyServerSideEncryptionByDefault", "sseAlgorithm"));
                Assert.Equal("SSE-C", encryption.At("rules", "0", "blockedEncryptionTypes", "0"));
                if (!bucket.Contains("-config-", StringComparison.Ordinal)) Of("BucketLifecycleConfiguration");
            }
        }
    }

    [Fact]
    public async Task Buckets_refuse_plain_http_old_tls_and_other_accounts()
    {
        foreach (var graph in await AllAsync())
        {
            foreach (var policy in graph.Of("BucketPolicy").Select(p => p.Text("policy")))
            {
                Assert.All((string[])["TlsOnly", "NewTlsOnly", "OtherAccounts"], sid => Assert.Contains($"{{\"Sid\":\"{sid}\",\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"s3:*\"", policy, StringComparison.Ordinal));
            }
        }
    }

    [Fact]
    public async Task Objects_are_locked_as_the_policy_says()
    {
        foreach (var stack in Stacks.Main)
        {
            var (mode, graph) = (Stacks.Settings(stack).Policy.Lock, await Stacks.GraphAsync(stack));
            var locks = graph.Of("BucketObjectLockConfiguration").Where(l => l.Text("bucket").Contains("-vault-", StringComparison.Ordinal)).ToList();
            if (mode == Core.Model.LockMode.None) Assert.Empty(locks);
            else Assert.Equal(Core.Model.Words.Of(mode).ToUpperInvariant(), Assert.Single(locks).At("rule", "defaultRetention", "mode"));
        }
    }

    [Fact]
    public async Task Keys_rotate_and_wait_before_they_end()
    {
        foreach (var key in (await AllAsync()).SelectMany(g => g.Of("Key")))
        {
            Assert.Equal(("True", "365", "30"), (key.Text("enableKeyRotation"), key.Text("rotationPeriodInDays"), key.Text("deletionWindowInDays")));
            Assert.Contains("OnlyVaultAdminsEndIt", key.Text("policy"), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Functions_are_images_that_only_this_accounts_services_may_start()
    {
        foreach (var graph in await AllAsync())
        {
            Assert.All(graph.Of("Function"), f => Assert.Equal(("Image", ""), (f.Text("packageType"), f.Text("vpcConfig"))));
            Assert.All(graph.Of("Permission"), p =>
            {
                Assert.Contains(p.Text("principal"), (string[])["secretsmanager.amazonaws.com", "events.amazonaws.com"]);
                Assert.Equal("111122223333", p.Text("sourceAccount"));
                Assert.StartsWith("arn:aws:", p.Text("sourceArn"), StringComparison.Ordinal);
            });
        }
    }

    [Fact]
    public async Task Passwords_rotate_where_it_is_asked_for()
    {
        foreach (var stack in Stacks.Main)
        {
            var (settings, graph) = (Stacks.Settings(stack), await Stacks.GraphAsync(stack));
            Assert.Equal(settings.RotationMonths is null ? 0 : settings.Policy.Databases.Count, graph.Of("SecretRotation").Count());
            Assert.Equal(settings.RotationMonths is not null, graph.Of("EventRule").Any(r => r.Name == "alarms-rotation-failed"));
            Assert.All(graph.Of("SecretRotation"), r => Assert.StartsWith("cron(", (string)r.At("rotationRules", "scheduleExpression")!, StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task Topics_and_the_queue_are_for_services_of_this_account()
    {
        foreach (var graph in await AllAsync())
        {
            foreach (var policy in graph.Of("TopicPolicy").Concat(graph.Of("QueuePolicy")).Select(p => p.Text("policy")))
            {
                using var document = JsonDocument.Parse(policy);
                foreach (var statement in document.RootElement.GetProperty("Statement").EnumerateArray().Where(s => s.GetProperty("Effect").GetString() == "Allow"))
                {
                    Assert.True(statement.GetProperty("Principal").TryGetProperty("Service", out _), policy);
                    Assert.Equal("111122223333", statement.GetProperty("Condition").GetProperty("StringEquals").GetProperty("aws:SourceAccount").GetString());
                }
            }

            Assert.All(graph.Of("Queue"), q => Assert.Equal("True", q.Text("sqsManagedSseEnabled")));
        }
    }

    [Fact]
    public async Task The_trail_is_validated_and_its_bucket_locked()
    {
        var graph = await Stacks.GraphAsync("prod");
        Assert.Equal("True", Assert.Single(graph.Of("Trail")).Text("enableLogFileValidation"));
        Assert.Contains(graph.Of("BucketObjectLockConfiguration"), l => l.Text("bucket").Contains("-trail-", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Images_are_scanned_kept_and_do_not_change()
    {
        foreach (var stack in Stacks.Main)
        {
            var graph = await Stacks.GraphAsync(stack);
            var repository = Assert.Single(graph.Of("Repository"));
            Assert.Equal(("True", "IMMUTABLE_WITH_EXCLUSION"), ($"{repository.At("imageScanningConfiguration", "scanOnPush")}", repository.Text("imageTagMutability")));
            Assert.Contains("\"tagPrefixList\":[\"release-\"],\"countType\":\"imageCountMoreThan\",\"countNumber\":10", Assert.Single(graph.Of("LifecyclePolicy")).Text("policy"), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Tasks_are_plain_users_without_secrets_in_variables_and_with_a_log()
    {
        foreach (var graph in await AllAsync())
        {
            foreach (var task in graph.Of("TaskDefinition"))
            {
                Assert.Equal("awsvpc", task.Text("networkMode"));
                using var containers = JsonDocument.Parse(task.Text("containerDefinitions"));
                var container = Assert.Single(containers.RootElement.EnumerateArray());
                Assert.Equal("1000", container.GetProperty("user").GetString());
                Assert.Equal("awslogs", container.GetProperty("logConfiguration").GetProperty("logDriver").GetString());
                Assert.False(container.TryGetProperty("privileged", out _));
                Assert.All(container.GetProperty("environment").EnumerateArray(), v => Assert.Matches("^(ANNOTATIONS_HANDLER|BACKUP_[A-Z0-9_]+)$", v.GetProperty("name").GetString()));
            }

            Assert.All(graph.Of("Cluster"), c => Assert.Equal("enabled", c.At("settings", "0", "value")));
        }
    }

    [Fact]
    public async Task The_network_lets_nothing_in()
    {
        foreach (var graph in await AllAsync())
        {
            Assert.Equal(graph.Of("Vpc").Count(), graph.Of("DefaultSecurityGroup").Count());
            Assert.All(graph.Of("DefaultSecurityGroup").Concat(graph.Of("SecurityGroup")), g => Assert.Equal("", g.Text("ingress")));
            Assert.All(graph.Of("DefaultSecurityGroup"), g => Assert.Equal("", g.Text("egress")));
            Assert.All(graph.Of("Subnet"), s => Assert.Equal("False", s.Text("mapPublicIpOnLaunch")));
        }
    }

    private static async Task<IReadOnlyList<Graph>> AllAsync()
    {
        var graphs = new List<Graph>();
        foreach (var stack in Stacks.All) graphs.Add(await Stacks.GraphAsync(stack));
        return graphs;
    }

    /// <summary>Every statement of every role's own policy; one name for the writers of all databases, and one for their drills.</summary>
    private static IEnumerable<(string Role, JsonElement Statement)> Rights(Graph graph)
    {
        foreach (var policy in graph.Of("RolePolicy"))
        {
            var role = policy.Name["identity-".Length..^"-policy".Length];
            role = role.StartsWith("writer-", StringComparison.Ordinal) ? "writer" : role.StartsWith("drill-", StringComparison.Ordinal) ? "drill" : role;
            using var document = JsonDocument.Parse(policy.Text("policy"));
            foreach (var statement in document.RootElement.GetProperty("Statement").EnumerateArray()) yield return (role, statement.Clone());
        }
    }

    private static IReadOnlyList<string> Texts(JsonElement statement, string name) => !statement.TryGetProperty(name, out var value) ? []
        : value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray().Select(v => v.GetString()!)] : [value.GetString()!];

    /// <summary>The rows of the first table below a heading, without its head.</summary>
    private static List<string[]> Table(string heading)
    {
        var lines = File.ReadAllLines(Path.Combine(Stacks.Root, "docs", "security.md")).SkipWhile(l => l != heading).SkipWhile(l => !l.StartsWith('|')).TakeWhile(l => l.StartsWith('|'));
        return [.. lines.Skip(2).Select(l => l.Trim('|').Split('|').Select(c => c.Trim()).ToArray())];
    }

    [GeneratedRegex("`([A-Za-z_0-9]+)`")]
    private static partial Regex Quoted();
}
