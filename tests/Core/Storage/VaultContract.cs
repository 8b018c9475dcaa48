using System.Text;
using Backup.Core.Model;
using Backup.Core.Storage;

namespace Backup.Core.Tests.Storage;

/// <summary>What every vault promises (see <see cref="IVault"/>). Each kind of vault runs all of it.</summary>
public abstract class VaultContract
{
    private const int MiB = 1 << 20;

    protected static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>A new, empty vault.</summary>
    protected abstract Task<IVault> NewVaultAsync();

    /// <summary>Temporary files or uploads that nobody finished.</summary>
    protected abstract Task<int> UnfinishedAsync();

    /// <summary>Makes something that a killed run leaves below a folder (closing slash included).</summary>
    protected abstract Task LeaveUnfinishedAsync(string folder);

    [Fact]
    public async Task What_is_put_can_be_read_back()
    {
        await using var vault = await NewVaultAsync();
        var size = await PutAsync(vault, "prod/daily/bloom/2026/03/bloom_1/manifest.json", "hello");
        Assert.Equal(5, size);
        Assert.Equal("hello", await ReadAsync(vault, "prod/daily/bloom/2026/03/bloom_1/manifest.json"));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(9)]
    public async Task Reading_can_start_at_any_offset(int offset)
    {
        await using var vault = await NewVaultAsync();
        await PutAsync(vault, "a/b", "hello");
        Assert.Equal("hello"[Math.Min(5, offset)..], await ReadAsync(vault, "a/b", offset));
    }

    [Fact]
    public async Task An_empty_object_is_an_object()
    {
        await using var vault = await NewVaultAsync();
        Assert.Equal(0, await PutAsync(vault, "a/empty", ""));
        Assert.Equal("", await ReadAsync(vault, "a/empty"));
        Assert.Equal(0, Assert.Single(await ListAsync(vault, "a/")).Size);
    }

    [Theory]
    [InlineData((8 * MiB) - 1)]
    [InlineData(8 * MiB)]
    [InlineData((8 * MiB) + 1)]
    [InlineData(16 * MiB)]
    [InlineData(40 * MiB)]
    public async Task Objects_of_several_parts_arrive_whole(int length)
    {
        await using var vault = await NewVaultAsync();
        Assert.Equal(length, await vault.PutAsync("a/large", new PatternStream(length), ObjectState.Pending, null, Cancel));
        await using var stream = await vault.OpenAsync("a/large", 7 * MiB, Cancel);
        await StreamAssert.HoldsPatternAsync(stream, 7 * MiB, length, Cancel);
        Assert.Equal(length, Assert.Single(await ListAsync(vault, "")).Size);
        Assert.Equal(0, await UnfinishedAsync());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1024)]
    [InlineData(8 * MiB)]
    [InlineData(20 * MiB)]
    public async Task A_stream_that_throws_leaves_no_object(long at)
    {
        await using var vault = await NewVaultAsync();
        await Assert.ThrowsAsync<ContentException>(() => vault.PutAsync("a/dump", new PatternStream(long.MaxValue, at), ObjectState.Pending, null, Cancel));
        Assert.Empty(await ListAsync(vault, ""));
        Assert.Equal(0, await UnfinishedAsync());
        await PutAsync(vault, "a/dump", "the name is still free");
    }

    [Theory]
    [InlineData(100)]
    [InlineData(20 * MiB)]
    public async Task A_cancelled_upload_leaves_no_object(long at)
    {
        await using var vault = await NewVaultAsync();
        using var stop = new CancellationTokenSource();
        var content = new PatternStream(long.MaxValue, at, async token =>
        {
            stop.CancelAfter(50);
            await Task.Delay(Timeout.Infinite, token);
        });
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => vault.PutAsync("a/dump", content, ObjectState.Pending, null, stop.Token));
        Assert.Empty(await ListAsync(vault, ""));
        Assert.Equal(0, await UnfinishedAsync());
    }

    [Theory]
    [InlineData(10)]
    [InlineData(9 * MiB)]
    public async Task A_key_is_written_once(int length)
    {
        await using var vault = await NewVaultAsync();
        await PutAsync(vault, "a/b", "first");
        await ThrowsAsync(ErrorCode.VaultConflict, () => vault.PutAsync("a/b", new PatternStream(length), ObjectState.Pending, null, Cancel));
        Assert.Equal("first", await ReadAsync(vault, "a/b"));
        Assert.Equal(0, await UnfinishedAsync());
    }

    [Fact]
    public async Task Of_many_writers_of_one_key_one_wins()
    {
        await using var vault = await NewVaultAsync();
        var writers = Enumerable.Range(0, 8).Select(async i =>
        {
            try
            {
                await PutAsync(vault, "a/race", $"writer {i}");
                return $"writer {i}";
            }
            catch (BackupException e) when (e.Code == ErrorCode.VaultConflict)
            {
                return null;
            }
        });
        var winners = (await Task.WhenAll(writers)).OfType<string>().ToList();
        Assert.Equal(Assert.Single(winners), await ReadAsync(vault, "a/race"));
    }

    [Fact]
    public async Task A_listing_is_complete_and_in_key_order()
    {
        await using var vault = await NewVaultAsync();
        string[] keys = ["b/2", "a/1/x", "a/10", "a-b/z", "a/Z", "a/é", "a/データ", "a/\U0001F418", "a/\uFB01", "a/1.json", "aa"];
        foreach (var key in keys) await PutAsync(vault, key, key);
        var listed = (await ListAsync(vault, "")).Select(o => o.Key).ToList();
        Assert.Equal(keys.OrderBy(k => k, KeyRules.Order), listed);
        Assert.Equal(["a/1.json", "a/1/x", "a/10"], (await ListAsync(vault, "a/1")).Select(o => o.Key));
        Assert.Empty(await ListAsync(vault, "nothing/here"));
        foreach (var key in listed) Assert.Equal(key, await ReadAsync(vault, key));
    }

    [Fact]
    public async Task A_listing_tells_size_and_time()
    {
        await using var vault = await NewVaultAsync();
        await PutAsync(vault, "a/b", "hello");
        var item = Assert.Single(await ListAsync(vault, "a/"));
        Assert.Equal((5, "STANDARD"), (item.Size, item.StorageClass));
        Assert.InRange(item.LastModified, DateTimeOffset.UtcNow.AddMinutes(-5), DateTimeOffset.UtcNow.AddMinutes(5));
    }

    [Fact]
    public async Task What_does_not_exist_is_missing()
    {
        await using var vault = await NewVaultAsync();
        await PutAsync(vault, "a/b", "hello");
        await ThrowsAsync(ErrorCode.VaultMissing, () => vault.OpenAsync("a/c", 0, Cancel));
        await ThrowsAsync(ErrorCode.VaultMissing, () => vault.OpenAsync("a/c/d", 3, Cancel));
    }

    [Theory]
    [InlineData("")]
    [InlineData("/a")]
    [InlineData("a//b")]
    [InlineData("a/../b")]
    [InlineData("..")]
    [InlineData("a/")]
    [InlineData(".partial/x")]
    public async Task Keys_that_could_leave_the_vault_are_refused(string key)
    {
        await using var vault = await NewVaultAsync();
        await ThrowsAsync(ErrorCode.Internal, () => PutAsync(vault, key, "x"));
        await ThrowsAsync(ErrorCode.Internal, () => vault.OpenAsync(key, 0, Cancel));
    }

    [Fact]
    public async Task Marking_and_retaining_can_be_repeated()
    {
        await using var vault = await NewVaultAsync();
        for (var i = 0; i < 40; i++) await PutAsync(vault, $"a/b/{i}", "x");
        var keys = Enumerable.Range(0, 40).Select(i => $"a/b/{i}").ToList();
        await vault.MarkAsync(keys, ObjectState.Committed, Cancel);
        await vault.MarkAsync(keys, ObjectState.Committed, Cancel);
        Assert.Equal(40, (await ListAsync(vault, "a/b/")).Count);
        await vault.MarkAsync(keys, ObjectState.Expired, Cancel);
        await vault.MarkAsync(keys, ObjectState.Expired, Cancel);
        await vault.MarkAsync(["never/was"], ObjectState.Expired, Cancel);
    }

    [Fact]
    public async Task A_claimed_database_is_busy_until_released()
    {
        await using var vault = await NewVaultAsync();
        string[] bloom = ["prod/daily/bloom", "prod/weekly/bloom"];
        await using (await vault.ClaimAsync(bloom, Cancel))
        {
            var busy = await ThrowsAsync(ErrorCode.VaultBusy, () => vault.ClaimAsync(bloom, Cancel));
            Assert.True(busy.IsTransient);
            await using var other = await vault.ClaimAsync(["prod/daily/bloom2"], Cancel);
            await PutAsync(vault, "prod/daily/bloom/2026/01/x/manifest.json", "{}");
        }

        await using var again = await vault.ClaimAsync(bloom, Cancel);
        Assert.Single(await ListAsync(vault, "prod/"));
    }

    [Fact]
    public async Task A_claim_removes_what_dead_runs_left_and_nothing_else()
    {
        await using var vault = await NewVaultAsync();
        await LeaveUnfinishedAsync("prod/daily/bloom/");
        await LeaveUnfinishedAsync("prod/daily/bloom2/");
        Assert.Equal(2, await UnfinishedAsync());
        await using var claim = await vault.ClaimAsync(["prod/daily/bloom"], Cancel);
        Assert.Equal(1, await UnfinishedAsync());
    }

    protected static async Task<long> PutAsync(IVault vault, string key, string text)
    {
        using var content = new MemoryStream(Encoding.UTF8.GetBytes(text));
        return await vault.PutAsync(key, content, ObjectState.Pending, null, Cancel);
    }

    protected static async Task<string> ReadAsync(IVault vault, string key, long offset = 0)
    {
        using var reader = new StreamReader(await vault.OpenAsync(key, offset, Cancel));
        return await reader.ReadToEndAsync(Cancel);
    }

    protected static async Task<List<VaultObject>> ListAsync(IVault vault, string prefix)
    {
        var found = new List<VaultObject>();
        await foreach (var item in vault.ListAsync(prefix, Cancel)) found.Add(item);
        return found;
    }

    internal static async Task<BackupException> ThrowsAsync(ErrorCode code, Func<Task> action)
    {
        var error = await Assert.ThrowsAsync<BackupException>(action);
        Assert.Equal(code, error.Code);
        Assert.DoesNotContain("hunter2", error.Message + error.NextStep, StringComparison.OrdinalIgnoreCase);
        return error;
    }
}
