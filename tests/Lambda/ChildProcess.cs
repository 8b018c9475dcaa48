using System.Diagnostics;
using System.Text;

namespace Backup.Lambda.Tests;

/// <summary>A .NET program as a process of its own. Its environment is the test's, with the given variables on top.</summary>
internal sealed class ChildProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly StringBuilder _output = new();
    private readonly StringBuilder _error = new();

    private ChildProcess(Process process)
    {
        _process = process;
        process.OutputDataReceived += (_, e) => Take(_output, e.Data);
        process.ErrorDataReceived += (_, e) => Take(_error, e.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public string Output => Read(_output);
    public string Error => Read(_error);
    public bool IsAlive => !_process.HasExited;

    public static ChildProcess Start(string assembly, IEnumerable<KeyValuePair<string, string>> environment, string? input = null, params string[] arguments)
    {
        var info = new ProcessStartInfo("dotnet", [assembly, .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        foreach (var (name, value) in environment) info.Environment[name] = value;
        var process = Process.Start(info)!;
        process.StandardInput.Write(input);
        process.StandardInput.Close();
        return new ChildProcess(process);
    }

    public async Task<int> ExitAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(120));
        await _process.WaitForExitAsync(limit.Token);
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private static string Read(StringBuilder text)
    {
        lock (text) return text.ToString();
    }

    private static void Take(StringBuilder text, string? line)
    {
        lock (text) if (line is not null) text.Append(line).Append('\n');
    }
}
