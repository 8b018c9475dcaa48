namespace Backup.Core.Machine;

/// <summary>Runs parts side by side; when one fails the others are told to stop, and the failure that came first is the one that is thrown.</summary>
public static class FirstFailure
{
    /// <param name="stop">Cancelled on the first failure; the parts listen to it.</param>
    /// <param name="cause">An outer reason that goes before whatever the parts say, or null.</param>
    /// <param name="cancel">The caller's token: when it fired, the result is a cancellation, whatever broke on the way.</param>
    public static async Task WhenAllAsync(
        IReadOnlyList<Func<Task>> parts, CancellationTokenSource stop, Func<Exception?> cause, CancellationToken cancel)
    {
        Exception? first = null;
        await Task.WhenAll(parts.Select(part => Task.Run(async () =>
        {
            try
            {
                await part();
            }
            catch (Exception e)
            {
                // Kept, not swallowed: thrown below, after every part has let go of what it holds.
                Interlocked.CompareExchange(ref first, e, null);
                await stop.CancelAsync();
            }
        }, CancellationToken.None)));
        if (first is null) return;
        cancel.ThrowIfCancellationRequested();
        System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(cause() ?? first);
    }
}
