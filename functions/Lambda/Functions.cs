using System.Text.Json;
using Amazon.Lambda.Annotations;
using Amazon.Lambda.Core;
using Backup.Lambda.Events;
using Backup.Lambda.Handlers;
using Backup.Lambda.Hosting;
using Microsoft.Extensions.DependencyInjection;

[assembly: LambdaGlobalProperties(GenerateMain = true)]
[assembly: LambdaSerializer(typeof(EventSerializer))]

namespace Backup.Lambda;

/// <summary>
/// The functions of the image; ANNOTATIONS_HANDLER says which one a process is. Events arrive as plain JSON and are read by the handler, so that a wrong field
/// is a failed result and no retry. Each process makes only what its own handler needs.
/// </summary>
public sealed class Functions(IServiceProvider services, Calls calls)
{
    [LambdaFunction(PackageType = LambdaPackageType.Image)]
    public Task<DumpResult> Dump(JsonElement json, ILambdaContext context) =>
        calls.RunAsync(nameof(Dump), context, call => Get<DumpHandler>().HandleAsync(json, call), DumpResult.Fail);

    [LambdaFunction(PackageType = LambdaPackageType.Image)]
    public Task<IncrementalResult> Incremental(JsonElement json, ILambdaContext context) =>
        calls.RunAsync(nameof(Incremental), context, call => Get<IncrementalHandler>().HandleAsync(json, call), IncrementalResult.Fail);

    [LambdaFunction(PackageType = LambdaPackageType.Image)]
    public Task<VerifyEventResult> Verify(JsonElement json, ILambdaContext context) =>
        calls.RunAsync(nameof(Verify), context, call => Get<VerifyHandler>().HandleAsync(json, call), VerifyEventResult.Fail);

    [LambdaFunction(PackageType = LambdaPackageType.Image)]
    public Task<WatchResult> Watch(JsonElement json, ILambdaContext context) =>
        calls.RunAsync(nameof(Watch), context, call => Get<WatchHandler>().HandleAsync(json, call), WatchResult.Fail);

    [LambdaFunction(PackageType = LambdaPackageType.Image)]
    public Task<PruneResult> Prune(JsonElement json, ILambdaContext context) =>
        calls.RunAsync(nameof(Prune), context, call => Get<PruneHandler>().HandleAsync(json, call), PruneResult.Fail);

    /// <summary>Throws whatever fails: Secrets Manager takes every answer for success.</summary>
    [LambdaFunction(PackageType = LambdaPackageType.Image)]
    public Task<RotationResult> RotateSecret(JsonElement json, ILambdaContext context) =>
        calls.RunOrThrowAsync(nameof(RotateSecret), context, call => Get<RotationHandler>().HandleAsync(json, call));

    private T Get<T>() where T : notnull => services.GetRequiredService<T>();
}
