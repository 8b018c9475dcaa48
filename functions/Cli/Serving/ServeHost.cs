using Backup.Core.Machine;
using Backup.Core.Operations.Serving;
using Backup.Core.Postgres;

namespace Backup.Cli.Serving;

/// <summary>A service with its clock and its page, running.</summary>
public sealed class ServeHost : IAsyncDisposable
{
    private readonly Service _service;
    private readonly ServiceClock _clock;
    private readonly StatusServer _server;

    private ServeHost(Service service, ServiceClock clock, StatusServer server) => (_service, _clock, _server) = (service, clock, server);

    public Uri Address => _server.Address;

    public Service Service => _service;

    /// <exception cref="Core.Model.BackupException">usage: the address cannot be listened on.</exception>
    public static async Task<ServeHost> StartAsync(
        ServiceSettings settings, ListenAddress listen, ActionToken? token, MachineEnvironment machine, TimeProvider clock, Action<string> note, CancellationToken cancel)
    {
        var service = new Service(settings, machine, clock, new PostgresInstallations(machine), note);
        ServiceClock? times = null;
        // The page first: a second service that was started by mistake ends at the port that is taken, and does nothing.
        var server = await StatusServer.StartAsync(listen, () => service.Status() with { IsScheduling = times?.IsRunning == true }, service.Ask, token, clock, note, cancel);
        times = await ServiceClock.StartAsync(service.Plan, clock, service.Ask, cancel);
        service.Start();
        return new ServeHost(service, times, server);
    }

    /// <summary>Starts nothing more, lets running work go on for the grace, then stops it. The page stays until then.</summary>
    public async Task StopAsync(TimeSpan grace, CancellationToken atOnce)
    {
        await _clock.DisposeAsync();
        await _service.StopAsync(grace, atOnce);
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _service.Dispose();
    }
}
