using Backup.Core.Catalog;
using Backup.Core.Model;
using Backup.Core.Operations.Watching;
using Backup.Core.Tests.Watching;
using Backup.Tests.Support;

namespace Backup.Core.Tests.Increments;

/// <summary>What the watch sees of a chain that a restore would have to follow.</summary>
[Collection(IncrementScene.Collection)]
public sealed class WatchedChainTests(PostgresFixture postgres)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_hole_far_back_in_the_chain_of_the_newest_backup_is_named_until_a_new_chain_begins()
    {
        await using var scene = await IncrementScene.CreateAsync(postgres, "CREATE TABLE t (id int PRIMARY KEY)", ["public.t"]);
        scene.Lab.Clock.Now = DateTimeOffset.UtcNow; // the server's clock is real
        await scene.BackupAsync();
        var chain = new List<Manifest>();
        for (var i = 0; i < 6; i++)
        {
            await scene.SqlAsync($"INSERT INTO t VALUES ({i})");
            chain.Add(await scene.CommittedAsync());
        }

        Assert.False((await WatchAsync(scene)).Has(FindingCode.IncrementBroken));
        var prefix = VaultKeys.BackupPrefix("test", Tier.Incremental, Id(chain[1]));
        Directory.Delete(Path.Combine(scene.Lab.VaultFolder, prefix), recursive: true);
        var report = await WatchAsync(scene);
        Assert.Equal($"the increment {chain[1].Id} is missing, and {chain[2].Id} continues it: changes of public.t between them are in neither", report.The(FindingCode.IncrementBroken).Sentence);
        Assert.False(report.Safe);

        // Too long a chain is neither judged nor called whole.
        var capped = await WatchAsync(scene, longest: 4);
        Assert.False(capped.Has(FindingCode.IncrementBroken));
        Assert.Contains(FindingCode.IncrementBroken.Name, capped.Unjudged);
        Assert.DoesNotContain(FindingCode.IncrementBroken.Name, report.Unjudged);

        await scene.BackupAsync();
        await scene.SqlAsync("INSERT INTO t VALUES (100)");
        await scene.CommittedAsync();
        Assert.False((await WatchAsync(scene)).Has(FindingCode.IncrementBroken));
    }

    [Fact]
    public async Task An_increment_that_lost_an_object_breaks_the_chain_as_one_that_is_missing()
    {
        await using var scene = await IncrementScene.CreateAsync(postgres, "CREATE TABLE t (id int PRIMARY KEY)", ["public.t"]);
        scene.Lab.Clock.Now = DateTimeOffset.UtcNow;
        await scene.BackupAsync();
        var chain = new List<Manifest>();
        for (var i = 0; i < 5; i++)
        {
            await scene.SqlAsync($"INSERT INTO t VALUES ({i})");
            chain.Add(await scene.CommittedAsync());
        }

        File.Delete(Path.Combine(scene.Lab.VaultFolder, chain[0].Artifacts[0].Key));
        var report = await WatchAsync(scene);
        Assert.StartsWith($"the increment {chain[0].Id} is missing", report.The(FindingCode.IncrementBroken).Sentence, StringComparison.Ordinal);
        Assert.Contains(chain[0].Id, report.The(FindingCode.BackupIncomplete).Sentence, StringComparison.Ordinal);
    }

    private static BackupId Id(Manifest manifest) => BackupId.TryParse(manifest.Id, out var id) ? id : throw new InvalidOperationException(manifest.Id);

    private static Task<WatchReport> WatchAsync(IncrementScene scene, int longest = 500) => new Watch(scene.Lab.Clock).ExecuteAsync(new WatchRequest
    {
        Policy = Story.Policy(d => d with { Schedule = null, CriticalTables = scene.Tables }),
        Vault = scene.Lab.Vault,
        LongestChain = longest,
    }, Cancel);
}
