using System.CommandLine;
using System.CommandLine.Help;
using Backup.Cli.Verbs;
using Backup.Core.Machine;
using Backup.Core.Model;

namespace Backup.Cli;

/// <summary>Arguments in, exit code out. The one catch of the program.</summary>
public static class Program
{
    /// <summary>After SIGINT or SIGTERM: aborting uploads and dropping a half-restored database may take a while, over a slow network too.</summary>
    private static readonly TimeSpan _cleaningUp = TimeSpan.FromSeconds(60);

    public static Task<int> Main(string[] args) => RunAsync(args, MachineEnvironment.Read, TimeProvider.System, Console.Out, Console.Error);

    /// <summary>One run of the command with everything that it touches given, so that tests run it in their own process.</summary>
    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync(
        string[] args, Func<MachineEnvironment> machine, TimeProvider clock, TextWriter output, TextWriter error)
    {
        ArgumentNullException.ThrowIfNull(machine);
        var console = new Terminal(output, error, args.Contains("--verbose"));
        try
        {
            var options = new SharedOptions();
            // Not a RootCommand, which would call itself after the assembly's file.
            var root = new Command("backup", "Backups of managed PostgreSQL databases: consistent, encrypted, proven restorable.")
            {
                new HelpOption { Recursive = true }, new VersionOption(), options.Verbose,
            };
            foreach (var verb in VerbTable.All(new VerbContext(machine(), clock, console, options))) root.Subcommands.Add(verb);
            var parsed = root.Parse(args);
            if (parsed.Errors.Count > 0)
                throw new BackupException(ErrorCode.UsageWrong, string.Join(" ", parsed.Errors.Select(e => e.Message)),
                    $"Run `backup {(parsed.CommandResult.Command == root ? "" : parsed.CommandResult.Command.Name + " ")}--help`.");
            return await parsed.InvokeAsync(new InvocationConfiguration
            {
                EnableDefaultExceptionHandler = false,
                Output = output,
                Error = error,
                ProcessTerminationTimeout = parsed.CommandResult.Command.Name == ServeVerb.Name ? null : _cleaningUp,
            });
        }
        catch (Exception e)
        {
            return console.Report(e);
        }
    }
}
