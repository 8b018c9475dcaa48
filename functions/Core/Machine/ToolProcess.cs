#pragma warning disable RS0030 // the one file that starts processes
using System.ComponentModel;
using System.Diagnostics;
using System.IO.Pipes;
using System.Text;
using System.Text.RegularExpressions;
using Backup.Core.Model;

namespace Backup.Core.Machine;

/// <summary>A program to start, without a shell. Arguments are visible to every user of the machine: no secret in them.</summary>
public sealed record ToolCommand
{
    /// <summary>Absolute path, or a name to be found on PATH.</summary>
    public required string Path { get; init; }
    public IReadOnlyList<string> Arguments { get; init; } = [];

    /// <summary>The child's whole environment (see <see cref="MachineEnvironment.ForTool"/>).</summary>
    public required IReadOnlyDictionary<string, string> Environment { get; init; }

    /// <summary>Another user to run as; possible for root only.</summary>
    public string? UserName { get; init; }
    public string? WorkingDirectory { get; init; }

    public string Name => System.IO.Path.GetFileName(Path);
}

/// <summary>What a finished program left behind.</summary>
public sealed record ToolResult(int ExitCode, string Output, string Error);

/// <summary>
/// A running program with its three streams. Standard error is drained in the background and its end is kept for the error message.
/// Disposing kills it if it still runs.
/// </summary>
public sealed partial class ToolProcess : IAsyncDisposable
{
    private const int ErrorTail = 16 * 1024;

    private readonly Process _process;
    private readonly StringBuilder _error = new();
    private readonly Task _errorPump;

    private ToolProcess(ToolCommand command, Process process)
    {
        Command = command;
        _process = process;
        Input = process.StandardInput.BaseStream;
        Output = process.StandardOutput.BaseStream;
        foreach (var pipe in ((Stream[])[Input, Output]).OfType<PipeStream>()) Native.WidenPipe(pipe.SafePipeHandle);
        _errorPump = Task.Run(PumpErrorAsync);
        Exited = WaitAsync();
    }

    public ToolCommand Command { get; }

    /// <summary>The program's standard input. Closing it after a failure upstream would look like a complete input: kill instead.</summary>
    public Stream Input { get; }

    /// <summary>Raw standard output. End of stream does not mean success; see <see cref="ToolOutput"/>.</summary>
    public Stream Output { get; }

    /// <summary>Completes with the exit code (128 + signal number when killed) after standard error has been read to its end.</summary>
    public Task<int> Exited { get; }

    public int ProcessId => _process.Id;

    /// <summary>The last lines of standard error, in one line.</summary>
    public string ErrorText
    {
        get
        {
            lock (_error) return _error.ToString().Trim();
        }
    }

    public static ToolProcess Start(ToolCommand command)
    {
        ArgumentNullException.ThrowIfNull(command);
        var info = new ProcessStartInfo(command.Path)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = command.WorkingDirectory ?? "",
            UseShellExecute = false,
        };
        foreach (var argument in command.Arguments) info.ArgumentList.Add(argument);
        info.Environment.Clear();
        foreach (var (name, value) in command.Environment) info.Environment[name] = value;
        if (command.UserName is not null) info.UserName = command.UserName;
        try
        {
            return new ToolProcess(command, Process.Start(info)!);
        }
        catch (Win32Exception e)
        {
            throw new BackupException(ErrorCode.ToolMissing, $"{command.Name} cannot be started: {e.Message}",
                $"Install {command.Name} and make sure that this user may run it.", e);
        }
    }

    /// <summary>Runs a program to its end and returns what it printed. Any exit code is a result, not an error.</summary>
    public static Task<ToolResult> RunAsync(ToolCommand command, string? input, CancellationToken cancel) =>
        RunBytesAsync(command, Encoding.UTF8.GetBytes(input ?? ""), cancel);

    /// <summary>The same with bytes as its input.</summary>
    public static async Task<ToolResult> RunBytesAsync(ToolCommand command, ReadOnlyMemory<byte> input, CancellationToken cancel)
    {
        await using var process = Start(command);
        var output = ReadTextAsync(process.Output, cancel);
        try
        {
            if (input.Length > 0) await process.Input.WriteAsync(input, cancel);
            await process.Input.DisposeAsync();
        }
        catch (IOException)
        {
            // It ended without reading all of its input: its exit code and message say why.
        }

        var text = await output;
        var code = await process.Exited.WaitAsync(cancel);
        return new ToolResult(code, text, process.ErrorText);
    }

    /// <summary>As <see cref="RunAsync"/>, but an exit code other than 0 is the error tool.failed.</summary>
    public static async Task<string> CheckAsync(ToolCommand command, string? input, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(command);
        var result = await RunAsync(command, input, cancel);
        return result.ExitCode == 0 ? result.Output : throw Failure(command, result.ExitCode, result.Error);
    }

    public BackupException Failure(int exitCode) => Failure(Command, exitCode, ErrorText);

    /// <summary>
    /// SIGKILL, also for what it has started (pg_restore's workers would finish their statement first, which may take hours).
    /// The consumer sees an error, never a clean end.
    /// </summary>
    public void Kill()
    {
        try
        {
            _process.Kill(entireProcessTree: true);
        }
        catch (Exception e) when (e is InvalidOperationException or Win32Exception or AggregateException)
        {
            // It has ended by itself, or a part of the tree was faster.
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!Exited.IsCompleted) Kill();
        await Exited;
        _process.Dispose();
    }

    private static BackupException Failure(ToolCommand command, int exitCode, string error)
    {
        var how = exitCode > 128 ? $"was killed by signal {exitCode - 128}" : $"failed with exit code {exitCode}";
        var what = OneLine(error);
        return new BackupException(ErrorCode.ToolFailed, $"{command.Name} {how}{(what.Length > 0 ? $": {what}" : "")}",
            exitCode == 137 ? "Look for the out-of-memory killer in the system log; then run it again." : "Mend what the message names; then run it again.");
    }

    /// <summary>
    /// What a PostgreSQL program said, without the parts in which the server repeats a row, however many lines its values have: rows are
    /// nobody's business in a log.
    /// </summary>
    public static string[] ErrorLines(string text)
    {
        var lines = new List<string>();
        var inRow = false;
        foreach (var line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var part = MessagePart().Match(line);
            if (part.Success) inRow = part.Groups[1].Value is "DETAIL" or "CONTEXT";
            if (inRow) continue;
            // A statement may hold a password (CREATE SUBSCRIPTION, CREATE USER MAPPING): of it only what stands before its first value is shown.
            inRow = part.Success && (part.Groups[1].Value is "Command was" or "STATEMENT" or "QUERY" || part.Groups[1].Value.StartsWith("LINE ", StringComparison.Ordinal));
            var value = inRow ? line.IndexOf('\'', StringComparison.Ordinal) : -1;
            lines.Add(value < 0 ? line : $"{line[..value]}…");
        }

        return [.. lines];
    }

    // What begins the next part of a message: a field of the server's, or the name of the program that speaks ("psql:<stdin>:1: ERROR:  …").
    [GeneratedRegex(@"^(?:psql:\S+:\d+: )?(DETAIL|CONTEXT|ERROR|FATAL|PANIC|WARNING|NOTICE|HINT|QUERY|LOCATION|LINE \d+|STATEMENT|Command was|pg_\w+|psql|zstd|gpg)\s?:")]
    private static partial Regex MessagePart();

    // The server's error and what follows it, else the beginning (the cause) and the end (what it led to).
    private static string OneLine(string text)
    {
        var lines = ErrorLines(text);
        if (lines.Length <= 6) return string.Join(" | ", lines);
        var error = Array.FindLastIndex(lines, l => l.Contains("ERROR:", StringComparison.Ordinal) || l.Contains("FATAL:", StringComparison.Ordinal));
        return string.Join(" | ", error >= 0 ? lines.Skip(error).Take(6) : [.. lines[..3], "…", .. lines[^3..]]);
    }

    private static async Task<string> ReadTextAsync(Stream stream, CancellationToken cancel)
    {
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return await reader.ReadToEndAsync(cancel);
    }

    private async Task<int> WaitAsync()
    {
        await _process.WaitForExitAsync();
        // A grandchild may hold standard error open; what it says is not worth waiting for.
        await Task.WhenAny(_errorPump, Task.Delay(TimeSpan.FromSeconds(2)));
        return _process.ExitCode;
    }

    private async Task PumpErrorAsync()
    {
        var buffer = new char[4096];
        int count;
        while ((count = await _process.StandardError.ReadAsync(buffer)) > 0)
        {
            lock (_error)
            {
                _error.Append(buffer, 0, count);
                if (_error.Length > 2 * ErrorTail) _error.Remove(0, _error.Length - ErrorTail);
            }
        }
    }
}
