using Backup.Core.Model;

namespace Backup.Core.Operations;

/// <summary>Sums over all streams, reported at most every few hundred milliseconds. Thread-safe.</summary>
public sealed class ProgressCounter(IProgress<Progress>? progress, long expectedBytes, string what = "copying")
{
    private const long ReportEvery = 300;

    private long _raw;
    private long _stored;
    private long _last = Environment.TickCount64;

    public void Add(int raw, int stored)
    {
        var rawNow = Interlocked.Add(ref _raw, raw);
        var storedNow = Interlocked.Add(ref _stored, stored);
        var last = Interlocked.Read(ref _last);
        var now = Environment.TickCount64;
        if (progress is null || now - last < ReportEvery || Interlocked.CompareExchange(ref _last, now, last) != last) return;
        progress.Report(new Progress($"{what} {Bytes.Text(rawNow)}", rawNow, storedNow, expectedBytes));
    }
}
