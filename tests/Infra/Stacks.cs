using System.Globalization;
using System.Text.Json.Nodes;
using Backup.Infra.Settings;
using YamlDotNet.Serialization;

// Pulumi keeps the running program in one place per process.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace Backup.Infra.Tests;

/// <summary>The stacks of the repository, read as Pulumi would hand them to the program: each structured value as JSON.</summary>
internal static class Stacks
{
    public static string Root { get; } = FindRoot();

    /// <summary>Where the paths of the strategies' policies start.</summary>
    private static string Examples => Path.Combine(Root, "examples");

    /// <summary>Production with a key per database, which a copy excludes, and with gpg and a drill key.</summary>
    public const string Keyed = "keyed";

    private static readonly Dictionary<string, string[]> _strategies = new(StringComparer.Ordinal)
    {
        ["streamflow"] = ["slack"],
        ["bloom"] = ["pagerduty", "slack", "heartbeat"],
        ["lealta"] = ["slack"],
        ["inventario"] = [],
        ["autorenta"] = ["slack"],
    };

    private static readonly Dictionary<string, Graph> _graphs = new(StringComparer.Ordinal);

    /// <summary>Of one policy each: the strategies in examples/.</summary>
    public static IReadOnlyList<string> Strategies { get; } = [.. _strategies.Keys];

    /// <summary>Every stack whose list is reviewed.</summary>
    public static IReadOnlyList<string> All { get; } = ["prod", "staging", "copy", Keyed, .. Strategies];

    /// <summary>Those that hold a vault, and what runs.</summary>
    public static IReadOnlyList<string> Main { get; } = [.. All.Where(s => s != "copy")];

    public static InfraSettings Settings(string stack) => stack switch
    {
        "prod" => Prod(),
        "staging" => Staging(),
        "copy" => Copy(),
        Keyed => OwnKeys(),
        _ => In(FolderOf(stack), File.ReadAllText(Path.Combine(FolderOf(stack), $"{stack}.yaml")),
            new Dictionary<string, string?> { ["copy"] = stack == "bloom" ? """{"account": "444455556666", "region": "eu-central-1"}""" : null }, _strategies[stack]),
    };

    /// <summary>Built once: nothing changes a graph.</summary>
    public static async Task<Graph> GraphAsync(string stack)
    {
        if (!_graphs.TryGetValue(stack, out var graph)) _graphs[stack] = graph = await Graph.OfAsync(Settings(stack), FolderOf(stack));
        return graph;
    }

    private static string FolderOf(string stack) => _strategies.ContainsKey(stack) ? Examples : Root;

    private static InfraSettings OwnKeys()
    {
        var values = Values(File.ReadAllText(Path.Combine(Root, "Pulumi.prod.yaml")));
        var policy = JsonNode.Parse(values["backup:policy"]!)!;
        policy["copy"] = "none";
        policy["encryption"] = JsonNode.Parse("""{"gpgRecipients": ["examples/keys/ops.asc", "examples/keys/drill.asc"], "drillKey": "bloom/drill-key"}""");
        (values["backup:policy"], values["backup:copy"], values["backup:keyPerDatabase"]) = (policy.ToJsonString(), null, "true");
        return SettingsReader.Read(key => values.GetValueOrDefault($"backup:{key}"), values["aws:region"], new HashSet<string> { "pagerduty", "slack", "heartbeat" }, Root);
    }

    public static InfraSettings Prod() => Of("Pulumi.prod.yaml", "pagerduty", "slack", "heartbeat");

    public static InfraSettings Staging() => Of("Pulumi.staging.yaml", "slack");

    public static InfraSettings Copy() => Of("Pulumi.copy.yaml");

    public static InfraSettings Of(string file, params string[] secrets)
    {
        var values = Values(File.ReadAllText(Path.Combine(Root, file)));
        return SettingsReader.Read(key => values.GetValueOrDefault($"backup:{key}"), values.GetValueOrDefault("aws:region"), secrets.ToHashSet(), Root);
    }

    /// <summary>A policy document of its own in a plain account: what a team starts with.</summary>
    public static InfraSettings WithPolicy(string policyYaml, params string[] secrets) =>
        SettingsReader.Read(key => Plain(key) ?? (key == "policy" ? Json(policyYaml) : null), "eu-central-1", secrets.ToHashSet(), null);

    /// <summary>The same with other configuration values; null removes one.</summary>
    public static InfraSettings With(string policyYaml, IReadOnlyDictionary<string, string?> changes, params string[] secrets) => In(Examples, policyYaml, changes, secrets);

    /// <summary>The same, in a folder where the files lie that the policy names.</summary>
    public static InfraSettings In(string? folder, string policyYaml, IReadOnlyDictionary<string, string?> changes, params string[] secrets) => SettingsReader.Read(
        key => changes.TryGetValue(key, out var value) ? value : Plain(key) ?? (key == "policy" ? Json(policyYaml) : null),
        "eu-central-1", secrets.ToHashSet(), folder);

    public static string Json(string yaml) => ToNode(Typed(yaml))!.ToJsonString();

    /// <summary>Keys below config.</summary>
    public static Dictionary<string, string?> Values(string stackFile)
    {
        var config = (Dictionary<object, object?>)((Dictionary<object, object?>)Typed(stackFile)!)["config"]!;
        return config.ToDictionary(e => (string)e.Key, e => e.Value is string or null ? (string?)e.Value : ToNode(e.Value)!.ToJsonString());
    }

    private static string? Plain(string key) => key switch
    {
        "account" => "111122223333",
        "vaultAdmins" => """["arn:aws:iam::111122223333:role/backup-administrator"]""",
        "operators" => """{"kind": "iam-users", "principals": ["arn:aws:iam::111122223333:user/olivia"]}""",
        _ => null,
    };

    private static object? Typed(string yaml) =>
        new DeserializerBuilder().WithAttemptingUnquotedStringTypeDeserialization().Build().Deserialize<object?>(yaml);

    private static JsonNode? ToNode(object? value) => value switch
    {
        null => null,
        string text => JsonValue.Create(text),
        bool flag => JsonValue.Create(flag),
        IDictionary<object, object?> map => new JsonObject(map.Select(e => KeyValuePair.Create((string)e.Key, ToNode(e.Value)))),
        IEnumerable<object?> list => new JsonArray([.. list.Select(ToNode)]),
        IFormattable number => JsonNode.Parse(number.ToString(null, CultureInfo.InvariantCulture)),
        _ => throw new InvalidOperationException($"{value.GetType()} in YAML"),
    };

    private static string FindRoot()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Backup.sln"))) folder = Path.GetDirectoryName(folder)!;
        return folder;
    }
}
