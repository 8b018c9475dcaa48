using System.Text.Json;
using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Operations.Watching;
using Backup.Core.Policies;
using Backup.Core.Signals;
using Backup.Tests.Support;

namespace Backup.Core.Tests.Watching;

/// <summary>One trouble is told once, even when it shows in several ways.</summary>
public sealed class MessengerTests : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("backup-messenger-").FullName;
    private readonly HttpCatcher _pager = new();
    private readonly HttpCatcher _heart = new();
    private readonly ManualClock _clock = new(Story.Now);
    private readonly List<string> _notes = [];
    private NoticeChannels _channels = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync()
    {
        var machine = MachineEnvironment.Read() with { Variables = new Dictionary<string, string> { ["PAGER"] = $"{_pager.Address}?routing_key=hunter2hunter2hunter2", ["HEART"] = _heart.Address.ToString() } };
        _channels = NoticeChannels.Open(new NotifyPolicy { PagerDutyVariable = "PAGER", HeartbeatVariable = "HEART" }, machine);
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        _channels.Dispose();
        await _pager.DisposeAsync();
        await _heart.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task A_backup_that_failed_and_then_is_missing_pages_once_and_resolves_once()
    {
        await RunAsync(failed: true);
        await RunAsync(failed: true);
        await WatchAsync(Missed());
        Assert.Equal(["trigger backup.failed"], Told());
        await RunAsync(failed: false);
        await WatchAsync(Safe());
        Assert.Equal(["trigger backup.failed", "resolve backup.failed"], Told());
        // Without a failure that explains it, a missing backup is a trouble of its own.
        await WatchAsync(Missed());
        Assert.Equal(["trigger backup.missed", "trigger backup.old"], Told().Skip(2).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task What_was_open_before_the_run_failed_is_not_called_over_while_it_fails()
    {
        await WatchAsync(Missed());
        await RunAsync(failed: true);
        await WatchAsync(Missed());
        Assert.DoesNotContain(Told(), t => t.StartsWith("resolve", StringComparison.Ordinal));
        await RunAsync(failed: false);
        await WatchAsync(Safe());
        Assert.Equal(["resolve backup.failed", "resolve backup.missed", "resolve backup.old"], Told().Where(t => t.StartsWith("resolve", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task What_is_being_made_up_for_is_not_told_and_not_forgotten()
    {
        await WatchAsync(Missed(), "db");
        Assert.Empty(Told());
        await WatchAsync(Missed());
        Assert.Equal(2, Told().Count);
    }

    [Fact]
    public async Task The_heartbeat_follows_only_a_watch_that_found_nothing_critical_and_told_everybody()
    {
        await WatchAsync(Missed());
        Assert.Empty(_heart.Requests);
        await WatchAsync(Safe());
        Assert.Single(_heart.Requests);
        _pager.Answers.Enqueue(400);
        await RunAsync(failed: true);
        Assert.Contains(_notes, n => n.StartsWith("warning: PagerDuty: backup.failed of db was not delivered", StringComparison.Ordinal));
        Assert.DoesNotContain(_notes, n => n.Contains("hunter2", StringComparison.Ordinal));
    }

    private static WatchReport Safe() => Story.Judge(Story.Daily(10));

    private static WatchReport Missed() => Story.Judge(Story.Daily(10, lastDaysAgo: 2));

    // Another one each time, as after a restart.
    private async Task WatchAsync(WatchReport report, params string[] underWay)
    {
        using var messenger = Messenger();
        await messenger.TellAsync(report, underWay, Cancel);
    }

    private async Task RunAsync(bool failed)
    {
        using var messenger = Messenger();
        await messenger.TellRunAsync("test", "db", FindingCode.BackupFailed, failed ? FindingCode.BackupFailed.On("db", "the backup of db failed: no answer", "Look.") : null, Cancel);
    }

    private Messenger Messenger() => new(_channels, new NoticeStateFile(Path.Combine(_folder, "told.json")), _clock, _notes.Add);

    private List<string> Told() => [.. _pager.Requests.Select(r =>
    {
        using var body = JsonDocument.Parse(r.Body);
        return $"{body.RootElement.GetProperty("event_action").GetString()} {body.RootElement.GetProperty("dedup_key").GetString()!.Split('/')[^1]}";
    })];
}
