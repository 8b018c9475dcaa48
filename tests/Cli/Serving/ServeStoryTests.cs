using System.Text.Json;
using Backup.Cli.Serving;
using Backup.Core.Catalog;
using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Operations.Serving;
using Backup.Core.Operations.Watching;
using Backup.Core.Policies;
using Backup.Core.Postgres;
using Backup.Core.Signals;
using Backup.Core.Storage;
using Backup.Tests.Support;

namespace Backup.Cli.Tests.Serving;

/// <summary>
/// The whole story on real PostgreSQL: two databases, a folder, a pager and a channel. Time is real, but led from minute to minute; the clock runs ahead of the server's,
/// never behind it.
/// </summary>
public sealed class ServeStoryTests(PostgresFixture postgres) : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("backup-story-").FullName;
    private readonly HttpCatcher _pager = new();
    private readonly HttpCatcher _slack = new();
    private readonly List<string> _log = [];
    private TestDatabase _bloom = null!;
    private TestDatabase _shop = null!;
    private DateTimeOffset _minute;
    private ShiftedClock _clock = null!;
    private MachineEnvironment _machine = null!;
    private FolderVault _vault = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        (_bloom, _shop) = (await postgres.CreateDatabaseAsync("story_bloom"), await postgres.CreateDatabaseAsync("story_shop"));
        foreach (var database in (TestDatabase[])[_bloom, _shop])
            await Database.SqlAsync(database.Url, "CREATE TABLE users AS SELECT g AS id FROM generate_series(1, 500) g; CREATE TABLE orders AS SELECT g AS id FROM generate_series(1, 1000) g");
        var now = TimeProvider.System.GetUtcNow();
        _minute = new DateTimeOffset(now.Year, now.Month, now.Day, now.Hour, now.Minute, 0, TimeSpan.Zero).AddMinutes(2);
        _clock = new ShiftedClock(_minute.AddSeconds(1));
        _machine = postgres.Machine with
        {
            WorkingFolder = _folder,
            Variables = new Dictionary<string, string>(postgres.Machine.Variables)
            {
                ["BLOOM"] = _bloom.Url,
                ["SHOP"] = _shop.Url,
                ["PAGER"] = $"{_pager.Address}?routing_key=hunter2hunter2hunter2",
                ["SLACK"] = new Uri(_slack.Address, "hunter2").ToString(),
            },
        };
        _vault = new FolderVault(Directory.CreateDirectory(Path.Combine(_folder, "vault")).FullName, _clock);
        await PolicyAsync("* * * * *");
    }

    public async ValueTask DisposeAsync()
    {
        await _vault.DisposeAsync();
        await _pager.DisposeAsync();
        await _slack.DisposeAsync();
        await _bloom.DisposeAsync();
        await _shop.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Backups_appear_a_failure_pages_once_a_table_that_shrinks_is_named_and_what_stops_is_noticed_from_outside()
    {
        await using (var host = await ServeAsync())
        {
            // The minute that has begun is made up for, the next ones come by the clock.
            for (var i = 1; i <= 4; i++)
            {
                await UntilAsync($"{i} backups of each", async () => await CountAsync("bloom") >= i && await CountAsync("shop") >= i);
                NextMinute();
            }

            Assert.Empty(_pager.Requests);
            Assert.Contains((await IdsAsync("bloom")).First(), $"bloom_{BackupId.FormatTime(_minute)}", StringComparison.Ordinal);

            await Database.SqlAsync(_bloom.Url, "DELETE FROM orders WHERE id <= 500");
            NextMinute();
            await UntilAsync("the table that lost half of its rows is named", () => Told(_slack, "public.orders has 500 rows instead of 1,000 (-50 %)"));
            Assert.Contains("public.orders has 500 rows instead of 1,000", await PageAsync(host), StringComparison.Ordinal);

            await AllowAsync(_shop, false);
            for (var i = 1; i <= 2; i++)
            {
                NextMinute();
                await UntilAsync($"{i} runs of shop have failed", () => host.Service.Status().Counts.Any(c => c is { Kind: WorkKind.Backup, Database: "shop" } && c.Failed >= i));
            }

            await UntilAsync("somebody is paged", () => !_pager.Requests.IsEmpty);
            await UntilAsync("a watch has looked since", () => LooksAsync(host, 2));
            Assert.Equal(["trigger backup/test/shop/backup.failed"], Pages());
            Assert.Contains("backup failed", await PageAsync(host), StringComparison.Ordinal);
            Assert.Contains("backup_last_work_success{environment=\"test\",database=\"shop\",work=\"backup\"} 0", await PageAsync(host, "metrics"), StringComparison.Ordinal);

            await AllowAsync(_shop, true);
            NextMinute();
            await UntilAsync("the page is resolved", () => Pages().Contains("resolve backup/test/shop/backup.failed"));
            Assert.Equal(2, Pages().Count);
            await host.StopAsync(TimeSpan.FromMinutes(1), Cancel);
        }

        // Nobody runs the schedule any more: the watch of another process, with a memory of its own, notices.
        _clock.JumpTo(_clock.GetUtcNow().AddMinutes(45));
        var (exit, output) = await WatchAsync();
        Assert.Equal(4, exit);
        Assert.Matches(@"AT RISK  shop: .*\n", output);
        Assert.Matches(@"critical \[backup\.missed\] no backup for \d+ scheduled times: shop_", output);
        Assert.Contains("trigger backup/test/shop/backup.missed", Pages());
        Assert.Contains("trigger backup/test/bloom/backup.missed", Pages());

        // It is scheduled again, once a day from this minute on, which has already begun.
        await PolicyAsync($"{_clock.GetUtcNow():m' 'H} * * *");
        await using (var host = await ServeAsync())
        {
            var before = (await CountAsync("bloom"), await CountAsync("shop"));
            await UntilAsync("what was missed is made up", async () => await CountAsync("bloom") > before.Item1 && await CountAsync("shop") > before.Item2);
            await host.StopAsync(TimeSpan.FromMinutes(1), Cancel);
        }

        await WatchAsync();
        Assert.Equal(6, Pages().Count);
        foreach (var database in (string[])["bloom", "shop"]) Assert.Single(Pages(), p => p == $"resolve backup/test/{database}/backup.missed");
        lock (_log) Assert.DoesNotContain(_log, l => l.Contains("internal", StringComparison.Ordinal) || l.Contains("hunter2", StringComparison.Ordinal));
    }

    private Task PolicyAsync(string schedule) => File.WriteAllTextAsync(Path.Combine(_folder, "policy.yaml"), $$"""
        project: story
        environment: test
        vault: vault
        databases:
          - { name: bloom, url: "${BLOOM}", schedule: "{{schedule}}" }
          - { name: shop, url: "${SHOP}", schedule: "{{schedule}}" }
        watch: { maxAge: 26h }
        notify: { pagerDuty: "${PAGER}", slack: "${SLACK}" }

        """, Cancel);

    private async Task<ServeHost> ServeAsync()
    {
        var policy = PolicyReader.ReadFileOrThrow(Path.Combine(_folder, "policy.yaml"));
        var channels = NoticeChannels.Open(policy.Notify, _machine);
        void Note(string line)
        {
            lock (_log) _log.Add(line);
        }

        return await ServeHost.StartAsync(new ServiceSettings
        {
            Policy = policy,
            Vault = _vault,
            Sources = policy.Databases.ToDictionary(d => d.Name, d => ConnectionText.Parse(_machine[d.UrlVariable!]!, d.Name, _machine.UserName)),
            Messenger = new Messenger(channels, new NoticeStateFile(Path.Combine(_folder, "told.json")), _clock, Note),
        }, ListenAddress.Parse("127.0.0.1:0", false, []), null, _machine, _clock, Note, Cancel);
    }

    private async Task<(int Exit, string Output)> WatchAsync()
    {
        await using var output = new StringWriter();
        await using var error = new StringWriter();
        var exit = await Program.RunAsync(["watch", "--policy", "policy.yaml", "--notify", "elsewhere.json"], () => _machine, _clock, output, error);
        return (exit, output.ToString());
    }

    private void NextMinute()
    {
        var now = _clock.GetUtcNow();
        _clock.JumpTo(new DateTimeOffset(now.Year, now.Month, now.Day, now.Hour, now.Minute, 0, TimeSpan.Zero).AddMinutes(1));
    }

    private async Task<IReadOnlyList<string>> IdsAsync(string database) => [.. (await new BackupCatalog(_vault).ListAsync("test", database, Cancel)).Select(e => e.Id.ToString())];

    private async Task<int> CountAsync(string database) => (await IdsAsync(database)).Count;

    /// <summary>So many watches have ended after this moment.</summary>
    private async Task<bool> LooksAsync(ServeHost host, int count)
    {
        var since = _clock.GetUtcNow();
        for (var i = 0; i < count; i++)
        {
            host.Service.Ask(new Work(WorkKind.Watch));
            while (!host.Service.Status().Records.Any(r => r.Work.Kind == WorkKind.Watch && r.StartedAt >= since)) await Task.Delay(50, Cancel);
            since = _clock.GetUtcNow();
        }

        return true;
    }

    private static async Task AllowAsync(TestDatabase database, bool allow)
    {
        var admin = database.Url.Replace($"/{database.Name}", "/postgres", StringComparison.Ordinal);
        await Database.SqlAsync(admin, $"ALTER DATABASE {Database.Quoted(database.Name)} ALLOW_CONNECTIONS {allow}");
    }

    private static async Task<string> PageAsync(ServeHost host, string path = "")
    {
        using var http = new HttpClient();
        return await http.GetStringAsync(new Uri(host.Address, path), Cancel);
    }

    private List<string> Pages() => [.. _pager.Requests.Select(r =>
    {
        using var body = JsonDocument.Parse(r.Body);
        return $"{body.RootElement.GetProperty("event_action").GetString()} {body.RootElement.GetProperty("dedup_key").GetString()}";
    })];

    private static bool Told(HttpCatcher channel, string text) => channel.Requests.Any(r =>
    {
        using var body = JsonDocument.Parse(r.Body);
        return body.RootElement.GetProperty("text").GetString()!.Contains(text, StringComparison.Ordinal);
    });

    private Task UntilAsync(string what, Func<bool> isSo) => UntilAsync(what, () => Task.FromResult(isSo()));

    private async Task UntilAsync(string what, Func<Task<bool>> isSo)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        while (!await isSo())
        {
            if (limit.IsCancellationRequested)
                lock (_log) Assert.Fail($"waited in vain until {what}; pages: {string.Join(", ", Pages())}; log:\n{string.Join('\n', _log)}");
            await Task.Delay(100, Cancel);
        }
    }
}
