using System.Diagnostics;
using Backup.Core.Postgres;
using Backup.Tests.Support;

namespace Backup.Core.Tests.Operations;

/// <summary>What a person does with the commands that a manifest prints.</summary>
internal static class Shell
{
    /// <summary>
    /// The tools of the server's major first on PATH, where to restore to in PG*: what the first lines of the commands ask for. Returns standard error.
    /// </summary>
    public static async Task<string> BashAsync(PostgresFixture postgres, string script, string url, Dictionary<string, string>? more, int exit = 0)
    {
        var cancel = TestContext.Current.CancellationToken;
        var cluster = await postgres.ClusterAsync();
        var info = new ProcessStartInfo("bash", ["-s"]) { RedirectStandardInput = true, RedirectStandardError = true, UseShellExecute = false };
        info.Environment["PATH"] = $"{Path.GetDirectoryName(cluster.Installation.Tool("psql"))}:{postgres.Machine["PATH"]}";
        info.Environment["PGHOST"] = cluster.SocketFolder;
        info.Environment["PGPORT"] = $"{cluster.Port}";
        info.Environment["PGUSER"] = cluster.SuperUser;
        info.Environment["DB"] = new Npgsql.NpgsqlConnectionStringBuilder(Database.ConnectionString(url)).Database;
        foreach (var (name, value) in more ?? []) info.Environment[name] = value;
        using var process = Process.Start(info)!;
        var error = process.StandardError.ReadToEndAsync(cancel);
        await process.StandardInput.WriteAsync(script);
        process.StandardInput.Close();
        await process.WaitForExitAsync(cancel);
        Assert.True(process.ExitCode == exit, $"bash ended with {process.ExitCode}: {await error}");
        return await error;
    }
}
