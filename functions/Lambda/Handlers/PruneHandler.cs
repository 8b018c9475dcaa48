using System.Text.Json;
using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Operations.Pruning;
using Backup.Core.Signals;
using Backup.Core.Storage;
using Backup.Lambda.Aws;
using Backup.Lambda.Events;
using Backup.Lambda.Hosting;

namespace Backup.Lambda.Handlers;

/// <summary>Event → retention carried out. What an interrupted prune leaves, the next one finishes, so the deadline needs no hand-over.</summary>
public sealed class PruneHandler(Settings settings, MachineEnvironment machine, TimeProvider clock, PolicyBundle policies, Figures figures)
{
    public async Task<PruneResult> HandleAsync(JsonElement json, Invocation call)
    {
        ArgumentNullException.ThrowIfNull(call);
        var e = EventReader.Read(json, LambdaJson.Default.PruneEvent, call.Function);
        var policy = await policies.ReadAsync(call.Cancel);
        await using var vault = VaultFactory.Open(policy.Vault!, null, clock);
        var done = new List<PrunedDatabase>();
        BackupException? failure = null;
        foreach (var request in PruneRequest.Of(policy, e.Database, vault, e.DryRun))
        {
            call.About(request.Database);
            double success = 0;
            try
            {
                var report = await new PruneBackups(machine, clock, call.Steps).ExecuteAsync(request, call.Cancel);
                done.Add(PrunedDatabase.Of(report));
                call.Log.Information(report.Stopped ?? (e.DryRun ? "would expire" : "expired"), ("expired", report.Expired), ("of", report.Backups.Count));
                if (!e.DryRun) await CountAsync(MetricName.PruneExpired, report.Expired + report.Finished.Count + report.Leftovers.Count, request.Database, call);
                success = 1;
            }
            catch (BackupException x)
            {
                // One database's trouble must not let the others' backups pile up; the call fails all the same.
                call.Log.Error(x.Message, ("code", x.Code.Name), ("nextStep", x.NextStep));
                failure ??= x;
            }
            finally
            {
                if (!e.DryRun) await CountAsync(MetricName.PruneSuccess, success, request.Database, call);
            }
        }

        return failure is null ? new PruneResult { Outcome = PruneResult.Done, Databases = done } : throw failure;
    }

    private Task CountAsync(MetricName name, double value, string database, Invocation call) =>
        figures.EmitAsync([new Metric(name, value, settings.Environment, database, clock.GetUtcNow())], call);
}
