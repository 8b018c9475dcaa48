using System.CommandLine;
using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Policies;
using Backup.Core.Signals;

namespace Backup.Cli.Verbs;

/// <summary>
/// The options that several verbs take, defined once so that they read the same everywhere. One instance per run of the
/// command: options remember the commands that they belong to.
/// </summary>
public sealed class SharedOptions
{
    public Option<string?> Stack { get; } = new("--stack")
    {
        Description = "The Pulumi stack whose policy to use: Pulumi.NAME.yaml here or in a folder above.",
        HelpName = "NAME",
    };

    public Option<string?> Policy { get; } = new("--policy")
    {
        Description = "The file with the policy, instead of --stack.",
        HelpName = "FILE",
    };

    public Option<string?> Source { get; } = new("--source")
    {
        Description = "The database's URL. Write ${NAME} to take it from an environment variable: other users can read arguments.",
        HelpName = "URL",
    };

    public Option<string?> Vault { get; } = new("--vault")
    {
        Description = "Where backups live: a folder or s3://bucket/prefix. Instead of the policy's.",
        HelpName = "URL",
    };

    public Option<string?> Database { get; } = new("--database")
    {
        Description = "Only the database of this name.",
        HelpName = "NAME",
    };

    public Option<string?> Environment { get; } = new("--environment")
    {
        Description = "Only backups of this environment, where a vault holds several and no policy is given.",
        HelpName = "NAME",
    };

    public Option<string> Output { get; } = TextOrJson();

    public Option<string?> Metrics { get; } = new("--metrics")
    {
        Description = "Append figures to this file, one JSON object per line; emf: print them for CloudWatch on standard output.",
        HelpName = "FILE|emf",
    };

    /// <summary>Belongs to the root and holds for every verb.</summary>
    public Option<bool> Verbose { get; } = new("--verbose")
    {
        Description = "Say more, on standard error.",
        Recursive = true,
    };

    public bool WantsJson(ParseResult parsed)
    {
        ArgumentNullException.ThrowIfNull(parsed);
        return parsed.GetValue(Output) == "json";
    }

    /// <summary>Where figures go. A file that cannot be written costs a warning, never the operation.</summary>
    /// <exception cref="BackupException">usage: two documents would share standard output.</exception>
    public IMetricSink MetricSink(ParseResult parsed, VerbContext context)
    {
        ArgumentNullException.ThrowIfNull(parsed);
        ArgumentNullException.ThrowIfNull(context);
        if (parsed.GetValue(Metrics) is not { } where) return new NoMetrics();
        if (where == "emf" && WantsJson(parsed))
            throw new BackupException(ErrorCode.UsageWrong, "--metrics emf and --output json both print on standard output", "Give --metrics a file.");
        IMetricSink sink = where == "emf" ? new EmbeddedMetrics(context.Terminal.Output) : new MetricFile(Path.GetFullPath(where, Path.GetFullPath(context.Machine.WorkingFolder)));
        return new QuietMetrics([sink], context.Terminal.Note);
    }

    /// <summary>The full path of the policy that --policy or --stack names, or null when neither is given.</summary>
    /// <exception cref="BackupException">usage: both are given, or the stack has no file.</exception>
    public string? PolicyPath(ParseResult parsed, MachineEnvironment machine)
    {
        ArgumentNullException.ThrowIfNull(parsed);
        ArgumentNullException.ThrowIfNull(machine);
        var (file, stack) = (parsed.GetValue(Policy), parsed.GetValue(Stack));
        if (file is not null && stack is not null)
            throw new BackupException(ErrorCode.UsageWrong, "--stack and --policy both name a policy", "Give one of the two.");
        if (file is { Length: 0 })
            throw new BackupException(ErrorCode.UsageWrong, "--policy names no file", "Give the path of a policy.");
        if (file is not null) return Path.GetFullPath(file, Path.GetFullPath(machine.WorkingFolder));
        return stack is null ? null : PolicyFiles.OfStack(stack, machine.WorkingFolder);
    }

    /// <summary>As <see cref="PolicyPath"/>, for verbs that cannot do without a policy.</summary>
    /// <exception cref="BackupException">usage: neither or both are given, or the stack has no file.</exception>
    public string RequiredPolicyPath(ParseResult parsed, MachineEnvironment machine) =>
        PolicyPath(parsed, machine)
        ?? throw new BackupException(ErrorCode.UsageWrong, "no policy is given", "Add --stack NAME or --policy FILE.");

    private static Option<string> TextOrJson()
    {
        var option = new Option<string>("--output")
        {
            Description = "text for people, json for scripts: one document on standard output.",
            HelpName = "text|json",
            DefaultValueFactory = _ => "text",
        };
        option.AcceptOnlyFromAmong("text", "json");
        return option;
    }
}
