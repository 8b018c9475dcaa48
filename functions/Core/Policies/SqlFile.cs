using System.Security.Cryptography;
using System.Text;
using System.Text.Unicode;
using Backup.Core.Model;

namespace Backup.Core.Policies;

/// <summary>
/// A file of SQL that a policy names (<c>afterRestore</c>), read and found usable: statements only, which can run in one transaction. Its content may name people, so no
/// message repeats any of it.
/// </summary>
public sealed record SqlFile
{
    private const int LargestFile = 4 << 20;

    private static readonly string[] _transactions = ["BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE"];

    private SqlFile(string name, string sha256, IReadOnlyList<SqlStatement> statements) => (Name, Sha256, Statements) = (name, sha256, statements);

    /// <summary>Without folders.</summary>
    public string Name { get; }

    /// <summary>Of the file's bytes, lower-case hex.</summary>
    public string Sha256 { get; }
    public IReadOnlyList<SqlStatement> Statements { get; }

    /// <summary>What is wrong with the file, to stand behind its name, or null.</summary>
    internal static string? Problem(string path) => TryRead(path).Problem;

    /// <exception cref="BackupException">policy.invalid: it cannot be read, or holds what is not run.</exception>
    public static SqlFile Read(string path)
    {
        var (file, problem) = TryRead(path);
        return file ?? throw new BackupException(ErrorCode.PolicyInvalid, $"{path}, which is to be run after a restore, {problem}", "Mend the file, or give another one: --after-restore FILE.");
    }

    private static (SqlFile? File, string? Problem) TryRead(string path)
    {
        byte[] bytes;
        try
        {
            var file = new FileInfo(path);
            if (!file.Exists) return (null, "does not exist");
            if (file.Length > LargestFile) return (null, $"is larger than {LargestFile >> 20} MiB");
            bytes = File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return (null, "cannot be read");
        }

        var utf8 = bytes.AsSpan();
        if (utf8.StartsWith(Encoding.UTF8.Preamble)) utf8 = utf8[Encoding.UTF8.Preamble.Length..];
        if (!Utf8.IsValid(utf8) || utf8.Contains((byte)0)) return (null, "is not UTF-8 text");
        var (statements, problem) = SqlScript.Split(Encoding.UTF8.GetString(utf8));
        problem ??= statements.Select(s => Refusal(s) is { } what ? (s.Line, what) : ((int, string)?)null).FirstOrDefault(p => p is not null);
        if (problem is { } at) return (null, $"cannot be used: line {at.Line}: {at.What}");
        return statements.Count == 0
            ? (null, "holds no statement")
            : (new SqlFile(Path.GetFileName(path), Convert.ToHexStringLower(SHA256.HashData(bytes)), statements), null);
    }

    // COPY reads and writes files and programs of the server, or wants rows that nobody sends.
    private static string? Refusal(SqlStatement statement) => statement.Words switch
    {
        ["PREPARE", "TRANSACTION", ..] => "the whole file is one transaction, which PREPARE TRANSACTION would leave behind",
        [var word, ..] when _transactions.Contains(word) => $"the whole file is one transaction: leave {word} out",
        ["COPY", ..] => "COPY is not run: write INSERT, UPDATE or DELETE",
        _ => null,
    };
}
