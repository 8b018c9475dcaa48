using Backup.Core.Model;

namespace Backup.Core.Operations.Drills;

/// <summary>
/// What a failure says: something about the backup (FAIL), or only about this machine (COULD NOT VERIFY). In doubt, while a statement of the
/// restore fails, it is the backup's: it could not be restored.
/// </summary>
internal static class DrillFailure
{
    /// <summary>Parts of the server's messages that are about the machine: disk, memory, libraries, locales, settings that need a start of their own.</summary>
    private static readonly string[] _aboutTheMachine =
    [
        "No space left on device", "has no space left", "are free", "disk quota", "out of memory", "could not resize shared memory",
        "could not access file", "could not load library", "extension control file", "\" is not available", "shared_preload_libraries",
        "collation \"", "locale name", "invalid locale", "ICU is not supported", "server closed the connection", "terminating connection",
        "the connection was lost", "Exception while reading from stream", "it said nothing",
    ];

    public static (Verdict Verdict, Finding Finding) Judge(BackupException e, string subject, IReadOnlyList<string> ignoredExtensions)
    {
        var verdict = Of(e, ignoredExtensions);
        var because = verdict == Verdict.CouldNotVerify && e.Code == ErrorCode.RestoreFailed && ignoredExtensions.Count > 0
            ? $" (the policy leaves out {string.Join(", ", ignoredExtensions)}, which the statement may need)"
            : "";
        return (verdict, new Finding
        {
            Severity = verdict == Verdict.Fail ? Severity.Critical : Severity.Warning,
            Code = e.Code.Name,
            Subject = subject,
            Sentence = e.Message + because,
            NextStep = e.NextStep,
        });
    }

    private static Verdict Of(BackupException e, IReadOnlyList<string> ignoredExtensions)
    {
        if (e.Code == ErrorCode.BackupDamaged || e.Code == ErrorCode.RestoreDifferent) return Verdict.Fail;
        if (e.Code == ErrorCode.RestoreFailed)
        {
            var error = e.Message.Split("Command was:")[0]; // the statement itself may hold any word
            return ignoredExtensions.Count > 0 || Array.Exists(_aboutTheMachine, t => error.Contains(t, StringComparison.Ordinal)) ? Verdict.CouldNotVerify : Verdict.Fail;
        }

        // A program that cannot read what has the right checksum: it was stored like that.
        return e.Code == ErrorCode.ToolFailed && IsReader(e.Message) && !ArtifactReader.LacksKey(e) ? Verdict.Fail : Verdict.CouldNotVerify;
    }

    private static bool IsReader(string message) => Array.Exists((string[])["zstd ", "gpg ", "pg_restore "], t => message.StartsWith(t, StringComparison.Ordinal))
        && !message.Contains("cannot be started", StringComparison.Ordinal) && !message.Contains("was killed by signal", StringComparison.Ordinal);
}
