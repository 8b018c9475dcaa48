using System.Text.Json;
using Backup.Core.Catalog;
using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Core.Operations.Drills;
using Backup.Core.Policies;
using Backup.Core.Postgres;
using Backup.Core.Signals;
using Backup.Core.Storage;
using Backup.Lambda.Aws;
using Backup.Lambda.Events;
using Backup.Lambda.Hosting;

namespace Backup.Lambda.Handlers;

/// <summary>Event → proof of one backup, here or in a task. Knows no password of the source, and a private key only where the policy names one for proofs. Drills are counted.</summary>
public sealed class VerifyHandler(
    Settings settings, MachineEnvironment machine, TimeProvider clock, PostgresInstallations installations, PolicyBundle policies, DrillKey drillKey, HandOver handOver, Figures figures)
{
    public async Task<VerifyEventResult> HandleAsync(JsonElement json, Invocation call)
    {
        ArgumentNullException.ThrowIfNull(call);
        var e = EventReader.Read(json, LambdaJson.Default.VerifyEvent, call.Function);
        var level = Words.Parse<VerifyLevel>(e.Level ?? "checksum", "the event's level");
        // A drill's server has this user: it must find neither the role's credentials nor what is left of a private key.
        Native.HideProcess();
        // A scheduled drill that cannot even begin has not passed; a wrong id by hand says nothing about backups.
        var counted = level == VerifyLevel.Restore && e.ScheduledTime is not null ? settings.Serves(e.Database) : null;
        VerifyEventResult? result = null;
        try
        {
            var policy = await policies.ReadAsync(call.Cancel);
            var database = EventReader.Database(e.Database, policy, settings);
            await using var vault = VaultFactory.Open(policy.Vault!, null, clock);
            var entries = await new BackupCatalog(vault).ListAsync(policy.Environment, database.Name, call.Cancel);
            var entry = BackupSelector.Choose(entries, e.Backup ?? "latest", vault.Name);
            call.About(database.Name, entry.Id.ToString());
            if (!e.HandedOver && handOver.IsPossible && RunnerChoice.WhyElsewhere(level, entry.Manifest) is { } reason) return result = await GiveAwayAsync(call, e, entry, reason);
            if (level == VerifyLevel.Restore) counted = database.Name;
            try
            {
                result = level == VerifyLevel.Restore
                    ? VerifyEventResult.Of(await new RunDrill(machine, clock, installations, call.Steps).ExecuteAsync(Drill(policy, database, vault, entry) with { PrivateKey = drillKey.Of(policy) }, call.Cancel))
                    : VerifyEventResult.Of(await new VerifyBackup(machine, clock, installations, call.Steps, privateKey: drillKey.Of(policy)).ExecuteAsync(vault, entry, level, record: true, call.Cancel));
            }
            catch (OperationCanceledException) when (call.IsOverdue && !e.HandedOver && handOver.IsPossible)
            {
                return result = await GiveAwayAsync(call, e, entry, "it was not done before the function's time was over");
            }

            foreach (var finding in result.Findings ?? []) call.Log.Warning(finding.Sentence, ("code", finding.Code), ("subject", finding.Subject), ("nextStep", finding.NextStep));
            call.Log.Information(result.Outcome, ("objects", result.Objects), ("storedBytes", result.StoredBytes), ("seconds", result.Seconds));
            return result;
        }
        finally
        {
            if (counted is not null && result?.Outcome != VerifyEventResult.HandedOver) await figures.EmitAsync(Figures(counted, result), call);
        }
    }

    private static DrillRequest Drill(Policy policy, DatabasePolicy database, IVault vault, CatalogEntry entry) => new()
    {
        Vault = vault,
        Backup = entry,
        Checks = database.Checks,
        AfterRestore = database.AfterRestore,
        IgnoreExtensions = policy.Drill?.IgnoreExtensions ?? [],
        Rto = policy.Objectives?.Rto,
        Jobs = database.Jobs,
    };

    private IReadOnlyList<Metric> Figures(string database, VerifyEventResult? result)
    {
        Metric Of(MetricName name, double value) => new(name, value, settings.Environment, database, clock.GetUtcNow());
        var passed = Of(MetricName.DrillSuccess, result?.Outcome == VerifyEventResult.Passed ? 1 : 0);
        return result?.Seconds is { } seconds ? [passed, Of(MetricName.DrillDuration, seconds)] : [passed];
    }

    private async Task<VerifyEventResult> GiveAwayAsync(Invocation call, VerifyEvent e, CatalogEntry entry, string reason)
    {
        // The id instead of "latest": a backup that is made in between is not the one that was asked for.
        var task = await handOver.StartAsync(call, $"{entry.Id}/{e.Level}/{e.ScheduledTime ?? call.RequestId}", reason,
            e with { Backup = entry.Id.ToString(), HandedOver = true }, LambdaJson.Default.VerifyEvent);
        return new VerifyEventResult { Outcome = VerifyEventResult.HandedOver, Id = entry.Id.ToString(), Reason = reason, Task = task };
    }
}
