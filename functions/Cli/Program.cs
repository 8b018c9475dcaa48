using System.CommandLine;
using Backup.Cli.Verbs;
using Backup.Core.Machine;
using Backup.Core.Model;

namespace Backup.Cli;

/// <summary>Arguments in, exit code out. The one catch of the program.</summary>
public static class Program
{
    public static async Task<int> Main(string[] args)
    {
        var console = new Terminal(Console.Out, Console.Error, args.Contains("--verbose"));
        try
        {
            var context = new VerbContext(MachineEnvironment.Read(), TimeProvider.System, console);
            var root = new RootCommand("Backups of managed PostgreSQL databases: consistent, encrypted, proven restorable.");
            foreach (var verb in VerbTable.All(context)) root.Subcommands.Add(verb);
            var parsed = root.Parse(args);
            if (parsed.Errors.Count > 0)
                throw new BackupException(ErrorCode.UsageWrong, string.Join(" ", parsed.Errors.Select(e => e.Message)),
                    $"Run `backup {(parsed.CommandResult.Command == root ? "" : parsed.CommandResult.Command.Name + " ")}--help`.");
            return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
        }
        catch (Exception e)
        {
            return console.Report(e);
        }
    }
}
