using System.Text.Json;
using Backup.Core.Catalog;
using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Core.Postgres;
using Backup.Core.Storage;
using Backup.Lambda.Aws;
using Backup.Lambda.Events;
using Backup.Lambda.Hosting;

namespace Backup.Lambda.Handlers;

/// <summary>Event → proof of one backup, here or in a task. Knows no password of the source.</summary>
public sealed class VerifyHandler(Settings settings, MachineEnvironment machine, TimeProvider clock, PostgresInstallations installations, PolicyBundle policies, HandOver handOver)
{
    public async Task<VerifyEventResult> HandleAsync(JsonElement json, Invocation call)
    {
        ArgumentNullException.ThrowIfNull(call);
        var e = EventReader.Read(json, LambdaJson.Default.VerifyEvent, call.Function);
        var level = Words.Parse<VerifyLevel>(e.Level ?? "checksum", "the event's level");
        var policy = await policies.ReadAsync(call.Cancel);
        var database = EventReader.Database(e.Database, policy, settings);
        await using var vault = VaultFactory.Open(policy.Vault!, null, clock);
        var entries = await new BackupCatalog(vault).ListAsync(policy.Environment, database.Name, call.Cancel);
        var entry = BackupSelector.Choose([.. entries.Where(x => x.Tier != Tier.Incremental || x.Id.ToString() == e.Backup)], e.Backup ?? "latest", vault.Name);
        call.About(database.Name, entry.Id.ToString());
        if (!e.HandedOver && handOver.IsPossible && entry.Manifest is { } m && RunForecast.OfReading(m) is var forecast && forecast.Expected > RunnerChoice.Comfortable)
            return await GiveAwayAsync(call, e, entry, $"it is expected to take {forecast.Expected.TotalMinutes:0} minutes ({forecast.Basis})");
        try
        {
            var result = await new VerifyBackup(machine, clock, installations, call.Steps).ExecuteAsync(vault, entry, level, record: true, call.Cancel);
            foreach (var finding in result.Findings) call.Log.Error(finding.Sentence, ("code", finding.Code), ("subject", finding.Subject), ("nextStep", finding.NextStep));
            call.Log.Information(result.Passed ? "passed" : "different", ("objects", result.Objects), ("storedBytes", result.StoredBytes), ("seconds", result.Seconds));
            return VerifyEventResult.Of(result);
        }
        catch (OperationCanceledException) when (call.IsOverdue && !e.HandedOver && handOver.IsPossible)
        {
            return await GiveAwayAsync(call, e, entry, "it was not done before the function's time was over");
        }
    }

    private async Task<VerifyEventResult> GiveAwayAsync(Invocation call, VerifyEvent e, CatalogEntry entry, string reason)
    {
        // The id instead of "latest": a backup that is made in between is not the one that was asked for.
        var task = await handOver.StartAsync(call, $"{entry.Id}/{e.Level}/{e.ScheduledTime ?? call.RequestId}", reason,
            e with { Backup = entry.Id.ToString(), HandedOver = true }, LambdaJson.Default.VerifyEvent);
        return new VerifyEventResult { Outcome = VerifyEventResult.HandedOver, Id = entry.Id.ToString(), Reason = reason, Task = task };
    }
}
