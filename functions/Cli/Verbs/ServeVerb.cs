using System.CommandLine;
using System.Runtime.InteropServices;
using Backup.Cli.Serving;
using Backup.Core.Model;
using Backup.Core.Operations.Serving;
using Backup.Core.Operations.Watching;
using Backup.Core.Policies;
using Backup.Core.Signals;
using Backup.Core.Storage;

namespace Backup.Cli.Verbs;

/// <summary><c>backup serve</c>: runs a whole policy on one machine until it is stopped. A clean stop is exit code 0.</summary>
public static class ServeVerb
{
    public const string Name = "serve";

    /// <summary>After the first signal running work may end by itself for so long; then it is cancelled, which leaves nothing. A second signal ends the wait.</summary>
    private static readonly TimeSpan _grace = TimeSpan.FromSeconds(20);

    public static Command Create(VerbContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var o = context.Options;
        var copy = new Option<string?>("--copy") { Description = "A second vault, to copy every backup to.", HelpName = "URL" };
        var listen = new Option<string>("--listen") { Description = "Where the status page is served.", HelpName = "ADDRESS:PORT", DefaultValueFactory = _ => "127.0.0.1:8080" };
        var expose = new Option<bool>("--expose") { Description = "Allow --listen to name an address that other machines reach: they read the page without a login." };
        var allowHost = new Option<string[]>("--allow-host") { Description = "Another name to answer to, for a proxy in front; may be repeated.", HelpName = "NAME" };
        var notify = new Option<string?>("--notify") { Description = "Tell the policy's channels what happens; FILE remembers what was told.", HelpName = "FILE" };
        var actions = new Option<bool>("--allow-actions") { Description = "Put buttons on the page: back up now, verify latest, drill latest. They ask for the token." };
        var token = new Option<string?>("--token") { Description = "Where the token is: ${NAME} of an environment variable, or a file of mode 600. Never the token itself.", HelpName = "${NAME}|FILE" };
        var command = new Command(Name, "Run a whole policy on this machine: schedules, watch, notices, status page.")
        {
            o.Stack, o.Policy, o.Vault, copy, listen, expose, allowHost, notify, o.Metrics, actions, token,
        };
        command.SetAction(async (parsed, cancel) =>
        {
            o.RequiredPolicyPath(parsed, context.Machine);
            var place = Place.Of(context, parsed);
            var policy = place.Policy!;
            var address = ListenAddress.Parse(parsed.GetRequiredValue(listen), parsed.GetValue(expose), parsed.GetValue(allowHost) ?? []);
            var key = Token(context, parsed.GetValue(actions), parsed.GetValue(token), address);
            var memory = parsed.GetValue(notify) is { } file ? new NoticeStateFile(FullPath(context, file)) : null;
            // A wrong name must not come to light when somebody should have been told.
            if (memory is not null) await memory.SaveAsync(await memory.LoadAsync(cancel), cancel);
            using var channels = memory is null ? null : NoticeChannels.Open(policy.Notify, context.Machine);
            await using var vault = place.OpenVault();
            await using var second = parsed.GetValue(copy) is { } url ? VaultFactory.Open(url, context.Machine.WorkingFolder, context.Clock) : null;
            if (second?.Name == vault.Name) throw new BackupException(ErrorCode.UsageWrong, $"--copy is the vault itself, {vault.Name}", "Name another vault.");
            var log = new ServeLog(context.Terminal, context.Clock);
            var settings = new ServiceSettings
            {
                Policy = policy,
                Vault = vault,
                Copy = second,
                Sources = place.Databases().ToDictionary(d => d.Database.Name, d => d.Source, StringComparer.Ordinal),
                Metrics = o.MetricSink(parsed, context),
                Messenger = channels is null ? null : new Messenger(channels, memory!, context.Clock, log.Note),
            };
            using var signals = new StopSignals();
            await using var host = await ServeHost.StartAsync(settings, address, key, context.Machine, context.Clock, log.Note, signals.Stop);
            Greet(log, policy, settings, host, address);
            await signals.StopAsked();
            log.Note($"stopping: nothing more is begun; what runs has {_grace.TotalSeconds:0} s to end, then it is cancelled. A second signal cancels it at once");
            await host.StopAsync(_grace, signals.Again);
            log.Note("stopped");
            return ErrorCode.Done;
        });
        return command;
    }

    private static void Greet(ServeLog log, Policy policy, ServiceSettings settings, ServeHost host, ListenAddress address)
    {
        log.Note($"serving {PolicyReading.Count(policy.Databases.Count, "database")} of {policy.Project}, {policy.Environment}, into {settings.Vault.Name}; page: {host.Address}");
        if (!address.IsLoopback) log.Note("warning: other machines can read the page, without a login and without TLS");
        if (settings.Messenger is null) log.Note("warning: without --notify nobody is told when something goes wrong");
    }

    private static ActionToken? Token(VerbContext context, bool allowed, string? reference, ListenAddress address)
    {
        if (!allowed && reference is null) return null;
        if (!allowed || reference is null) throw new BackupException(ErrorCode.UsageWrong, "--allow-actions and --token belong together", "Give both, or neither: then the page is read-only.");
        if (!address.IsLoopback)
            throw new BackupException(ErrorCode.UsageWrong, "--allow-actions and an exposed page do not go together: the token would cross the network in clear", "Listen on 127.0.0.1, and put a proxy with TLS in front (--allow-host NAME).");
        return ActionToken.Read(reference, context.Machine);
    }

    private static string FullPath(VerbContext context, string file) => Path.GetFullPath(file, Path.GetFullPath(context.Machine.WorkingFolder));

    /// <summary>The first signal asks for a stop, the second one for a stop at once. The command line's own handling knows one signal only, so it is switched off for this verb.</summary>
    private sealed class StopSignals : IDisposable
    {
        private readonly CancellationTokenSource _stop = new();
        private readonly CancellationTokenSource _again = new();
        private readonly PosixSignalRegistration[] _registrations;
        private int _count;

        public StopSignals() => _registrations = [PosixSignalRegistration.Create(PosixSignal.SIGINT, Count), PosixSignalRegistration.Create(PosixSignal.SIGTERM, Count)];

        public CancellationToken Stop => _stop.Token;

        public CancellationToken Again => _again.Token;

        public Task StopAsked()
        {
            var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _stop.Token.Register(asked.SetResult);
            return asked.Task;
        }

        // The sources are not disposed: a late signal may still be at work on them.
        public void Dispose()
        {
            foreach (var registration in _registrations) registration.Dispose();
        }

        private void Count(PosixSignalContext context)
        {
            context.Cancel = true;
            (Interlocked.Increment(ref _count) == 1 ? _stop : _again).Cancel();
        }
    }

    private sealed class ServeLog(Terminal terminal, TimeProvider clock)
    {
        private readonly Lock _gate = new();

        public void Note(string line)
        {
            lock (_gate) terminal.Note($"{UtcText.Seconds(clock.GetUtcNow())} {line}");
        }
    }
}
