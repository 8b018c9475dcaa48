using Backup.Core.Model;
using Backup.Core.Storage;
using Backup.Core.Tests.Support;

namespace Backup.Core.Tests.Syncing;

/// <summary>A vault that has lost one object since its listing, lists another no longer, and gives a third with one bit flipped.</summary>
internal sealed class FaultySource(IVault inner) : PassingVault(inner)
{
    public required string Missing { get; init; }
    public required string Flipped { get; init; }
    public required string Unlisted { get; init; }

    public override async Task<Stream> OpenAsync(string key, long offset, CancellationToken cancel)
    {
        if (key == Missing) throw new BackupException(ErrorCode.VaultMissing, $"{key} does not exist", "Look.");
        var stream = await base.OpenAsync(key, offset, cancel);
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

    public override async IAsyncEnumerable<VaultObject> ListAsync(string prefix, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancel)
    {
        await foreach (var item in base.ListAsync(prefix, cancel))
            if (item.Key != Unlisted) yield return item;
    }
}
