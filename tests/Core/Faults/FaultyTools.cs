using System.Diagnostics;
using Backup.Core.Postgres;

namespace Backup.Core.Tests.Faults;

/// <summary>
/// Programs that run the real one and then fail: shell scripts before it on PATH, or a folder of PostgreSQL programs with one replaced.
/// Asked for their version they answer as the real one does.
/// </summary>
internal sealed class FaultyTools(string pathFolder, string postgresFolder)
{
    /// <summary>The real one's first bytes, then this exit code.</summary>
    public static string Cut(long bytes, int exitCode) => $$"""{ "$real" "$@" | { head -c {{bytes}}; cat > /dev/null; }; } ; exit {{exitCode}}""";

    public static string Silent(int exitCode) => $"exit {exitCode}";

    public const string KilledAtOnce = "kill -9 $$";

    public static string KilledAfter(long bytes) => $$"""{ "$real" "$@" | { head -c {{bytes}}; cat > /dev/null; }; } ; kill -9 $$""";

    /// <summary>Replaces zstd or gpg.</summary>
    public void Replace(string tool, string script) => Write(Path.Combine(pathFolder, tool), Real(tool), script);

    /// <summary>Replaces one program of PostgreSQL; the others stay what they are.</summary>
    public void ReplacePostgres(PostgresInstallation real, string tool, string script)
    {
        Directory.CreateDirectory(postgresFolder);
        foreach (var file in Directory.EnumerateFiles(real.Folder))
        {
            var link = Path.Combine(postgresFolder, Path.GetFileName(file));
            if (File.Exists(link)) File.Delete(link);
            File.CreateSymbolicLink(link, file);
        }

        File.Delete(Path.Combine(postgresFolder, tool));
        Write(Path.Combine(postgresFolder, tool), real.Tool(tool), script);
    }

    /// <summary>Everything is real again.</summary>
    public void Mend()
    {
        foreach (var file in Directory.EnumerateFiles(pathFolder)) File.Delete(file);
        if (Directory.Exists(postgresFolder)) Directory.Delete(postgresFolder, recursive: true);
    }

    public static void Kill(IEnumerable<int> processes)
    {
        foreach (var id in processes)
        {
            using var process = Process.GetProcessById(id);
            process.Kill();
        }
    }

    private static string Real(string tool) => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Select(f => Path.Combine(f, tool)).First(File.Exists);

    // By a process of its own: a file that this process has open for writing may be in the hands of another test's fork at the moment it is to be run
    // ("text file busy").
    private static void Write(string path, string real, string script)
    {
        var info = new ProcessStartInfo("/bin/sh", ["-c", "cat > \"$0\" && chmod 700 \"$0\"", path]) { RedirectStandardInput = true };
        using var writer = Process.Start(info)!;
        writer.StandardInput.Write($"#!/bin/sh\nreal='{real}'\ncase \"$1\" in --version) exec \"$real\" \"$@\";; esac\n{script}\n");
        writer.StandardInput.Close();
        writer.WaitForExit();
        Assert.Equal(0, writer.ExitCode);
    }
}
