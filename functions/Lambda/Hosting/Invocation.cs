using Amazon.Lambda.Core;
using Backup.Core.Model;
using Backup.Core.Operations;

namespace Backup.Lambda.Hosting;

/// <summary>What one call of a function has: its log and its deadline.</summary>
public sealed class Invocation : IDisposable
{
    /// <summary>Before the function's end, for aborting uploads, handing over and sending figures.</summary>
    public static readonly TimeSpan Reserve = TimeSpan.FromSeconds(60);

    private readonly CancellationTokenSource _deadline;

    /// <param name="function">The handler's name.</param>
    /// <param name="requestId">Of this call; a retry of the same event has the same.</param>
    /// <param name="remaining">Null: no end, as in a task.</param>
    /// <param name="log">Where the lines of this call go.</param>
    /// <param name="stop">A signal from outside, as a task gets one.</param>
    /// <param name="clock">Measures <paramref name="remaining"/>.</param>
    public Invocation(string function, string requestId, TimeSpan? remaining, JsonLog log, TimeProvider clock, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(log);
        Function = function;
        RequestId = requestId;
        Log = log.With(("function", function), ("requestId", requestId));
        _deadline = CancellationTokenSource.CreateLinkedTokenSource(stop);
        if (remaining is { } time)
        {
            var timer = new CancellationTokenSource(time > Reserve ? time - Reserve : TimeSpan.Zero, clock);
            timer.Token.Register(_deadline.Cancel);
            _timer = timer;
        }
    }

    private readonly CancellationTokenSource? _timer;

    public string Function { get; }
    public string RequestId { get; }
    public JsonLog Log { get; private set; }

    /// <summary>Fires <see cref="Reserve"/> before the function would be killed.</summary>
    public CancellationToken Cancel => _deadline.Token;

    /// <summary>The time is over, as opposed to a stop from outside.</summary>
    public bool IsOverdue => _timer?.IsCancellationRequested == true;

    /// <summary>From here on every line names the database and, when it is known, the backup.</summary>
    public void About(string database, string? id = null) =>
        Log = id is null ? Log.With(("database", database)) : Log.With(("database", database), ("id", id));

    public IProgress<Progress> Steps => new StepLog(this);

    public static Invocation Of(string function, ILambdaContext context, JsonLog log, TimeProvider clock)
    {
        ArgumentNullException.ThrowIfNull(context);
        return new Invocation(function, context.AwsRequestId, context.RemainingTime, log, clock, CancellationToken.None);
    }

    public void Dispose()
    {
        _timer?.Dispose();
        _deadline.Dispose();
    }

    /// <summary>Steps become lines, in the order in which they happen; figures in between do not: a night's log stays readable.</summary>
    private sealed class StepLog(Invocation call) : IProgress<Progress>
    {
        public void Report(Progress value)
        {
            if (value.IsStep) call.Log.Information(value.What, ("rawBytes", value.RawBytes == 0 ? null : value.RawBytes), ("storedBytes", value.StoredBytes == 0 ? null : value.StoredBytes));
        }
    }
}
