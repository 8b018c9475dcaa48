using Amazon.Lambda.Core;
using Backup.Core.Model;

namespace Backup.Lambda.Hosting;

/// <summary>An expected failure in a result: what failed, and what to do next.</summary>
public sealed record Failure(string Code, string Message, string NextStep)
{
    public static Failure Of(BackupException e)
    {
        ArgumentNullException.ThrowIfNull(e);
        return new Failure(e.Code.Name, e.Message, e.NextStep);
    }
}

/// <summary>
/// Runs a handler and decides what its failure means: one that may pass by itself is thrown, so that Lambda tries once more; every other becomes a failed
/// result, since a second attempt would fail in the same way. The one catch of the program.
/// </summary>
public sealed class Calls(JsonLog log, TimeProvider clock)
{
    /// <param name="function">The handler's name.</param>
    /// <param name="context">Of Lambda.</param>
    /// <param name="work">The handler.</param>
    /// <param name="failed">Makes the failed result.</param>
    public async Task<T> RunAsync<T>(string function, ILambdaContext context, Func<Invocation, Task<T>> work, Func<Failure, T> failed)
    {
        using var call = Invocation.Of(function, context, log, clock);
        return await RunAsync(call, work, failed);
    }

    /// <summary>For callers that take every result for success.</summary>
    /// <exception cref="BackupException">Every failure, with its next step in the message.</exception>
    public async Task<T> RunOrThrowAsync<T>(string function, ILambdaContext context, Func<Invocation, Task<T>> work) =>
        await RunAsync(function, context, work, failure => throw new InvalidOperationException($"{failure.Message} [{failure.Code}] → {failure.NextStep}"));

    public static async Task<T> RunAsync<T>(Invocation call, Func<Invocation, Task<T>> work, Func<Failure, T> failed)
    {
        ArgumentNullException.ThrowIfNull(call);
        ArgumentNullException.ThrowIfNull(work);
        ArgumentNullException.ThrowIfNull(failed);
        try
        {
            return await work(call);
        }
        catch (BackupException e)
        {
            var failure = Failure.Of(e);
            call.Log.Error(failure.Message, ("code", failure.Code), ("nextStep", failure.NextStep), ("retried", e.IsTransient ? "yes" : "no"));
            if (e.IsTransient) throw;
            return failed(failure);
        }
        catch (OperationCanceledException)
        {
            var failure = new Failure(ErrorCode.Cancelled.Name, call.IsOverdue ? "stopped before the function's time was over; nothing was committed" : "stopped; nothing was committed",
                "Let the policy say runner: auto or fargate, so that a long run is handed over.");
            call.Log.Error(failure.Message, ("code", failure.Code), ("nextStep", failure.NextStep));
            return failed(failure);
        }
#pragma warning disable CA1031 // the one catch: a defect ends this call, not the process
        catch (Exception e)
#pragma warning restore CA1031
        {
            var failure = new Failure(ErrorCode.Internal.Name, $"{e.GetType().Name}: {e.Message}", "Report this with the log of this call.");
            call.Log.Error(failure.Message, ("code", failure.Code), ("stack", e.StackTrace));
            return failed(failure);
        }
    }
}
