using System.Text.Json;
using Amazon.SecretsManager.Model;
using Backup.Core.Model;
using Backup.Core.Policies;
using Backup.Core.Signals;
using Backup.Lambda.Aws;
using Backup.Lambda.Events;
using Backup.Lambda.Hosting;
using Backup.Lambda.Rotation;

namespace Backup.Lambda.Handlers;

/// <summary>Event of Secrets Manager → one step of a rotation.</summary>
public sealed class RotationHandler(PolicyBundle policies, SecretStore secrets, RotationSteps steps, Figures figures, TimeProvider clock)
{
    public async Task<RotationResult> HandleAsync(JsonElement json, Invocation call)
    {
        ArgumentNullException.ThrowIfNull(call);
        var e = EventReader.Read(json, LambdaJson.Default.RotationEvent, call.Function);
        if (e is not { SecretId: { } secret, ClientRequestToken: { } token, Step: { } step })
            throw new BackupException(ErrorCode.UsageWrong, "the event lacks SecretId, ClientRequestToken or Step", "Start a rotation: aws secretsmanager rotate-secret --secret-id NAME.");
        var policy = await policies.ReadAsync(call.Cancel);
        var facts = await secrets.DescribeAsync(secret, call.Cancel);
        var database = policy.Databases.FirstOrDefault(d => d.Secret == facts.Name);
        call.About(database?.Name ?? facts.Name);
        Guard(secret, token, facts);
        if (facts.VersionIdsToStages[token].Contains(SecretStore.Current)) return new RotationResult(step, "current", "this rotation is done already");
        var isDone = false;
        try
        {
            var result = await RunAsync(step, secret, token, database, call.Cancel);
            call.Log.Information($"{result.Step}: {result.Sentence}", ("role", result.Role));
            isDone = true;
            return result;
        }
        finally
        {
            if (database is not null && (!isDone || step == "finishSecret"))
                await figures.EmitAsync([new Metric(MetricName.RotationSuccess, isDone ? 1 : 0, policy.Environment, database.Name, clock.GetUtcNow())], call);
        }
    }

    private Task<RotationResult> RunAsync(string step, string secret, string token, DatabasePolicy? database, CancellationToken cancel) => step switch
    {
        "createSecret" => steps.CreateAsync(secret, token, cancel),
        "setSecret" => steps.SetAsync(secret, token, cancel),
        "testSecret" => steps.TestAsync(secret, token, database, cancel),
        "finishSecret" => steps.FinishAsync(secret, token, cancel),
        _ => throw new BackupException(ErrorCode.UsageWrong, $"the step \"{step}\" is not known", "There are createSecret, setSecret, testSecret and finishSecret."),
    };

    /// <summary>Only what Secrets Manager itself began: nobody changes a password by inventing an event.</summary>
    private static void Guard(string secret, string token, DescribeSecretResponse facts)
    {
        var why = facts.RotationEnabled != true ? "has no rotation"
            : facts.VersionIdsToStages?.TryGetValue(token, out var stages) != true ? $"has no version {token}"
            : !stages!.Contains(SecretStore.Pending) && !stages.Contains(SecretStore.Current) ? $"has the version {token} neither pending nor current"
            : null;
        if (why is not null)
            throw new BackupException(ErrorCode.RotationFailed, $"{SecretStore.Called(secret)} {why}; nothing was changed", "Start a rotation: aws secretsmanager rotate-secret --secret-id NAME.");
    }
}
