using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Backup.Core.Model;
using Backup.Core.Storage;
using Backup.Lambda.Hosting;

namespace Backup.Lambda.Aws;

/// <summary>
/// Starts the same image as a Fargate task with the same event. The token is made of the backup's identity: however often a run is handed over, one task
/// starts. A task that could not be placed comes back as a failure inside of a good answer, which nobody else would retry.
/// </summary>
public sealed class FargateTask(AwsCall aws, Settings settings, TimeProvider clock)
{
    private const int Attempts = 5;
    private static readonly TimeSpan _firstPause = TimeSpan.FromSeconds(1.5);

    public bool IsAvailable => settings.Fargate is not null;

    /// <param name="function">The handler that the task runs.</param>
    /// <param name="identity">What makes two hand-overs the same one.</param>
    /// <param name="json">The event, marked as handed over.</param>
    /// <param name="cancel">Ends the attempts.</param>
    /// <returns>The task's ARN.</returns>
    public async Task<string> StartAsync(string function, string identity, string json, CancellationToken cancel)
    {
        var place = settings.Fargate ?? throw new BackupException(ErrorCode.RunnerUnavailable, "there is no task to hand the run over to",
            "Let the policy say runner: auto or fargate, and run `pulumi up`.");
        var body = Request(place, function, identity, json);
        for (var attempt = 1; ; attempt++)
        {
            var (task, refusal) = await TryAsync(body, cancel);
            if (task is not null) return task;
            if (attempt == Attempts)
            {
                throw new BackupException(ErrorCode.RunnerUnavailable, $"the task {place.TaskDefinition} was not started in {Attempts} attempts: {refusal}",
                    "See whether the region has Fargate capacity and the subnets have free addresses; then invoke the function again.") { IsTransient = true };
            }

            await Task.Delay(_firstPause * Math.Pow(2, attempt - 1), clock, cancel);
        }
    }

    private async Task<(string? Task, string? Refusal)> TryAsync(JsonObject body, CancellationToken cancel)
    {
        JsonObject answer;
        try
        {
            answer = await aws.PostAsync("ecs", "AmazonEC2ContainerServiceV20141113.RunTask", (JsonObject)body.DeepClone(), cancel);
        }
        catch (AwsCallException e)
        {
            throw new BackupException(ErrorCode.RunnerUnavailable, $"ecs:RunTask failed: {e.Message}",
                e.MayPass ? "Invoke the function again." : "Run `pulumi up`; it makes the cluster, the task definition and the right to start it.", e) { IsTransient = e.MayPass };
        }

        if ((string?)answer["tasks"]?.AsArray().FirstOrDefault()?["taskArn"] is { } task) return (task, null);
        var failures = answer["failures"]?.AsArray().Select(f => $"{(string?)f?["reason"]} {(string?)f?["detail"]}".Trim()) ?? [];
        return (null, string.Join("; ", failures.DefaultIfEmpty("no reason given")));
    }

    private static JsonObject Request(FargatePlace place, string function, string identity, string json) => new()
    {
        ["cluster"] = place.Cluster,
        ["taskDefinition"] = place.TaskDefinition,
        ["launchType"] = "FARGATE",
        ["count"] = 1,
        ["clientToken"] = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(identity))),
        ["startedBy"] = "backup",
        ["networkConfiguration"] = new JsonObject
        {
            ["awsvpcConfiguration"] = new JsonObject
            {
                ["subnets"] = new JsonArray([.. place.Subnets.Select(s => (JsonNode)s)]),
                ["securityGroups"] = new JsonArray(place.SecurityGroup),
                ["assignPublicIp"] = place.AssignPublicIp ? "ENABLED" : "DISABLED",
            },
        },
        ["overrides"] = new JsonObject
        {
            ["containerOverrides"] = new JsonArray(new JsonObject
            {
                ["name"] = Settings.TaskContainer,
                ["environment"] = new JsonArray(
                    new JsonObject { ["name"] = Settings.HandlerVariable, ["value"] = function },
                    new JsonObject { ["name"] = Settings.EventVariable, ["value"] = json }),
            }),
        },
    };
}
