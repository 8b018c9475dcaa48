using System.Text.Json.Nodes;

namespace Backup.Infra.Compile;

/// <summary>One statement of an IAM, bucket, key, topic or queue policy. Immutable; written out by <see cref="PolicyDocument"/>.</summary>
public sealed record Statement
{
    public required string Sid { get; init; }
    public required string Effect { get; init; }

    /// <summary>Null in identity policies. ("*", "*") is everybody; else (AWS | Service | Federated, who).</summary>
    public (string Kind, IReadOnlyList<string> Who)? Principal { get; init; }
    public required IReadOnlyList<string> Actions { get; init; }

    /// <summary>Empty in trust policies, which have none.</summary>
    public IReadOnlyList<string> Resources { get; init; } = [];

    /// <summary>Everything but these; used in denials only.</summary>
    public IReadOnlyList<string> NotResources { get; init; } = [];
    public IReadOnlyList<(string Operator, string Key, IReadOnlyList<string> Values)> Conditions { get; init; } = [];

    public static Statement Allow(string sid, IReadOnlyList<string> actions, IReadOnlyList<string> resources) =>
        new() { Sid = sid, Effect = "Allow", Actions = actions, Resources = resources };

    public static Statement Deny(string sid, IReadOnlyList<string> actions, IReadOnlyList<string> resources) =>
        new() { Sid = sid, Effect = "Deny", Actions = actions, Resources = resources };

    public Statement When(string @operator, string key, params IReadOnlyList<string> values) =>
        this with { Conditions = [.. Conditions, (@operator, key, values)] };

    public Statement To(string kind, params IReadOnlyList<string> who) => this with { Principal = (kind, who) };

    public Statement ToEverybody() => this with { Principal = ("*", ["*"]) };

    internal JsonObject ToJson()
    {
        var json = new JsonObject { ["Sid"] = Sid, ["Effect"] = Effect };
        if (Principal is { } principal)
            json["Principal"] = principal.Kind == "*" ? "*" : new JsonObject { [principal.Kind] = OneOrMany(principal.Who) };
        json["Action"] = OneOrMany(Actions);
        if (Resources.Count > 0) json["Resource"] = OneOrMany(Resources);
        if (NotResources.Count > 0) json["NotResource"] = OneOrMany(NotResources);
        if (Conditions.Count == 0) return json;
        var conditions = new JsonObject();
        foreach (var (name, key, values) in Conditions)
        {
            if (conditions[name] is not JsonObject keys) conditions[name] = keys = [];
            keys.Add(key, OneOrMany(values));
        }

        json["Condition"] = conditions;
        return json;
    }

    private static JsonNode OneOrMany(IReadOnlyList<string> values) =>
        values.Count == 1 ? JsonValue.Create(values[0]) : new JsonArray([.. values.Select(v => JsonValue.Create(v))]);
}

public static class PolicyDocument
{
    /// <summary>Compact JSON: IAM's and S3's size limits count every character.</summary>
    public static string Write(IEnumerable<Statement> statements) => new JsonObject
    {
        ["Version"] = "2012-10-17",
        ["Statement"] = new JsonArray([.. statements.Select(s => s.ToJson())]),
    }.ToJsonString(JsonText.Options);

    /// <summary>Who may assume a role.</summary>
    public static string Trust(params IEnumerable<Statement> statements) => Write(statements);

    public static Statement Service(string sid, params string[] services) =>
        Statement.Allow(sid, ["sts:AssumeRole"], []).To("Service", services);
}
