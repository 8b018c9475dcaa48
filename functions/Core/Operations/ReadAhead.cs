using Backup.Core.Model;

namespace Backup.Core.Operations;

/// <summary>Opens each artifact while the one before it is read: the vault's first byte and the start of a program take time in which the server would wait.</summary>
public sealed class ReadAhead(IReadOnlyList<Artifact> artifacts, Func<Artifact, Task<ArtifactReader>> open) : IAsyncDisposable
{
    private Task<ArtifactReader>? _next;
    private int _opened;

    /// <returns>The readers in order; the caller disposes each.</returns>
    public async Task<ArtifactReader> NextAsync()
    {
        var reader = await (_next ?? Open());
        _next = _opened < artifacts.Count ? Open() : null;
        return reader;
    }

    /// <summary>Closes what was opened for nothing.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_next is not { } unused) return;
        await ((Task)unused).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (unused.IsCompletedSuccessfully) await unused.Result.DisposeAsync();
    }

    private Task<ArtifactReader> Open() => open(artifacts[_opened++]);
}
