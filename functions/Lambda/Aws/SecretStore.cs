using Amazon.Runtime;
using Amazon.SecretsManager;
using Amazon.SecretsManager.Model;
using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Policies;
using Backup.Core.Postgres;

namespace Backup.Lambda.Aws;

/// <summary>Secrets Manager, with this project's errors. Nothing is kept between calls: a value that rotates must never be a stale one.</summary>
public sealed class SecretStore(IAmazonSecretsManager client, MachineEnvironment machine)
{
    public const string Current = "AWSCURRENT";
    public const string Previous = "AWSPREVIOUS";
    public const string Pending = "AWSPENDING";

    /// <summary>Of our own: the last login that a rotation made. Secrets Manager forgets versions without a label, and a new rotation takes AWSPENDING away.</summary>
    public const string Latest = "BACKUP_LATEST";

    /// <summary>How to log in to a database of the policy.</summary>
    public async Task<ConnectionTarget> ConnectionAsync(DatabasePolicy database, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(database);
        if (database.Secret is { } secret)
        {
            var value = await ValueAsync(secret, Current, null, cancel)
                ?? throw Unusable(secret, "has no value", $"Store the login: backup secret set {secret}.", null);
            return SecretText.Parse(value, Called(secret));
        }

        var text = machine[database.UrlVariable!] ?? throw new BackupException(ErrorCode.UsageWrong,
            $"the policy's database {database.Name} is found by the environment variable {database.UrlVariable}, which is not set here", "Write secret: with a Secrets Manager name.");
        return ConnectionText.Parse(text, $"${{{database.UrlVariable}}}", machine.UserName);
    }

    /// <summary>The value at a stage (and of a version), or null when there is none.</summary>
    public async Task<string?> ValueAsync(string secret, string stage, string? version, CancellationToken cancel)
    {
        try
        {
            var answer = await MapAsync(secret, "secretsmanager:GetSecretValue",
                () => client.GetSecretValueAsync(new GetSecretValueRequest { SecretId = secret, VersionStage = stage, VersionId = version }, cancel));
            return answer.SecretString ?? throw Unusable(secret, "is binary", $"Store it as text: backup secret set {secret}.", null);
        }
        catch (BackupException e) when (e.InnerException is ResourceNotFoundException)
        {
            return null;
        }
    }

    public Task<DescribeSecretResponse> DescribeAsync(string secret, CancellationToken cancel) =>
        MapAsync(secret, "secretsmanager:DescribeSecret", () => client.DescribeSecretAsync(new DescribeSecretRequest { SecretId = secret }, cancel));

    /// <summary>Repeatable: the token is the version's id, and one that has a value keeps it.</summary>
    public Task PutPendingAsync(string secret, string token, string value, CancellationToken cancel) => MapAsync(secret, "secretsmanager:PutSecretValue",
        () => client.PutSecretValueAsync(new PutSecretValueRequest { SecretId = secret, ClientRequestToken = token, SecretString = value, VersionStages = [Pending, Latest] }, cancel));

    /// <summary>Takes a stage away from one version (or from none) and gives it to another (or to none).</summary>
    public Task MoveAsync(string secret, string stage, string? from, string? to, CancellationToken cancel) => MapAsync(secret, "secretsmanager:UpdateSecretVersionStage",
        () => client.UpdateSecretVersionStageAsync(new UpdateSecretVersionStageRequest { SecretId = secret, VersionStage = stage, MoveToVersionId = to, RemoveFromVersionId = from }, cancel));

    public static string Called(string secret) => $"the secret {secret}";

    private static async Task<T> MapAsync<T>(string secret, string action, Func<Task<T>> call)
    {
        try
        {
            return await call();
        }
        catch (ResourceNotFoundException e)
        {
            throw Unusable(secret, "does not exist or has no value", $"Store the login: backup secret set {secret}.", e);
        }
        catch (AmazonServiceException e) when ((int)e.StatusCode >= 500 || e.StatusCode == 0 || e.ErrorCode is "ThrottlingException")
        {
            throw new BackupException(ErrorCode.SecretUnusable, $"{action} on {Called(secret)} failed: {e.Message}", "Run it again; see the AWS status page.", e) { IsTransient = true };
        }
        catch (AmazonServiceException e)
        {
            throw Unusable(secret, $"cannot be used: {action} is refused ({e.ErrorCode})", $"Grant {action} (and kms:Decrypt on its key) to the function's role.", e);
        }
    }

    private static BackupException Unusable(string secret, string why, string nextStep, Exception? cause) =>
        new(ErrorCode.SecretUnusable, $"{Called(secret)} {why}", nextStep, cause);
}
