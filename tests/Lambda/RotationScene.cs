using System.Text.Json.Nodes;
using Amazon.SecretsManager;
using Amazon.SecretsManager.Model;
using Backup.Core.Machine;
using Backup.Core.Operations;
using Backup.Core.Postgres;
using Backup.Core.Storage;
using Backup.Lambda.Events;
using Backup.Tests.Support;

namespace Backup.Lambda.Tests;

/// <summary>A database with its two backup roles, made by the SQL that doctor prints, and a secret that rotates.</summary>
internal sealed class RotationScene : IAsyncDisposable
{
    private static int s_counter;

    private readonly CloudFixture _cloud;
    private readonly PasswordServer _server;
    private readonly TestDatabase _database;

    private RotationScene(CloudFixture cloud, PasswordServer server, TestDatabase database, Deployment deployed, string role)
    {
        (_cloud, _server, _database, Deployed, Role) = (cloud, server, database, deployed, role);
    }

    public Deployment Deployed { get; }
    public string Role { get; }
    public string AdminUrl => _server.AdminUrl(_database.Name);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static async Task<RotationScene> MakeAsync(PostgresFixture postgres, CloudFixture cloud)
    {
        var server = await postgres.PasswordServerAsync();
        var database = await postgres.CreatePasswordDatabaseAsync("rotation");
        var role = $"backup {Interlocked.Increment(ref s_counter)}"; // a name that needs its quotes
        await Database.SqlAsync(database.Url, "CREATE TABLE held AS SELECT generate_series(1, 100) AS i");
        var admin = ConnectionText.Parse(server.AdminUrl(database.Name), "admin", "postgres");
        foreach (var sql in await RoleSql.ReadAsync(admin, Core.Model.Provider.Postgres, role, Cancel))
            if (!sql.StartsWith('\\')) await Database.SqlAsync(server.AdminUrl(database.Name), sql);
        await Database.SqlAsync(server.AdminUrl(database.Name), $"ALTER ROLE \"{role}\" PASSWORD 'first'; ALTER ROLE \"{role}_clone\" PASSWORD 'second'");
        var deployed = await Deployment.MakeAsync(cloud, url: null);
        var scene = new RotationScene(cloud, server, database, deployed, role);
        await scene.EnableAsync();
        return scene;
    }

    public string Url(string role, string password) => $"postgres://{Uri.EscapeDataString(role)}:{password}@{PasswordServer.Host}:{_server.Port}/{Uri.EscapeDataString(_database.Name)}";

    public Task<IReadOnlyList<string>> StoreAsync(bool previous, params string[] logins) =>
        new StoreLogins(new AwsCall(MachineEnvironment.Read(), TimeProvider.System)).ExecuteAsync(Deployed.Secret, logins, previous, check: true, Cancel);

    public Task<IReadOnlyList<string>> SeedAsync() => StoreAsync(false, Url(Role, "first"), Url($"{Role}_clone", "second"));

    public Task<RotationResult> StepAsync(string step, string token) => Deployed.Functions.RotateSecret(
        Deployment.Json(new JsonObject { ["SecretId"] = Deployed.Secret, ["ClientRequestToken"] = token, ["Step"] = step }.ToJsonString()), Deployment.Context());

    /// <summary>As Secrets Manager begins a rotation: a version that is pending and has no value.</summary>
    public async Task<string> BeginAsync()
    {
        var token = Guid.NewGuid().ToString();
        using var client = _cloud.Secrets;
        await client.RotateSecretAsync(new RotateSecretRequest
        {
            SecretId = Deployed.Secret,
            ClientRequestToken = token,
            RotationLambdaARN = await _cloud.NothingFunctionAsync(),
            RotationRules = new RotationRulesType { AutomaticallyAfterDays = 90 },
        }, Cancel);
        return token;
    }

    public async Task<string?> ValueAsync(string stage)
    {
        using var client = _cloud.Secrets;
        try
        {
            return (await client.GetSecretValueAsync(new GetSecretValueRequest { SecretId = Deployed.Secret, VersionStage = stage }, Cancel)).SecretString;
        }
        catch (ResourceNotFoundException)
        {
            return null;
        }
    }

    /// <summary>The first half of finishSecret.</summary>
    public async Task MoveCurrentAsync(string token)
    {
        using var client = _cloud.Secrets;
        var versions = (await client.DescribeSecretAsync(new DescribeSecretRequest { SecretId = Deployed.Secret }, Cancel)).VersionIdsToStages;
        var current = versions.Single(v => v.Value.Contains("AWSCURRENT")).Key;
        await client.UpdateSecretVersionStageAsync(new UpdateSecretVersionStageRequest { SecretId = Deployed.Secret, VersionStage = "AWSCURRENT", MoveToVersionId = token, RemoveFromVersionId = current }, Cancel);
    }

    public static async Task<bool> WorksAsync(string? url)
    {
        try
        {
            await Database.SqlAsync(url!, "SELECT 1");
            return true;
        }
        catch (Npgsql.PostgresException e) when (e.SqlState == "28P01")
        {
            return false;
        }
    }

    public static string User(string? url) => ConnectionText.Parse(url!, "stored", "").User;

    public async ValueTask DisposeAsync()
    {
        await Deployed.DisposeAsync();
        await _database.DisposeAsync();
    }

    private async Task EnableAsync()
    {
        using var client = _cloud.Secrets;
        await client.RotateSecretAsync(new RotateSecretRequest { SecretId = Deployed.Secret, RotationRules = new RotationRulesType { AutomaticallyAfterDays = 90 } }, Cancel);
    }
}
