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
            throw Unwritable(folder, option, e);
        }
    }

    /// <summary>In place of an earlier file of that name, whoever owns it; whole or not at all.</summary>
    /// <exception cref="BackupException">usage, naming the option.</exception>
    public static async Task WriteAsync(string path, byte[] content, string option)
    {
        var temporary = Path.Combine(Path.GetDirectoryName(path)!, $".backup-{Path.GetRandomFileName()}");
        try
        {
            await File.WriteAllBytesAsync(temporary, content, CancellationToken.None);
            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            if (File.Exists(temporary)) File.Delete(temporary);
            throw Unwritable(path, option, e);
        }
    }

    private static BackupException Unwritable(string where, string option, Exception e) =>
        new(ErrorCode.UsageWrong, $"the report cannot be written into {where}: {e.Message}", $"Name a folder with {option}.", e);
}
