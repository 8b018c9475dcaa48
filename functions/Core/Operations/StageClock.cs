namespace Backup.Core.Operations;

public enum Stage
{
    /// <summary>Waiting for pg_dump and COPY.</summary>
    Dump,

    /// <summary>Counting and fingerprinting rows.</summary>
    Fingerprint,

    /// <summary>Waiting for zstd to take bytes.</summary>
    Compress,

    /// <summary>Waiting for gpg to take bytes.</summary>
    Encrypt,

    /// <summary>Waiting for the vault.</summary>
    Upload,
}

/// <summary>Time spent per stage, summed over all streams of a run, so that the slow stage is seen and not guessed. Thread-safe.</summary>
public sealed class StageClock
{
    private readonly long[] _ticks = new long[Enum.GetValues<Stage>().Length];

    public void Add(Stage stage, TimeSpan time) => Interlocked.Add(ref _ticks[(int)stage], time.Ticks);

    public IReadOnlyDictionary<Stage, TimeSpan> Read() =>
        Enum.GetValues<Stage>().ToDictionary(s => s, s => TimeSpan.FromTicks(Interlocked.Read(ref _ticks[(int)s])));
}
