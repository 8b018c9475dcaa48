using System.CommandLine;
using Backup.Core.Machine;

namespace Backup.Cli.Verbs;

/// <summary>What every verb gets: the machine, the clock and the terminal.</summary>
public sealed record VerbContext(MachineEnvironment Machine, TimeProvider Clock, Terminal Terminal);

/// <summary>One line per verb, in the order of the help text.</summary>
public static class VerbTable
{
    public static IEnumerable<Command> All(VerbContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return [];
    }
}
