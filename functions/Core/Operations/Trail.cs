using Backup.Core.Catalog;
using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Storage;

namespace Backup.Core.Operations;

/// <summary>
/// The one call by which a verb leaves evidence of what it changed or proved. It is not stopped by Ctrl-C, and never fails the deed: a vault that
/// refuses, for example to a restore operator who may only read, is a warning.
/// </summary>
public static class Trail
{
    private static readonly TimeSpan _limit = TimeSpan.FromSeconds(30);

    public static async Task RecordAsync(MachineEnvironment machine, TimeProvider clock, IProgress<Progress>? progress, IVault vault,
        string environment, string database, string verb, IReadOnlyList<string> on, string result, string? detail = null)
    {
        ArgumentNullException.ThrowIfNull(machine);
        ArgumentNullException.ThrowIfNull(clock);
        using var limit = new CancellationTokenSource(_limit);
        try
        {
            await new EvidenceTrail(vault, environment, database).AppendAsync(new Evidence
            {
                At = clock.GetUtcNow(),
                Operator = machine.Operator,
                Version = Product.Version,
                Verb = verb,
                On = on,
                Result = result,
                Detail = detail,
            }, limit.Token);
        }
        catch (BackupException e)
        {
            Warn(e.Message);
        }
        catch (OperationCanceledException)
        {
            Warn($"{vault.Name} did not answer within {_limit.TotalSeconds:0} s");
        }

        void Warn(string why) => progress?.Report(new Progress($"warning: this {verb} is not in the evidence trail: {why}") { IsStep = true });
    }
}
