using Backup.Core.Model;

namespace Backup.Core.Postgres;

/// <summary>One folder of PostgreSQL programs. <see cref="Version"/> is what pg_dump prints, for example <c>15.18</c> or <c>18beta1</c>.</summary>
public sealed record PostgresInstallation(int Major, string Version, string Folder)
{
    /// <summary>True when the folder can also make and run a server, not only talk to one.</summary>
    public required bool HasServer { get; init; }

    /// <summary>The absolute path of a program.</summary>
    /// <exception cref="BackupException">tool.missing: this folder does not have it.</exception>
    public string Tool(string name)
    {
        var path = Path.Combine(Folder, name);
        return File.Exists(path)
            ? path
            : throw new BackupException(ErrorCode.ToolMissing, $"{name} of PostgreSQL {Major} is not in {Folder}.", InstallAdvice(Major, server: ServerTools.Contains(name)));
    }

    internal static readonly IReadOnlyList<string> ServerTools = ["initdb", "postgres", "pg_ctl"];

    /// <summary>The command that installs a major. Distributions carry one major each; the others come from the project's own repository.</summary>
    internal static string InstallAdvice(int major, bool server)
    {
        if (OperatingSystem.IsMacOS()) return $"brew install postgresql@{major}";
        return $"apt-get install -y postgresql-{(server ? "" : "client-")}{major} (unknown to apt? first: apt-get install -y postgresql-common && "
            + "/usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y).";
    }
}
