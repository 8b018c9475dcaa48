using Backup.Core.Model;
using Backup.Core.Policies;

namespace Backup.Core.Operations;

/// <summary>
/// The SQL that a restored database must go through before it is released: whom a team has erased since must not come back with an older backup. The one place that decides
/// what is run; <see cref="ErasureRun"/> runs it.
/// </summary>
public sealed record AfterRestore
{
    private AfterRestore(string? path, string? skipped) => (Path, Skipped) = (path, skipped);

    /// <summary>Nobody has named a file, or the caller runs it, after its own comparison.</summary>
    public static AfterRestore None { get; } = new(null, null);

    /// <summary>The file to run, or null.</summary>
    public string? Path { get; }

    /// <summary>Name of the file that is left out because somebody has said so, or null.</summary>
    public string? Skipped { get; }

    public static AfterRestore Run(string path) => new(path, null);

    /// <param name="policy">The database's own policy; null: none is given, or it does not know the database.</param>
    /// <param name="named">The path that was given by hand, or null. It goes before the policy's.</param>
    /// <param name="without">Somebody wants the database as it was.</param>
    /// <param name="remembered">What a manifest of the database says that its policy named.</param>
    /// <exception cref="BackupException">usage: the two contradict each other, or the policy's file is not known here.</exception>
    public static AfterRestore Decide(DatabasePolicy? policy, string? named, bool without, string? remembered)
    {
        if (named is not null && without)
            throw new BackupException(ErrorCode.UsageWrong, "--after-restore and --without-erasures exclude each other", "Give the file to run it, or --without-erasures to restore the database as it was.");
        if (without) return (policy is null ? remembered : System.IO.Path.GetFileName(policy.AfterRestore)) is { } name ? new AfterRestore(null, name) : None;
        if ((named ?? policy?.AfterRestore) is { } path) return Run(path);
        if (policy is not null || remembered is null) return None;
        throw new BackupException(ErrorCode.UsageWrong, $"a backup of this database was made under a policy that has {remembered} run after every restore, and neither that policy nor the file is given",
            "Add --policy FILE or --stack NAME, or --after-restore FILE; to restore it as it was, with whoever has been erased since: --without-erasures.");
    }

    /// <summary>The file, read before anything is fetched, so that a bad one costs no hour. Null when nothing is to be run.</summary>
    /// <exception cref="BackupException">policy.invalid</exception>
    public SqlFile? Read() => Path is null ? null : SqlFile.Read(Path);
}

/// <summary>What was done to a restored database by its policy's file.</summary>
/// <param name="File">Without folders.</param>
/// <param name="Applied">False: left out by --without-erasures, and everything below is null.</param>
/// <param name="Sha256">Of the file's bytes, lower-case hex.</param>
/// <param name="Rows">Inserted, updated and deleted, as the server counts them: what functions and DO blocks do is not in it.</param>
public sealed record AfterRestoreResult(string File, bool Applied, string? Sha256, int? Statements, long? Rows)
{
    /// <summary>For example <c>erasures.sql was applied: 3 statements, 12 rows changed (SHA-256 …)</c>.</summary>
    public override string ToString() => Applied
        ? string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{File} was applied: {PolicyReading.Count(Statements!.Value, "statement")}, {Rows:N0} {(Rows == 1 ? "row" : "rows")} changed (SHA-256 {Sha256})")
        : $"{File} was NOT applied (--without-erasures)";
}
