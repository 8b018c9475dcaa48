using System.Text.Json;

namespace Backup.Infra.Tests;

/// <summary>The stacks of the repository: what they make, exactly. `UPDATE_GOLDEN=1 dotnet test tests/Infra` writes Golden/*.txt anew; review the diff.</summary>
public sealed class StackTests
{
    public static TheoryData<string> All => [.. Stacks.All];

    [Theory]
    [InlineData("prod")]
    [InlineData("staging")]
    [InlineData("copy")]
    [InlineData(Stacks.Keyed)]
    public async Task A_stack_makes_exactly_what_its_reviewed_list_says(string stack) => Golden.Matches(stack, await Stacks.GraphAsync(stack));

    [Theory]
    [MemberData(nameof(All))]
    public async Task What_holds_or_guards_backups_is_protected_and_retained(string stack)
    {
        var graph = await Stacks.GraphAsync(stack);
        var guarded = graph.Resources.Where(r => (r.Type.StartsWith("aws:s3/", StringComparison.Ordinal) && !r.Type.Contains("bucketObjectv2", StringComparison.Ordinal))
            || r.Type.StartsWith("aws:kms/", StringComparison.Ordinal) || r.Type.StartsWith("aws:cloudtrail/", StringComparison.Ordinal)
            || r.Type.EndsWith("policy:Policy", StringComparison.Ordinal)).ToList();
        Assert.NotEmpty(guarded);
        Assert.Empty(guarded.Where(r => !r.Protect || !r.Retain).Select(r => r.Name));
        // The policy document is replaced with each new policy, and the old one is never deleted.
        Assert.All(graph.Of("BucketObjectv2"), r => Assert.True(r.Retain && !r.Protect));
        Assert.All(graph.Of("Secret"), r => Assert.True(r.Retain));
    }

    [Fact]
    public async Task Staging_is_smaller_by_its_policy_alone()
    {
        var (prod, staging) = (await Stacks.GraphAsync("prod"), await Stacks.GraphAsync("staging"));
        Assert.True(staging.Resources.Count < prod.Resources.Count * 2 / 3, $"{staging.Resources.Count} of {prod.Resources.Count}");
        Assert.Empty(staging.Of("Trail"));
        Assert.Empty(staging.Of("BucketObjectLockConfiguration"));
        Assert.Empty(staging.Of("BucketReplicationConfig"));
        var sources = Directory.EnumerateFiles(Path.Combine(Stacks.Root, "infra"), "*.cs", SearchOption.AllDirectories).Select(File.ReadAllText);
        Assert.DoesNotContain(sources, s => s.Contains("\"production\"", StringComparison.Ordinal) || s.Contains("\"prod\"", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Twice_the_same_policy_is_twice_the_same_graph() =>
        Assert.Equal(GoldenText.Of(await Stacks.GraphAsync("prod")), GoldenText.Of(await Graph.OfAsync(Stacks.Prod(), Stacks.Root)));

    [Fact]
    public async Task With_a_key_per_database_each_writer_knows_its_own_only_and_all_that_it_stores_lies_under_it()
    {
        var graph = await Stacks.GraphAsync(Stacks.Keyed);
        Assert.Equal(["keys-database-analytics", "keys-database-bloom", "keys-vault"], graph.Of("Key").Select(k => k.Name));
        string Key(string database) => $"arn:aws:kms:eu-central-1:111122223333:key/keys-database-{database}";
        foreach (var (database, other) in new[] { ("bloom", "analytics"), ("analytics", "bloom") })
        {
            Assert.Equal(Key(database), graph.One("Function", $"workers-dump-{database}").At("environment", "variables", FunctionContract.KmsKey));
            Assert.Contains($"{{\"name\":\"{FunctionContract.KmsKey}\",\"value\":\"{Key(database)}\"}}", graph.One("TaskDefinition", $"workers-dump-{database}-task").Text("containerDefinitions"), StringComparison.Ordinal);
            Assert.DoesNotContain(Key(other), graph.One("RolePolicy", $"identity-writer-{database}-policy").Text("policy"), StringComparison.Ordinal);
            Assert.DoesNotContain($"writer-{other}", graph.One("Key", $"keys-database-{database}").Text("policy"), StringComparison.Ordinal);
        }

        Assert.Contains($"[\"arn:aws:kms:eu-central-1:111122223333:key/keys-vault\",\"{Key("analytics")}\",\"{Key("bloom")}\"]", graph.One("BucketPolicy", "vault-bucket-policy").Text("policy"), StringComparison.Ordinal);
        Assert.All((await Stacks.GraphAsync("prod")).Of("Function"), f => Assert.Null(f.At("environment", "variables", FunctionContract.KmsKey)));
    }

    [Fact]
    public async Task A_database_named_like_the_vault_has_a_key_of_its_own()
    {
        var settings = Stacks.With("""
            project: shop
            environment: production
            databases:
              - { name: vault, secret: vault/url, schedule: "0 2 * * *" }
              - { name: copy, secret: copy/url, schedule: "0 3 * * *" }
            notify: { email: [ops@example.com] }
            """, new Dictionary<string, string?> { ["keyPerDatabase"] = "true" });
        var graph = await Graph.OfAsync(settings);
        Assert.Equal(["keys-database-copy", "keys-database-vault", "keys-vault"], graph.Of("Key").Select(k => k.Name));
        Assert.Empty(graph.Resources.GroupBy(r => (r.Type, r.Name)).Where(g => g.Count() > 1).Select(g => g.Key));
    }

    [Fact]
    public async Task A_drill_key_is_a_secret_without_a_value_that_the_roles_of_proofs_may_read_and_no_other()
    {
        foreach (var (stack, databases) in new[] { ("bloom", new[] { "bloom" }), (Stacks.Keyed, ["bloom", "analytics"]) })
        {
            var graph = await Stacks.GraphAsync(stack);
            var secret = graph.One("Secret", "secrets.drill-key");
            Assert.Equal(("bloom/drill-key", true), (secret.Text("name"), secret.Retain));
            Assert.Contains("\"ArnNotLike\":{\"aws:PrincipalArn\":\"arn:aws:iam::111122223333:role/backup-bloom-production-drill-*\"}", secret.Text("policy"), StringComparison.Ordinal);
            Assert.Empty(graph.Of("SecretVersion"));
            Assert.DoesNotContain(graph.Of("SecretRotation"), r => r.Text("secretId").Contains("drill-key", StringComparison.Ordinal));
            var readers = graph.Of("RolePolicy").Where(p => p.Text("policy").Contains("secret:bloom/drill-key-", StringComparison.Ordinal)).Select(p => p.Name);
            Assert.Equal(databases.Select(d => $"identity-drill-{d}-policy").Order(StringComparer.Ordinal), readers.Order(StringComparer.Ordinal));
        }

        foreach (var stack in Stacks.Main.Except(["bloom", Stacks.Keyed])) Assert.DoesNotContain((await Stacks.GraphAsync(stack)).Of("Secret"), s => s.Name == "secrets.drill-key");
    }

    /// <summary>The state names nothing that a restore needs: what holds backups stays when the state is lost or destroyed, under names that follow from the policy.</summary>
    [Fact]
    public async Task Losing_the_state_loses_no_backup()
    {
        var graph = await Stacks.GraphAsync("prod");
        string[] needed = ["aws:s3/bucket:Bucket", "aws:kms/key:Key", "aws:kms/alias:Alias", "aws:s3/bucketPolicy:BucketPolicy", "aws:s3/bucketVersioning:BucketVersioning"];
        Assert.All(needed, type => Assert.Contains(graph.Resources, r => r.Type == type));
        Assert.All(graph.Resources.Where(r => needed.Contains(r.Type)), r => Assert.True(r.Protect && r.Retain, r.Name));
        // A second deployment into the same account meets the first one's names and stops; it never makes a second, empty vault.
        Assert.Equal("backup-bloom-production-vault-111122223333", graph.One("Bucket", "vault-bucket").Text("bucket"));
        Assert.Equal("alias/backup-bloom-production", graph.One("Alias", "keys-vault-alias").Text("name"));
    }

    [Fact]
    public async Task No_secret_value_is_in_the_graph_except_where_it_is_used()
    {
        var graph = await Stacks.GraphAsync("prod");
        Assert.Empty(graph.Of("SecretVersion"));
        var holders = graph.Resources.Where(r => GoldenValues(r).Contains("https://example.com/", StringComparison.Ordinal)).Select(r => r.Name);
        Assert.Equal(["alarms-critical-pagerduty", "workers-watch"], holders.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task The_policy_document_is_under_its_own_hash_and_names_the_vault()
    {
        var graph = await Stacks.GraphAsync("prod");
        var document = Assert.Single(graph.Of("BucketObjectv2"));
        var hash = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(document.Text("content"))));
        Assert.Equal($"policy/{hash}.json", document.Text("key"));
        using var json = JsonDocument.Parse(document.Text("content"));
        Assert.Equal("s3://backup-bloom-production-vault-111122223333", json.RootElement.GetProperty("policy").GetProperty("vault").GetString());
        Assert.All(graph.Of("Function"), f => Assert.Equal(hash, f.At("environment", "variables", FunctionContract.PolicySha256)));
        var policy = json.RootElement.GetProperty("policy").GetRawText();
        Assert.Empty(Core.Policies.PolicyReader.Read(System.Text.Encoding.UTF8.GetBytes(policy), "policy.json", null).Problems);
    }

    [Fact]
    public void The_contract_of_functions_is_printed_completely()
    {
        var readme = File.ReadAllText(Path.Combine(Stacks.Root, "infra", "README.md"));
        var words = typeof(FunctionContract).GetFields().Select(f => (string)f.GetValue(null)!);
        Assert.All(words, w => Assert.Contains(w, readme, StringComparison.Ordinal));
    }

    [Fact]
    public void No_file_is_longer_than_300_lines() =>
        Assert.All(Directory.EnumerateFiles(Path.Combine(Stacks.Root, "infra"), "*.cs", SearchOption.AllDirectories), f => Assert.InRange(File.ReadLines(f).Count(), 1, 300));

    private static string GoldenValues(Registered resource) => string.Join(' ', Flat(resource.Inputs));

    private static IEnumerable<string> Flat(object? value) => value switch
    {
        System.Collections.Immutable.ImmutableDictionary<string, object> map => map.Values.SelectMany(Flat),
        System.Collections.Immutable.ImmutableArray<object> list => list.SelectMany(Flat),
        _ => [$"{value}"],
    };
}

internal static class Golden
{
    public static void Matches(string name, Graph graph)
    {
        var file = Path.Combine(Stacks.Root, "tests", "Infra", "Golden", $"{name}.txt");
        var text = GoldenText.Of(graph);
        if (Environment.GetEnvironmentVariable("UPDATE_GOLDEN") == "1") File.WriteAllText(file, text);
        Assert.Equal(File.Exists(file) ? File.ReadAllText(file) : "", text);
    }
}
