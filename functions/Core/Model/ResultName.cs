using System.Globalization;

namespace Backup.Core.Model;

/// <summary>What produced a result object.</summary>
public enum ProofKind
{
    Verify,
    Drill,
}

/// <summary>Outcome of a proof. What could not be tried is neither a pass nor a failure.</summary>
public enum Verdict
{
    Pass,
    Fail,
    CouldNotVerify,
}

/// <summary>
/// Name of a result object below a backup: <c>results/{time}-{verify|drill}-{pass|fail|could-not-verify}.json</c>. The verdict is in the name, so that
/// a listing shows what was proven without reading.
/// </summary>
public sealed record ResultName(ProofKind Kind, Verdict Verdict, DateTimeOffset At)
{
    public const string Folder = "results/";

    private const string Extension = ".json";

    /// <param name="key">A whole key, or the part after the backup's prefix.</param>
    /// <param name="name">What the key says.</param>
    public static bool TryParse(string key, out ResultName name)
    {
        ArgumentNullException.ThrowIfNull(key);
        name = null!;
        var parts = key[(key.LastIndexOf('/') + 1)..].Split('-', 3);
        if (parts.Length != 3 || !parts[2].EndsWith(Extension, StringComparison.Ordinal) || !BackupId.TryParseTime(parts[0], out var at)) return false;
        if (!Words.TryParse<ProofKind>(parts[1], out var kind) || !Words.TryParse<Verdict>(parts[2][..^Extension.Length], out var verdict)) return false;
        name = new ResultName(kind, verdict, at);
        return true;
    }

    public string Key(string prefix) =>
        string.Create(CultureInfo.InvariantCulture, $"{prefix}{Folder}{BackupId.FormatTime(At)}-{Words.Of(Kind)}-{Words.Of(Verdict)}{Extension}");
}
