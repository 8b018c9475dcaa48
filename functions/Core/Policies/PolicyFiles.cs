using Backup.Core.Model;

namespace Backup.Core.Policies;

/// <summary>Finds the policy of a Pulumi stack.</summary>
public static class PolicyFiles
{
    /// <summary>
    /// The full path of <c>Pulumi.{stack}.yaml</c> in <paramref name="folder"/> or the nearest folder above that has it. A stack may be
    /// written <c>organization/project/stack</c>, as Pulumi prints it; the last part names the file.
    /// </summary>
    /// <exception cref="BackupException">usage: there is no such file, or the stack's name is not one.</exception>
    public static string OfStack(string stack, string folder)
    {
        ArgumentNullException.ThrowIfNull(stack);
        var name = stack[(stack.LastIndexOf('/') + 1)..];
        if (name.Length == 0 || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.'))
            throw new BackupException(ErrorCode.UsageWrong, "the stack's name has other characters than letters, digits, dash, dot and underscore",
                "Give the name that `pulumi stack ls` prints.");
        var start = Path.GetFullPath(folder);
        for (var at = start; at is not null; at = Path.GetDirectoryName(at))
        {
            var candidate = Path.Combine(at, $"Pulumi.{name}.yaml");
            if (File.Exists(candidate)) return candidate;
        }

        throw new BackupException(ErrorCode.UsageWrong, $"there is no Pulumi.{name}.yaml in {start} or a folder above",
            "Run it in the project's folder, or give the file with --policy.");
    }
}
