using Backup.Core.Model;

namespace Backup.Cli;

/// <summary>Where the command prints: results on standard output, progress and errors on standard error.</summary>
public sealed class Terminal(TextWriter output, TextWriter error, bool verbose)
{
    public bool Verbose { get; } = verbose;

    /// <summary>Standard output itself, for what writes lines of its own.</summary>
    public TextWriter Output { get; } = output;

    /// <summary>Standard input.</summary>
    public TextReader Input { get; } = Console.In;

    public void Line(string text) => Output.WriteLine(text);

    public void Note(string text) => error.WriteLine(text);

    /// <summary>A person watches standard error, so a line may renew itself.</summary>
    public bool IsInteractive { get; } = !Console.IsErrorRedirected && ReferenceEquals(error, Console.Error);

    /// <summary>Replaces the present line; an empty text clears it.</summary>
    public void Rewrite(string text) => error.Write(text.Length == 0 ? "\r\u001b[K" : $"\r\u001b[K{text}");

    /// <summary>Prints one line for an expected failure, everything for a defect. Returns the exit code.</summary>
    public int Report(Exception exception)
    {
        switch (exception)
        {
            case BackupException e:
                error.WriteLine($"error: {OneLine(e.Message)} [{e.Code.Name}] → {OneLine(e.NextStep)}");
                if (Verbose && e.InnerException is not null) error.WriteLine(e.InnerException);
                return e.Code.ExitCode;
            case OperationCanceledException:
                error.WriteLine("error: stopped before it was done; nothing was committed [cancelled] → Run the same command again.");
                if (Verbose) error.WriteLine(exception);
                return ErrorCode.Cancelled.ExitCode;
            default:
                error.WriteLine($"error: {OneLine(exception.Message)} [{ErrorCode.Internal.Name}] → Report this with the lines below; version {typeof(Terminal).Assembly.GetName().Version}.");
                error.WriteLine(exception);
                return ErrorCode.Internal.ExitCode;
        }
    }

    private static string OneLine(string text) => text.ReplaceLineEndings(" ").Trim();
}
