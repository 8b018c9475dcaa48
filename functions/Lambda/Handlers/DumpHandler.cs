using System.Text.Json;
using Backup.Core.Catalog;
using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Core.Policies;
using Backup.Core.Postgres;
using Backup.Core.Signals;
using Backup.Core.Storage;
using Backup.Lambda.Aws;
using Backup.Lambda.Events;
using Backup.Lambda.Hosting;

namespace Backup.Lambda.Handlers;

/// <summary>Event → one backup, here or in a task. However it ends, it is counted: success only after the commit, and a run that somebody else has is neither.</summary>
public sealed class DumpHandler(
    Settings settings, MachineEnvironment machine, TimeProvider clock, PostgresInstallations installations, PolicyBundle policies, SecretStore secrets, HandOver handOver, Figures figures)
{
    public async Task<DumpResult> HandleAsync(JsonElement json, Invocation call)
    {
        ArgumentNullException.ThrowIfNull(call);
        var e = Complete(EventReader.Read(json, LambdaJson.Default.DumpEvent, call.Function), call);
        var time = e.ScheduledTime is null ? (DateTimeOffset?)null : EventReader.Time(e.ScheduledTime, "scheduledTime");
        var counted = settings.Serves(e.Database);
        DumpResult? result = null;
        RunReport? report = null;
        try
        {
            var policy = await policies.ReadAsync(call.Cancel);
            var database = EventReader.Database(e.Database, policy, settings);
            counted = database.Name;
            call.About(database.Name, time is { } t ? BackupId.Create(database.Name, t).ToString() : null);
            await using var vault = VaultFactory.Open(settings.VaultOf(policy), null, clock);
            var source = await secrets.ConnectionAsync(database, call.Cancel);
            if (!e.HandedOver && await WhyElsewhereAsync(policy, database, source, vault, call.Cancel) is { } reason)
                return result = await GiveAwayAsync(call, e, reason);
            try
            {
                var run = new RunBackup(machine, clock, installations, call.Steps);
                report = await run.ExecuteAsync(Request(e, policy, database, source, vault, time), call.Cancel);
            }
            catch (OperationCanceledException) when (call.IsOverdue && !e.HandedOver && database.Runner != Runner.Lambda && handOver.IsPossible)
            {
                return result = await GiveAwayAsync(call, e, "it was not done before the function's time was over");
            }

            call.About(database.Name, report.Id.ToString());
            return result = DumpResult.Of(report);
        }
        finally
        {
            if (counted is not null && result?.Outcome != DumpResult.HandedOver) await figures.EmitAsync(CountedRun.Figures(settings.Environment, counted, report, clock.GetUtcNow()), call);
            if (result is not null) call.Log.Information(result.Outcome, ("storedBytes", result.StoredBytes), ("rawBytes", result.RawBytes), ("rows", result.Rows), ("seconds", result.Seconds));
        }
    }

    /// <summary>A run without a schedule has a name in any case: Lambda's own request id is the same in its retries.</summary>
    private static DumpEvent Complete(DumpEvent e, Invocation call)
    {
        var kind = Words.Parse<BackupKind>(e.Kind, "the event's kind");
        if (kind == BackupKind.Incremental) throw new BackupException(ErrorCode.UsageWrong, "the event's kind is \"incremental\"", "Invoke Incremental for it.");
        if (kind == BackupKind.Scheduled != e.ScheduledTime is not null || (kind == BackupKind.Scheduled && e.RequestId is not null))
            throw new BackupException(ErrorCode.UsageWrong, $"an event of kind {e.Kind} {(kind == BackupKind.Scheduled ? "needs scheduledTime and takes no requestId" : "takes no scheduledTime")}",
                "Scheduled runs are named by scheduledTime, all others by requestId.");
        return kind == BackupKind.Scheduled || e.RequestId is not null ? e : e with { RequestId = call.RequestId };
    }

    private async Task<string?> WhyElsewhereAsync(Policy policy, DatabasePolicy database, ConnectionTarget source, IVault vault, CancellationToken cancel)
    {
        if (!handOver.IsPossible || database.Runner != Runner.Auto) return RunnerChoice.WhyElsewhere(database, onlyIpv6: false, forecast: null);
        if (await HandOver.HasOnlyIpv6Async(source, cancel)) return RunnerChoice.WhyElsewhere(database, onlyIpv6: true, forecast: null);
        await using var session = await Connector.OpenAsync(source, "backup forecast", cancel);
        var size = (await ServerFacts.ReadAsync(session, cancel)).DatabaseBytes;
        var last = await new BackupCatalog(vault).NewestAsync(policy.Environment, database.Name, cancel);
        return RunnerChoice.WhyElsewhere(database, onlyIpv6: false, RunForecast.Make(size, last?.Manifest));
    }

    private async Task<DumpResult> GiveAwayAsync(Invocation call, DumpEvent e, string reason)
    {
        var task = await handOver.StartAsync(call, $"{e.Database}/{e.ScheduledTime ?? e.RequestId}", reason, e with { HandedOver = true }, LambdaJson.Default.DumpEvent);
        return new DumpResult { Outcome = DumpResult.HandedOver, Reason = reason, Task = task };
    }

    private static RunRequest Request(DumpEvent e, Policy policy, DatabasePolicy database, ConnectionTarget source, IVault vault, DateTimeOffset? time) =>
        RunRequest.Of(policy, database, source, vault, Words.Parse<BackupKind>(e.Kind, "the event's kind")) with
        {
            ScheduledTime = time,
            RequestId = e.RequestId,
            Deployment = e.Commit is null && e.Ref is null ? null : new Deployment(e.Commit, e.Ref),
        };
}
