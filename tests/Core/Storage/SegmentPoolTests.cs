using Backup.Core.Storage;

namespace Backup.Core.Tests.Storage;

public sealed class SegmentPoolTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Who_asks_beyond_the_budget_waits_for_a_return()
    {
        var pool = new SegmentPool(2);
        var first = await pool.RentAsync(2, Cancel);
        var second = pool.RentAsync(1, Cancel);
        Assert.False(second.IsCompleted);
        pool.Return(first);
        Assert.Same(first[1], (await second)[0]);
    }

    [Fact]
    public async Task More_than_the_whole_budget_is_served_alone()
    {
        var pool = new SegmentPool(1);
        var small = await pool.RentAsync(1, Cancel);
        var large = pool.RentAsync(3, Cancel);
        var later = pool.RentAsync(1, Cancel);
        pool.Return(small);
        pool.Return(await large);
        await later;
    }

    [Fact]
    public async Task Who_gives_up_waiting_does_not_block_the_next()
    {
        var pool = new SegmentPool(2);
        var first = await pool.RentAsync(1, Cancel);
        using var stop = new CancellationTokenSource();
        var large = pool.RentAsync(2, stop.Token);
        var small = pool.RentAsync(1, Cancel);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => large);
        await small;
        pool.Return(first);
    }
}
