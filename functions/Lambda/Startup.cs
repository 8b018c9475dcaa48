using Amazon.CloudWatch;
using Amazon.Lambda.Annotations;
using Amazon.SecretsManager;
using Amazon.SimpleNotificationService;
using Backup.Core.Machine;
using Backup.Core.Postgres;
using Backup.Core.Signals;
using Backup.Core.Storage;
using Backup.Lambda.Aws;
using Backup.Lambda.Handlers;
using Backup.Lambda.Hosting;
using Backup.Lambda.Rotation;
using Microsoft.Extensions.DependencyInjection;

namespace Backup.Lambda;

/// <summary>What the handlers are made of. Nothing is made before a handler asks for it.</summary>
[LambdaStartup]
public sealed class Startup
{
#pragma warning disable CA1822 // the generated host calls it on an instance
    public void ConfigureServices(IServiceCollection services)
#pragma warning restore CA1822
    {
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton(_ => MachineEnvironment.Read());
        services.AddSingleton(s => Settings.Read(s.GetRequiredService<MachineEnvironment>()));
        services.AddSingleton(s => new JsonLog(Console.OpenStandardOutput(), s.GetRequiredService<TimeProvider>(), new Dictionary<string, string>()));
        services.AddSingleton<Calls>();
        services.AddSingleton<PostgresInstallations>();
        services.AddSingleton<IAmazonSecretsManager>(_ => new AmazonSecretsManagerClient());
        services.AddSingleton<IAmazonCloudWatch>(_ => new AmazonCloudWatchClient());
        services.AddSingleton<IAmazonSimpleNotificationService>(_ => new AmazonSimpleNotificationServiceClient());
        services.AddSingleton<Subscribers>();
        services.AddSingleton<SecretStore>();
        services.AddSingleton<DrillKey>();
        services.AddSingleton<PolicyBundle>();
        services.AddSingleton<ReportStore>();
        services.AddSingleton<AwsCall>();
        services.AddSingleton<FargateTask>();
        services.AddSingleton<HandOver>();
        services.AddSingleton<IMetricSink, CloudWatchMetrics>();
        services.AddSingleton<Figures>();
        services.AddSingleton(RotationPatience.Standard);
        services.AddSingleton<RotationSteps>();
        services.AddSingleton<DumpHandler>();
        services.AddSingleton<IncrementalHandler>();
        services.AddSingleton<VerifyHandler>();
        services.AddSingleton<WatchHandler>();
        services.AddSingleton<PruneHandler>();
        services.AddSingleton<RotationHandler>();
    }
}
