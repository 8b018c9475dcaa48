using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Lambda.Events;
using Backup.Lambda.Handlers;
using Backup.Lambda.Hosting;
using Microsoft.Extensions.DependencyInjection;

namespace Backup.Lambda;

/// <summary>
/// A handler for a task: the event comes from the environment, there is no deadline, and what may pass by itself is tried once more here, since nobody else
/// tries a task again.
/// </summary>
public sealed class OneShot(IServiceProvider services)
{
    private const int Attempts = 2;
    private static readonly TimeSpan _pause = TimeSpan.FromSeconds(30);

    /// <returns>The result as JSON, and whether it is a failure.</returns>
    public async Task<(string Json, bool Failed)> RunAsync(MachineEnvironment machine, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(machine);
        var clock = services.GetRequiredService<TimeProvider>();
        var function = machine[Settings.HandlerVariable] ?? "";
        var text = machine[Settings.EventVariable] ?? "";
        // Of the event, so that a second task with the same event is the same request.
        var requestId = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..32];
        using var call = new Invocation(function, requestId, remaining: null, services.GetRequiredService<JsonLog>(), clock, stop);
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await RunAsync(function, text, call);
            }
            catch (BackupException e) when (e.IsTransient && attempt < Attempts && !stop.IsCancellationRequested)
            {
                await Task.Delay(_pause, clock, CancellationToken.None);
            }
            catch (BackupException e)
            {
                return (JsonSerializer.Serialize(Failure.Of(e), LambdaJson.Default.Failure), true);
            }
        }
    }

    private async Task<(string Json, bool Failed)> RunAsync(string function, string text, Invocation call) => function switch
    {
        nameof(Functions.Dump) => Answer(await Calls.RunAsync(call, c => Get<DumpHandler>().HandleAsync(Json(text), c), DumpResult.Fail),
            LambdaJson.Default.DumpResult, r => r.Outcome == DumpResult.Failed),
        nameof(Functions.Incremental) => Answer(await Calls.RunAsync(call, c => Get<IncrementalHandler>().HandleAsync(Json(text), c), IncrementalResult.Fail),
            LambdaJson.Default.IncrementalResult, r => r.Outcome == IncrementalResult.Failed),
        nameof(Functions.Verify) => Answer(await Calls.RunAsync(call, c => Get<VerifyHandler>().HandleAsync(Json(text), c), VerifyEventResult.Fail),
            LambdaJson.Default.VerifyEventResult, r => r.Outcome is not VerifyEventResult.Passed),
        _ => throw new BackupException(ErrorCode.UsageWrong, $"{Settings.HandlerVariable} is \"{function}\"",
            $"A task runs {nameof(Functions.Dump)}, {nameof(Functions.Incremental)} or {nameof(Functions.Verify)}."),
    };

    private static (string Json, bool Failed) Answer<T>(T result, JsonTypeInfo<T> type, Func<T, bool> failed) => (JsonSerializer.Serialize(result, type), failed(result));

    private static JsonElement Json(string text)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            return document.RootElement.Clone();
        }
        catch (JsonException e)
        {
            throw new BackupException(ErrorCode.UsageWrong, $"{Settings.EventVariable} is no JSON", "Give the event that the function takes; see docs/functions.md.", e);
        }
    }

    private T Get<T>() where T : notnull => services.GetRequiredService<T>();
}
