using System.Diagnostics;
using System.Text;

namespace Backup.Cli.Tests;

/// <summary>
/// The real program as a process of its own and leader of its own process group, as a shell starts it. TMPDIR is a folder of the test's, which
/// also marks everything that it starts.
/// </summary>
internal sealed class CliProcess : IDisposable
{
    private readonly Process _process;
    private readonly StringBuilder _error = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<(string Text, TaskCompletionSource Seen)> _awaited = [];

    private CliProcess(Process process)
    {
        _process = process;
        process.ErrorDataReceived += (_, e) => Take(e.Data);
        process.BeginErrorReadLine();
        Output = process.StandardOutput.ReadToEndAsync();
    }

    public Task<string> Output { get; }

    public string Error
    {
        get
        {
            lock (_awaited) return _error.ToString();
        }
    }

    public int Id => _process.Id;

    public static CliProcess Start(string temp, IEnumerable<KeyValuePair<string, string>> environment, params string[] arguments)
    {
        // Whoever runs the tests in the background has SIGINT ignored, and so would the program.
        var info = new ProcessStartInfo("setsid", ["env", "--default-signal=INT,QUIT", "dotnet", typeof(Program).Assembly.Location, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        info.Environment["TMPDIR"] = temp;
        foreach (var (name, value) in environment) info.Environment[name] = value;
        return new CliProcess(Process.Start(info)!);
    }

    /// <summary>Completes when a line of standard error begins so; fails when the program ends before.</summary>
    public async Task SaysAsync(string text)
    {
        var seen = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_awaited)
        {
            if (_error.ToString().Split('\n').Any(l => l.StartsWith(text, StringComparison.Ordinal))) return;
            _awaited.Add((text, seen));
        }

        await Task.WhenAny(seen.Task, _ended.Task).WaitAsync(TimeSpan.FromSeconds(60));
        Assert.True(seen.Task.IsCompleted, $"it ended without \"{text}\": {Error}");
    }

    /// <summary>Exit code, after both outputs have been read to their end.</summary>
    public async Task<int> ExitAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(90));
        await _process.WaitForExitAsync(limit.Token);
        await Output;
        return _process.ExitCode;
    }

    /// <summary>To the program alone.</summary>
    public Task SignalAsync(string name) => RunAsync("kill", $"-{name}", $"{Id}");

    /// <summary>To the program and everything that it has started, as a terminal does.</summary>
    public Task SignalGroupAsync(string name) => RunAsync("kill", $"-{name}", "--", $"-{Id}");

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill(entireProcessTree: true);
        _process.Dispose();
    }

    /// <summary>What runs with this TMPDIR: "pid name" each.</summary>
    public static IReadOnlyList<string> Marked(string temp)
    {
        var found = new List<string>();
        foreach (var folder in Directory.EnumerateDirectories("/proc").Where(f => char.IsAsciiDigit(Path.GetFileName(f)[0])))
        {
            try
            {
                if (File.ReadAllText(Path.Combine(folder, "environ")).Split('\0').Contains($"TMPDIR={temp}"))
                    found.Add($"{Path.GetFileName(folder)} {File.ReadAllText(Path.Combine(folder, "comm")).Trim()}");
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // It has ended while it was looked at.
            }
        }

        return found;
    }

    public static async Task NothingRunsAsync(string temp)
    {
        var clock = Stopwatch.StartNew();
        while (Marked(temp) is { Count: > 0 } running)
        {
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(10), $"still running: {string.Join(", ", running)}");
            await Task.Delay(50);
        }
    }

    private static async Task RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        await process.WaitForExitAsync();
    }

    private void Take(string? line)
    {
        if (line is null)
        {
            _ended.TrySetResult();
            return;
        }

        lock (_awaited)
        {
            _error.AppendLine(line);
            foreach (var (_, seen) in _awaited.Where(a => line.StartsWith(a.Text, StringComparison.Ordinal))) seen.TrySetResult();
        }
    }
}
