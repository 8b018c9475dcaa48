using System.CommandLine;
using Backup.Core.Model;
using Backup.Core.Policies;

namespace Backup.Cli.Verbs;

/// <summary>What <c>check --output json</c> prints.</summary>
/// <param name="Document">Full path of the file.</param>
/// <param name="Valid">False when a problem is critical.</param>
/// <param name="Problems">In the order of the document.</param>
public sealed record CheckReport(string Document, bool Valid, IReadOnlyList<Finding> Problems);

/// <summary><c>backup check</c>: says everything that is wrong with a policy. Exit code 0, or 2 when it cannot be used.</summary>
public static class CheckVerb
{
    public static Command Create(VerbContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var options = context.Options;
        var command = new Command("check", "Say everything that is wrong with a policy.") { options.Stack, options.Policy, options.Output };
        command.SetAction((parsed, _) =>
            Task.FromResult(Run(context, options.RequiredPolicyPath(parsed, context.Machine), options.WantsJson(parsed))));
        return command;
    }

    private static int Run(VerbContext context, string path, bool json)
    {
        var reading = PolicyReader.ReadFile(path);
        if (json)
            context.Terminal.Line(CliJson.Write(new CheckReport(path, reading.Policy is not null, reading.Problems), CliJson.Printed.CheckReport));
        else
            foreach (var line in Lines(reading)) context.Terminal.Line(line);
        return reading.Policy is null ? ErrorCode.PolicyInvalid.ExitCode : ErrorCode.Done;
    }

    private static IEnumerable<string> Lines(PolicyReading reading)
    {
        foreach (var problem in reading.Problems) yield return $"{Word(problem.Severity)} {PolicyReading.Describe(problem)}";
        var databases = reading.Policy is { } policy ? $"{PolicyReading.Count(policy.Databases.Count, "database")}, " : "";
        var problems = reading.Problems.Count == 0 ? "no problems" : PolicyReading.Count(reading.Problems.Count, "problem");
        yield return $"{reading.Document}: {databases}{problems}";
    }

    private static string Word(Severity severity) => severity switch
    {
        Severity.Critical => "error",
        Severity.Warning => "warning",
        _ => "note",
    };
}
