using System.CommandLine;
using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Operations.Checking;
using Backup.Core.Policies;
using Backup.Core.Storage;

namespace Backup.Cli.Verbs;

/// <summary>What <c>check --output json</c> prints.</summary>
/// <param name="Document">Full path of the file.</param>
/// <param name="Valid">False when the document has an error.</param>
/// <param name="Problems">In the order of the document; then what a policy that can be used promises and does not keep, or costs.</param>
public sealed record CheckReport(string Document, bool Valid, IReadOnlyList<Finding> Problems);

/// <summary>
/// <c>backup check</c>: says everything that is wrong with a policy. Exit code 2 when it has an error, 4 when it promises what it does not keep.
/// </summary>
public static class CheckVerb
{
    public static Command Create(VerbContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var options = context.Options;
        var command = new Command("check", "Say everything that is wrong with a policy.") { options.Stack, options.Policy, options.Vault, options.Output };
        command.SetAction((parsed, cancel) =>
            RunAsync(context, options.RequiredPolicyPath(parsed, context.Machine), parsed.GetValue(options.Vault), options.WantsJson(parsed), cancel));
        return command;
    }

    private static async Task<int> RunAsync(VerbContext context, string path, string? vault, bool json, CancellationToken cancel)
    {
        var reading = PolicyReader.ReadFile(path);
        IReadOnlyList<Finding> promises = reading.Policy is { } policy ? PolicyCheck.Judge(policy, await HistoryAsync(context, policy, vault, cancel)) : [];
        IReadOnlyList<Finding> all = [.. reading.Problems, .. promises];
        if (json)
            context.Terminal.Line(CliJson.Write(new CheckReport(path, reading.Problems.Count == 0, all), CliJson.Printed.CheckReport));
        else
            foreach (var line in Lines(reading, all)) context.Terminal.Line(line);
        if (reading.Problems.Count > 0) return ErrorCode.PolicyInvalid.ExitCode;
        return all.Any(f => f.Severity != Severity.Info) ? ErrorCode.Problem : ErrorCode.Done;
    }

    // Only a vault that is named on the command line is asked: check is also run where nothing but the document is there.
    private static async Task<IReadOnlyDictionary<string, CheckHistory>> HistoryAsync(VerbContext context, Policy policy, string? location, CancellationToken cancel)
    {
        var history = new Dictionary<string, CheckHistory>(StringComparer.Ordinal);
        if (location is null) return history;
        await using var vault = VaultFactory.Open(location, context.Machine.WorkingFolder, context.Clock);
        foreach (var database in policy.Databases)
            history[database.Name] = await CheckHistory.ReadAsync(vault, policy.Environment, database.Name, cancel);
        return history;
    }

    private static IEnumerable<string> Lines(PolicyReading reading, IReadOnlyList<Finding> all)
    {
        foreach (var problem in all) yield return $"{Word(problem.Severity)} {PolicyReading.Describe(problem)}";
        var databases = reading.Policy is { } policy ? $"{PolicyReading.Count(policy.Databases.Count, "database")}, " : "";
        var count = all.Count(f => f.Severity != Severity.Info);
        yield return $"{reading.Document}: {databases}{(count == 0 ? "no problems" : PolicyReading.Count(count, "problem"))}";
    }

    private static string Word(Severity severity) => severity switch
    {
        Severity.Critical => "error",
        Severity.Warning => "warning",
        _ => "note",
    };
}
