using Backup.Tests.Support;

namespace Backup.Cli.Tests;

/// <summary>A folder of a test's own, and the command in it, in the test's own process.</summary>
internal sealed class CommandFolder(PostgresFixture postgres, string name) : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory($"backup-{name}-").FullName;

    /// <summary>The environment, beside that of the tests.</summary>
    public Dictionary<string, string> Variables { get; } = new(StringComparer.Ordinal);

    /// <summary>The folder of the solution.</summary>
    public static string Root()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(System.IO.Path.Combine(folder, "Backup.sln"))) folder = System.IO.Path.GetDirectoryName(folder)!;
        return folder;
    }

    public async Task<(int Exit, string Output, string Error)> RunAsync(params string[] arguments)
    {
        using var output = new StringWriter { NewLine = "\n" };
        using var error = new StringWriter { NewLine = "\n" };
        var variables = new Dictionary<string, string>(postgres.Machine.Variables);
        foreach (var (key, value) in Variables) variables[key] = value;
        var machine = postgres.Machine with { WorkingFolder = Path, Variables = variables };
        var exit = await Program.RunAsync(arguments, () => machine, TimeProvider.System, output, error);
        return (exit, output.ToString(), error.ToString());
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
