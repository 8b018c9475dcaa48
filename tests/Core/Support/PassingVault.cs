using Backup.Core.Model;
using Backup.Core.Storage;

namespace Backup.Core.Tests.Support;

/// <summary>A vault that hands everything on to another one, for tests that change one thing on the way. The other one belongs to the test.</summary>
internal abstract class PassingVault(IVault inner) : IVault
{
    public string Name => inner.Name;

    public virtual Task<long> PutAsync(string key, Stream content, ObjectState state, RetainUntil? retain, CancellationToken cancel) => inner.PutAsync(key, content, state, retain, cancel);
    public virtual Task<Stream> OpenAsync(string key, long offset, CancellationToken cancel) => inner.OpenAsync(key, offset, cancel);
    public virtual IAsyncEnumerable<VaultObject> ListAsync(string prefix, CancellationToken cancel) => inner.ListAsync(prefix, cancel);
    public virtual Task MarkAsync(IReadOnlyCollection<string> keys, ObjectState state, CancellationToken cancel) => inner.MarkAsync(keys, state, cancel);
    public Task RetainAsync(IReadOnlyCollection<string> keys, RetainUntil retain, CancellationToken cancel) => inner.RetainAsync(keys, retain, cancel);
    public Task<IAsyncDisposable> ClaimAsync(IReadOnlyCollection<string> prefixes, CancellationToken cancel) => inner.ClaimAsync(prefixes, cancel);
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
