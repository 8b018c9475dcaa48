using Backup.Core.Model;
using Backup.Core.Storage;

namespace Backup.Core.Tests.Syncing;

/// <summary>A vault that has lost one object since its listing, lists another no longer, and gives a third with one bit flipped.</summary>
internal sealed class FaultySource(IVault inner) : IVault
{
    public required string Missing { get; init; }
    public required string Flipped { get; init; }
    public required string Unlisted { get; init; }

    public string Name => inner.Name;

    public async Task<Stream> OpenAsync(string key, long offset, CancellationToken cancel)
    {
        if (key == Missing) throw new BackupException(ErrorCode.VaultMissing, $"{key} does not exist", "Look.");
        var stream = await inner.OpenAsync(key, offset, cancel);
        if (key != Flipped) return stream;
        await using (stream)
        {
            var memory = new MemoryStream();
            await stream.CopyToAsync(memory, cancel);
            memory.GetBuffer()[memory.Length / 2] ^= 1;
            memory.Position = 0;
            return memory;
        }
    }

    public async IAsyncEnumerable<VaultObject> ListAsync(string prefix, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancel)
    {
        await foreach (var item in inner.ListAsync(prefix, cancel))
            if (item.Key != Unlisted) yield return item;
    }

    public Task<long> PutAsync(string key, Stream content, ObjectState state, RetainUntil? retain, CancellationToken cancel) => inner.PutAsync(key, content, state, retain, cancel);
    public Task MarkAsync(IReadOnlyCollection<string> keys, ObjectState state, CancellationToken cancel) => inner.MarkAsync(keys, state, cancel);
    public Task RetainAsync(IReadOnlyCollection<string> keys, RetainUntil retain, CancellationToken cancel) => inner.RetainAsync(keys, retain, cancel);
    public Task<IAsyncDisposable> ClaimAsync(IReadOnlyCollection<string> prefixes, CancellationToken cancel) => inner.ClaimAsync(prefixes, cancel);
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
