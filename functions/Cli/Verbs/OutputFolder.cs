using Backup.Core.Model;

namespace Backup.Cli.Verbs;

/// <summary>The folder that pages and files for people go into.</summary>
internal static class OutputFolder
{
    /// <summary>Made when it is not there, and tried: a report that cannot be written must fail before the work is done.</summary>
    /// <exception cref="BackupException">usage, naming the option.</exception>
    public static string Of(VerbContext context, string? given, string option)
    {
        var folder = Path.GetFullPath(given ?? ".", Path.GetFullPath(context.Machine.WorkingFolder));
        try
        {
            Directory.CreateDirectory(folder);
            var probe = Path.Combine(folder, $".backup-{Path.GetRandomFileName()}");
            File.WriteAllText(probe, "");
            File.Delete(probe);
            return folder;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BackupException(ErrorCode.UsageWrong, $"the report cannot be written into {folder}: {e.Message}", $"Name a folder with {option}.", e);
        }
    }
}
