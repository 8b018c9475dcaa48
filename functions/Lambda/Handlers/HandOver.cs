using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Backup.Core.Model;
using Backup.Core.Postgres;
using Backup.Lambda.Aws;
using Backup.Lambda.Hosting;

namespace Backup.Lambda.Handlers;

/// <summary>Gives a run to a task with the same event, which is marked so that it is never given away again.</summary>
public sealed class HandOver(FargateTask tasks)
{
    /// <summary>Of <see cref="Invocation.Reserve"/>; the rest belongs to aborted uploads and figures.</summary>
    private static readonly TimeSpan _limit = TimeSpan.FromSeconds(30);

    public bool IsPossible => tasks.IsAvailable;

    /// <param name="call">The present one.</param>
    /// <param name="identity">Of the run: two hand-overs with the same one start one task.</param>
    /// <param name="reason">For the log.</param>
    /// <param name="marked">The event, with its mark set.</param>
    /// <param name="type">Of the event.</param>
    /// <returns>The task's ARN.</returns>
    public async Task<string> StartAsync<T>(Invocation call, string identity, string reason, T marked, JsonTypeInfo<T> type)
    {
        ArgumentNullException.ThrowIfNull(call);
        using var limit = new CancellationTokenSource(_limit); // the call's own time may be over already
        try
        {
            var task = await tasks.StartAsync(call.Function, $"{call.Function}/{identity}", JsonSerializer.Serialize(marked, type), limit.Token);
            call.Log.Information($"handed over: {reason}", ("task", task));
            return task;
        }
        catch (OperationCanceledException e)
        {
            throw new BackupException(ErrorCode.RunnerUnavailable, $"no task could be started within {_limit.TotalSeconds:0} s", "Invoke the function again; see whether ECS answers.", e) { IsTransient = true };
        }
    }

    /// <summary>True when the host has addresses and all are of IPv6. What cannot be resolved is left to the connection, which says why.</summary>
    public static async Task<bool> HasOnlyIpv6Async(ConnectionTarget source, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(source);
        if (source.IsSocket) return false;
        try
        {
            var addresses = await Dns.GetHostAddressesAsync(source.Host, cancel);
            return addresses.Length > 0 && addresses.All(a => a.AddressFamily == AddressFamily.InterNetworkV6);
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
