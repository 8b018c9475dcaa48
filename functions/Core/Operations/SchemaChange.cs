using Backup.Core.Model;

namespace Backup.Core.Operations;

/// <summary>Recognises the errors that mean: somebody ran a migration while the backup was reading.</summary>
public static class SchemaChange
{
    private static readonly string[] _signs =
    [
        "could not open relation with OID", "could not obtain lock", "55P03", "cache lookup failed", "canceling statement due to lock timeout",
        "canceling statement due to statement timeout", // what --lock-wait-timeout of pg_dump makes of it
    ];

    public static bool Recognise(BackupException e) => e.Code == ErrorCode.SourceChanged
        || (e.Code == ErrorCode.ToolFailed && (_signs.Any(s => e.Message.Contains(s, StringComparison.Ordinal))
            || (e.Message.Contains("relation ", StringComparison.Ordinal) && e.Message.Contains("does not exist", StringComparison.Ordinal))));

    public static BackupException Explain(BackupException e) => e.Code == ErrorCode.SourceChanged ? e : new BackupException(ErrorCode.SourceChanged,
        $"the schema changed during the backup, twice: {e.Message}", "Run it again when the migration has ended.", e) { IsTransient = true };
}
