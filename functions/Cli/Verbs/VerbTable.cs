using System.CommandLine;
using Backup.Core.Machine;

namespace Backup.Cli.Verbs;

/// <summary>What every verb gets: the machine, the clock, the terminal and the options that verbs share.</summary>
public sealed record VerbContext(MachineEnvironment Machine, TimeProvider Clock, Terminal Terminal, SharedOptions Options);

/// <summary>One line per verb, in the order of the help text.</summary>
public static class VerbTable
{
    public static IEnumerable<Command> All(VerbContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return
        [
            RunVerb.Create(context),
            IncrementalVerb.Create(context),
            ListVerb.Create(context),
            ShowVerb.Create(context),
            VerifyVerb.Create(context),
            RestoreVerb.Create(context),
            DrillVerb.Create(context),
            PruneVerb.Create(context),
            SyncVerb.Create(context),
            WatchVerb.Create(context),
            ReportVerb.Create(context),
            CheckVerb.Create(context),
            DoctorVerb.Create(context),
            SecretVerb.Create(context),
            DemoVerb.Create(context),
        ];
    }
}
