using System.Text.Json;
using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Core.Operations.Increments;
using Backup.Core.Policies;
using Backup.Core.Signals;
using Backup.Core.Storage;
using Backup.Lambda.Aws;
using Backup.Lambda.Events;
using Backup.Lambda.Hosting;

namespace Backup.Lambda.Handlers;

/// <summary>Event → one increment. Increments are small, so there is no forecast; one that meets the deadline is handed over.</summary>
public sealed class IncrementalHandler(
    Settings settings, MachineEnvironment machine, TimeProvider clock, PolicyBundle policies, SecretStore secrets, HandOver handOver, Figures figures)
{
    public async Task<IncrementalResult> HandleAsync(JsonElement json, Invocation call)
    {
        ArgumentNullException.ThrowIfNull(call);
        var e = EventReader.Read(json, LambdaJson.Default.IncrementalEvent, call.Function);
        if (e.Kind is not (null or "incremental")) throw new BackupException(ErrorCode.UsageWrong, $"the event's kind is \"{e.Kind}\"", "Leave kind out, or invoke Dump.");
        var time = e.ScheduledTime is null ? (DateTimeOffset?)null : EventReader.Time(e.ScheduledTime, "scheduledTime");
        var counted = settings.Serves(e.Database);
        DatabasePolicy? database = null;
        double? success = 0;
        try
        {
            var policy = await policies.ReadAsync(call.Cancel);
            database = EventReader.Database(e.Database, policy, settings);
            counted = database.Name;
            call.About(database.Name);
            await using var vault = VaultFactory.Open(settings.VaultOf(policy), null, clock);
            var source = await secrets.ConnectionAsync(database, call.Cancel);
            var request = RunRequest.Of(policy, database, source, vault, BackupKind.Incremental) with { ScheduledTime = time };
            var report = await new RunIncrement(machine, clock, call.Steps).ExecuteAsync(request, call.Cancel);
            call.About(database.Name, report.Id.ToString());
            var result = IncrementalResult.Of(report);
            success = result.Outcome switch { IncrementalResult.Committed => 1, IncrementalResult.Failed => 0, _ => null };
            foreach (var finding in report.Failures) call.Log.Error(finding.Sentence, ("code", finding.Code), ("subject", finding.Subject), ("nextStep", finding.NextStep));
            call.Log.Information(result.Outcome, ("storedBytes", result.StoredBytes), ("rows", result.Rows), ("seconds", result.Seconds));
            return result;
        }
        catch (OperationCanceledException) when (call.IsOverdue && !e.HandedOver && database is not (null or { Runner: Runner.Lambda }) && handOver.IsPossible)
        {
            const string Reason = "it was not done before the function's time was over";
            var task = await handOver.StartAsync(call, $"{database.Name}/{e.ScheduledTime ?? call.RequestId}", Reason, e with { HandedOver = true }, LambdaJson.Default.IncrementalEvent);
            success = null;
            return new IncrementalResult { Outcome = IncrementalResult.HandedOver, Reason = Reason, Task = task };
        }
        finally
        {
            if (counted is not null && success is { } value) await figures.EmitAsync([new Metric(MetricName.IncrementalSuccess, value, settings.Environment, counted, clock.GetUtcNow())], call);
        }
    }
}
