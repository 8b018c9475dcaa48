using Backup.Infra.Compile;
using Backup.Infra.Settings;
using Pulumi;
using Pulumi.Aws.Lambda;
using Pulumi.Aws.Scheduler;
using Pulumi.Aws.Scheduler.Inputs;
using Pulumi.Aws.SecretsManager;
using Pulumi.Aws.SecretsManager.Inputs;

namespace Backup.Infra.Components;

public sealed class SchedulesArgs
{
    public required Names Names { get; init; }
    public required InfraSettings Settings { get; init; }
    public required Identity Identity { get; init; }
    public required Secrets Secrets { get; init; }
    public required Workers Workers { get; init; }
}

/// <summary>Everything that happens by the clock: runs, increments, verifies, drills, the hourly watch, and the rotation of passwords.</summary>
public sealed class Schedules : ComponentResource
{
    /// <summary>Delivery only: whether the run succeeds is another matter, and another alarm.</summary>
    private const int Retries = 3;
    private const int RetrySeconds = 3600;

    public Schedules(string name, SchedulesArgs args, ComponentResourceOptions? options = null) : base("backup:infra:Schedules", name, options)
    {
        ArgumentNullException.ThrowIfNull(args);
        var group = new ScheduleGroup($"{name}-group", new ScheduleGroupArgs { Name = args.Names.ScheduleGroup }, Components.Options.Of(this));
        var specs = ScheduleCompiler.Schedules(args.Names, args.Settings.Policy);
        foreach (var spec in specs)
        {
            _ = new Schedule($"{name}-{spec.Name}", new ScheduleArgs
            {
                Name = spec.Name,
                GroupName = group.Name,
                ScheduleExpression = spec.Expression,
                ScheduleExpressionTimezone = "UTC",
                FlexibleTimeWindow = new ScheduleFlexibleTimeWindowArgs { Mode = "OFF" },
                Target = new ScheduleTargetArgs
                {
                    Arn = args.Workers.Functions[spec.Function].Arn,
                    RoleArn = args.Identity.Arn("scheduler"),
                    Input = spec.Input,
                    RetryPolicy = new ScheduleTargetRetryPolicyArgs { MaximumRetryAttempts = Retries, MaximumEventAgeInSeconds = RetrySeconds },
                    DeadLetterConfig = new ScheduleTargetDeadLetterConfigArgs { Arn = args.Workers.Queue.Arn },
                },
            }, Components.Options.Of(this, args.Identity.Ready("scheduler")));
        }

        if (args.Settings.RotationMonths is { } months) Rotate(name, args, months);
        RegisterOutputs(new Dictionary<string, object?> { ["group"] = group.Name, ["schedules"] = specs.Count });
    }

    private void Rotate(string name, SchedulesArgs args, int months)
    {
        var function = args.Workers.Functions[args.Names.Function("rotate-secret", null)];
        foreach (var database in args.Settings.Policy.Databases)
        {
            var part = Names.Database(database.Name);
            var secret = args.Secrets.Of(database.Name);
            // Secrets Manager tries the call when rotation is turned on, so the permission comes first.
            var permission = new Permission($"{name}-rotation-{part}-permission", new PermissionArgs
            {
                Action = "lambda:InvokeFunction",
                Function = function.Name,
                Principal = "secretsmanager.amazonaws.com",
                SourceArn = secret.Arn,
                SourceAccount = args.Names.Account,
            }, Components.Options.Of(this));
            _ = new SecretRotation($"{name}-rotation-{part}", new SecretRotationArgs
            {
                SecretId = secret.Id,
                RotationLambdaArn = function.Arn,
                // Turning it on must not change a password in the middle of a deployment.
                RotateImmediately = false,
                RotationRules = new SecretRotationRotationRulesArgs
                {
                    ScheduleExpression = ScheduleCompiler.Rotation(database, months),
                    Duration = $"{ScheduleCompiler.RotationHours}h",
                },
            }, Components.Options.Of(this, permission));
        }
    }
}
