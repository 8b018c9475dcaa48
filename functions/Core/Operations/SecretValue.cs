using System.Text.Json.Nodes;
using Backup.Core.Model;
using Backup.Core.Storage;

namespace Backup.Core.Operations;

/// <summary>Gives a secret of Secrets Manager a new value. No message repeats it.</summary>
internal static class SecretValue
{
    /// <param name="aws">Signs the call.</param>
    /// <param name="secret">Name or ARN. The secret must exist.</param>
    /// <param name="value">The text.</param>
    /// <param name="stage">AWSCURRENT or AWSPREVIOUS.</param>
    /// <param name="cancel">Before the call.</param>
    /// <exception cref="BackupException">secret.unusable.</exception>
    public static async Task PutAsync(AwsCall aws, string secret, string value, string stage, CancellationToken cancel)
    {
        try
        {
            await aws.PostAsync("secretsmanager", "secretsmanager.PutSecretValue", new JsonObject
            {
                ["SecretId"] = secret,
                ["ClientRequestToken"] = Guid.NewGuid().ToString(),
                ["SecretString"] = value,
                ["VersionStages"] = new JsonArray(stage),
            }, cancel);
        }
        catch (AwsCallException e)
        {
            throw new BackupException(ErrorCode.SecretUnusable, $"the secret {secret} was not stored: {e.Message}", e.Code == "ResourceNotFoundException"
                ? "Run `pulumi up` first, which makes it; or: aws secretsmanager create-secret --name NAME." : "Grant secretsmanager:PutSecretValue on it to yourself, and check AWS_REGION.", e) { IsTransient = e.MayPass };
        }
    }
}
