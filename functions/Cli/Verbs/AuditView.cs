using Backup.Core.Catalog;
using Backup.Core.Model;
using Backup.Core.Storage;

namespace Backup.Cli.Verbs;

/// <summary>What <c>show --audit --output json</c> prints.</summary>
public sealed record AuditReport(string Vault, IReadOnlyList<EvidenceChain> Trails);

/// <summary><c>backup show --audit</c>: who did what, and whether the chain still holds.</summary>
internal static class AuditView
{
    public static async Task<int> ShowAsync(VerbContext context, IVault vault, string? environment, string? database, bool json, CancellationToken cancel)
    {
        var trails = new List<EvidenceChain>();
        foreach (var trail in await EvidenceTrail.FindAsync(vault, environment, database, cancel)) trails.Add(await trail.ReadAsync(cancel));
        if (json) context.Terminal.Line(CliJson.Write(new AuditReport(vault.Name, trails), CliJson.Printed.AuditReport));
        else Print(context.Terminal, vault, trails);
        return trails.All(t => t.IsIntact) ? ErrorCode.Done : ErrorCode.Different;
    }

    private static void Print(Terminal terminal, IVault vault, List<EvidenceChain> trails)
    {
        if (trails.All(t => t.Items.Count == 0)) terminal.Line($"no evidence in {vault.Name}");
        foreach (var trail in trails.Where(t => t.Items.Count > 0))
        {
            var table = new TextTable("TIME (UTC)", "WHO", "VERB", "RESULT", "ON", "DETAIL");
            foreach (var e in trail.Items.Select(i => i.Entry).OfType<Evidence>())
                table.Add($"{e.At.UtcDateTime:yyyy-MM-dd HH:mm:ss}", e.Operator, e.Verb, e.Result, string.Join(' ', e.On), e.Detail ?? "");
            foreach (var line in table.Lines(rightAligned: [])) terminal.Line(line);
            foreach (var broken in trail.Items.Where(i => i.Problem is not null)) terminal.Line($"BROKEN: {broken.Key}: {broken.Problem}");
            terminal.Line($"{trail.Environment}/{trail.Database}: {trail.Items.Count} entries, the chain is {(trail.IsIntact ? "intact" : "BROKEN")}"
                + (trail.Forks > 0 ? $", {trail.Forks} forks (commands that ended at the same time)" : ""));
        }
    }
}
