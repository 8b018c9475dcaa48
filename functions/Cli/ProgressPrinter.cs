using System.Diagnostics;
using Backup.Core.Model;
using Backup.Core.Operations;

namespace Backup.Cli;

/// <summary>
/// Progress on standard error: one line that renews itself on a terminal; in a pipe a line per step and one every ten seconds.
/// </summary>
public sealed class ProgressPrinter(Terminal terminal, bool quiet) : IProgress<Progress>, IDisposable
{
    private static readonly TimeSpan _plainEvery = TimeSpan.FromSeconds(10);

    private readonly Lock _gate = new();
    private readonly long _started = Stopwatch.GetTimestamp();
    private long _lastPlain;
    private bool _lineOpen;

    public void Report(Progress value)
    {
        if (quiet) return;
        lock (_gate)
        {
            if (value.IsStep)
            {
                Clear();
                terminal.Note(value.What);
            }
            else if (terminal.IsInteractive)
            {
                terminal.Rewrite(Describe(value));
                _lineOpen = true;
            }
            else if (Stopwatch.GetElapsedTime(Math.Max(_lastPlain, _started)) >= _plainEvery)
            {
                _lastPlain = Stopwatch.GetTimestamp();
                terminal.Note(Describe(value));
            }
        }
    }

    public void Dispose()
    {
        lock (_gate) Clear();
    }

    private void Clear()
    {
        if (_lineOpen) terminal.Rewrite("");
        _lineOpen = false;
    }

    private string Describe(Progress p)
    {
        var seconds = Math.Max(0.1, Stopwatch.GetElapsedTime(_started).TotalSeconds);
        var share = p.ExpectedBytes > 0 ? $" of about {Bytes.Text(p.ExpectedBytes)}" : "";
        var stored = p.StoredBytes > 0 && p.StoredBytes != p.RawBytes ? $", {Bytes.Text(p.StoredBytes)} stored" : "";
        return $"  {p.What}{share}{stored}, {Bytes.Text((long)(p.RawBytes / seconds))}/s";
    }
}
