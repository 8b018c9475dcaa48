namespace Backup.Core.Model;

/// <summary>
/// An expected failure: what failed, on what, and what to do next. Message and next step are shown to people
/// and must hold no secret.
/// </summary>
public sealed class BackupException : Exception
{
    public BackupException(ErrorCode code, string sentence, string nextStep, Exception? cause = null)
        : base(sentence, cause)
    {
        Code = code;
        NextStep = nextStep;
    }

    public ErrorCode Code { get; }

    /// <summary>One sentence in the imperative: the command, statement or setting that mends it.</summary>
    public string NextStep { get; }

    /// <summary>True when the same call may succeed later without anybody changing anything.</summary>
    public bool IsTransient { get; init; }
}
