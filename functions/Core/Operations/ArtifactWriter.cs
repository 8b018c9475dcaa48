using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Storage;

namespace Backup.Core.Operations;

/// <summary>Raw bytes in, one stored artifact out: tap → zstd → (gpg) → SHA-256 → vault. Nothing is buffered but what is in flight.</summary>
public sealed class ArtifactWriter(IVault vault, Toolbox tools, RunRequest request, string emptyHome, StageClock clock, Action<int, int> passed)
{
    /// <summary>In the order of application; the same for every artifact of a run.</summary>
    public IReadOnlyList<string> Filters { get; } = request.GpgRecipients.Count > 0 ? ["zstd", "gpg"] : ["zstd"];

    /// <summary>
    /// Stores a stream to its end. A failure of the source, of a program or of the vault leaves no object and comes out as it was.
    /// The source is disposed, after an error before its end too.
    /// </summary>
    /// <param name="tap">Sees the raw bytes in order.</param>
    public async Task<(long RawBytes, long StoredBytes, string Sha256)> WriteAsync(
        string key, Stream source, Func<ReadOnlyMemory<byte>, ValueTask> tap, CancellationToken cancel)
    {
        long raw = 0;
        await using var tapped = new TapStream(source, bytes =>
        {
            raw += bytes.Length;
            passed(bytes.Length, 0);
            return tap(bytes);
        }, waited: t => clock.Add(Stage.Dump, t), tapped: t => clock.Add(Stage.Fingerprint, t));
        await using var compressed = ToolFilter.Start(tapped, tools.Compress(request.ZstdLevel), t => clock.Add(Stage.Compress, t), cancel);
        await using var encrypted = request.GpgRecipients.Count > 0
            ? ToolFilter.Start(compressed, tools.Encrypt(request.GpgRecipients, emptyHome), t => clock.Add(Stage.Encrypt, t), cancel)
            : null;
        await using var metered = new MeteredStream(encrypted ?? compressed, count => passed(0, count));
        var started = System.Diagnostics.Stopwatch.GetTimestamp();
        var stored = await vault.PutAsync(key, metered, ObjectState.Pending, retain: null, cancel);
        clock.Add(Stage.Upload, System.Diagnostics.Stopwatch.GetElapsedTime(started) - metered.Waited);
        return (raw, stored, metered.Sha256);
    }
}
