using System.Runtime.InteropServices;
using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Lambda;
using Microsoft.Extensions.DependencyInjection;

namespace Backup.Tasks;

/// <summary>
/// One call of one function outside of Lambda, without its 15 minutes: ANNOTATIONS_HANDLER says which, BACKUP_EVENT is the event. The result is printed, the exit
/// code is 0 unless it failed. The container's stop signal cancels it, so that it leaves nothing behind.
/// </summary>
public static class Program
{
    public static async Task<int> Main()
    {
        var services = new ServiceCollection();
        new Startup().ConfigureServices(services);
        await using var provider = services.BuildServiceProvider();
        using var stop = new CancellationTokenSource();
        using var term = PosixSignalRegistration.Create(PosixSignal.SIGTERM, c => Stop(c, stop));
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, c => Stop(c, stop));
        var (json, failed) = await new OneShot(provider).RunAsync(provider.GetRequiredService<MachineEnvironment>(), stop.Token);
        await Console.Out.WriteLineAsync(json);
        return failed ? ErrorCode.Failed : ErrorCode.Done;
    }

    private static void Stop(PosixSignalContext context, CancellationTokenSource stop)
    {
        context.Cancel = true;
        stop.Cancel();
    }
}
