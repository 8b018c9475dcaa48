using Backup.Core.Model;
using Backup.Core.Signals;
using Backup.Tests.Support;

namespace Backup.Core.Tests.Signals;

public sealed class NoticeDeskTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("backup-notices-").FullName;
    private readonly ManualClock _clock = new(new DateTimeOffset(2026, 3, 20, 12, 0, 0, TimeSpan.Zero));
    private readonly Recorder _pager = new("PagerDuty", NoticeRoute.Page);
    private readonly Recorder _mail = new("e-mail", NoticeRoute.Mail);
    private readonly Recorder _chat = new("Slack", NoticeRoute.Chat);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task One_notice_per_change_a_reminder_each_day_and_one_when_it_is_over()
    {
        var missed = FindingCode.BackupMissed.On("db", "no backup for db_1", "Look.");
        await WatchAsync(missed);
        await WatchAsync(missed);
        _clock.Advance(TimeSpan.FromHours(23));
        await WatchAsync(FindingCode.BackupMissed.On("db", "no backup for db_1, db_2", "Look.")); // grows, and is the same trouble
        Assert.Equal([NoticeKind.Opened], _pager.Kinds);
        _clock.Advance(TimeSpan.FromHours(1));
        await WatchAsync(missed);
        await WatchAsync();
        await WatchAsync();
        Assert.Equal([NoticeKind.Opened, NoticeKind.Reminder, NoticeKind.Recovered], _pager.Kinds);
        Assert.Single(_pager.Told.Select(n => n.Key).Distinct());
        Assert.All(_pager.Told, n => Assert.Equal(new DateTimeOffset(2026, 3, 20, 12, 0, 0, TimeSpan.Zero), n.Since));
        await WatchAsync(missed);
        Assert.Equal(4, _pager.Told.Count); // a new trouble
        Assert.Empty(_mail.Told);
        Assert.Empty(_chat.Told);
    }

    [Fact]
    public async Task Failed_and_missing_backups_page_sizes_mail_and_sync_goes_to_the_channel()
    {
        await WatchAsync(FindingCode.BackupOld.On("db", "old", "."), FindingCode.SizeDeviation.On("db", "big", "."), FindingCode.TableShrunk.On("db", "less", "."),
            FindingCode.CopyBehind.On("db", "behind", "."), FindingCode.DrillOverdue.On("db", "due", "."), FindingCode.SizeLearning.On("db", "learning", "."));
        Assert.Equal(["backup.old"], _pager.Codes);
        Assert.Equal(["size.deviation", "table.shrunk"], _mail.Codes);
        Assert.Equal(["copy.behind", "drill.overdue"], _chat.Codes);
    }

    [Fact]
    public void Whatever_is_set_up_nothing_that_needs_somebody_is_told_to_nobody_and_no_warning_wakes_anybody()
    {
        INoticeChannel[][] setups = [[_pager], [_mail], [_chat], [_mail, _chat], [_pager, _mail], [_pager, _chat], [_pager, _mail, _chat]];
        foreach (var code in FindingCode.All.Where(c => c.Route != NoticeRoute.None))
        {
            foreach (var setup in setups)
            {
                var told = NoticeRoutes.For(code.On("db", "x", "y", Severity.Critical), setup);
                Assert.True(told.Count > 0 || (code.Route == NoticeRoute.Chat && setup is [var only] && only == _pager), code.Name);
                Assert.DoesNotContain(_pager, NoticeRoutes.For(code.On("db", "x", "y", Severity.Warning), setup));
                Assert.Empty(NoticeRoutes.For(code.On("db", "x", "y", Severity.Info), setup));
            }
        }

        Assert.Equal([_mail, _chat], NoticeRoutes.For(FindingCode.BackupMissed.On("db", "x", "y"), [_mail, _chat])); // AutoRenta: Slack and e-mail
    }

    [Fact]
    public async Task What_becomes_worse_is_told_again_and_what_becomes_a_warning_stops_paging()
    {
        await WatchAsync(FindingCode.IncrementLate.On("db", "late", ".", Severity.Warning));
        await WatchAsync(FindingCode.IncrementLate.On("db", "very late", "."));
        Assert.Equal([NoticeKind.Opened], _pager.Kinds);
        await WatchAsync(FindingCode.IncrementLate.On("db", "late", ".", Severity.Warning));
        Assert.Equal([NoticeKind.Opened, NoticeKind.Recovered], _pager.Kinds);
        await WatchAsync(FindingCode.SizeDeviation.On("db", "25 %", "."));
        await WatchAsync(FindingCode.SizeDeviation.On("db", "70 %", ".", Severity.Critical));
        Assert.Equal([NoticeKind.Opened, NoticeKind.Opened], _mail.Kinds);
    }

    [Fact]
    public async Task A_channel_that_is_down_fails_nothing_and_is_told_later_and_the_others_hear_it_once()
    {
        var old = FindingCode.BackupOld.On("db", "old", ".");
        INoticeChannel[] two = [_mail, _chat];
        _mail.Down = true;
        var outcome = await WatchAsync(two, old);
        Assert.Equal(["e-mail: backup.old of db was not delivered: it is down"], outcome.Failures);
        _mail.Down = false;
        Assert.Empty((await WatchAsync(two, old)).Failures);
        Assert.Equal([NoticeKind.Opened], _mail.Kinds);
        Assert.Equal([NoticeKind.Opened], _chat.Kinds);
        _chat.Down = true;
        await WatchAsync(two);
        _chat.Down = false;
        await WatchAsync(two);
        Assert.Equal([NoticeKind.Opened, NoticeKind.Recovered], _mail.Kinds);
        Assert.Equal([NoticeKind.Opened, NoticeKind.Recovered], _chat.Kinds);
    }

    [Fact]
    public async Task What_was_not_looked_at_is_not_over()
    {
        await WatchAsync(FindingCode.BackupOld.On("db", "old", "."), FindingCode.ObjectHidden.On("db", "hidden", "."));
        Assert.Equal(2, _pager.Told.Count);
        var other = Scope() with { Findings = new Dictionary<string, IReadOnlyList<Finding>> { ["other"] = [] } };
        foreach (var scope in (NoticeScope[])[other, other with { Environment = "staging" }, Scope() with { Group = FindingGroup.Run }, Scope() with { Unjudged = ["backup.old", "object.hidden"] }])
            Assert.Empty((await Desk().UpdateAsync(scope, Cancel)).Sent);
        Assert.Equal(["backup.old"], (await Desk().UpdateAsync(Scope() with { Unjudged = ["object.hidden"] }, Cancel)).Sent.Select(s => s.Notice.Key.Code));
    }

    [Fact]
    public async Task A_damaged_memory_tells_again_rather_than_never()
    {
        var old = FindingCode.BackupOld.On("db", "old", ".");
        await WatchAsync(old);
        await File.WriteAllTextAsync(Path.Combine(_folder, "state.json"), "{\"half", Cancel);
        await WatchAsync(old);
        await WatchAsync(old);
        Assert.Equal(2, _pager.Told.Count);
        Assert.Single(Directory.GetFiles(_folder)); // no temporary file stays
    }

    [Fact]
    public async Task A_memory_that_cannot_be_kept_leaves_no_file_behind()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "state.json", "taken"));
        var failure = await Assert.ThrowsAsync<BackupException>(() => new NoticeStateFile(Path.Combine(_folder, "state.json")).SaveAsync(new Dictionary<string, ToldFact>(), Cancel));
        Assert.Equal(ErrorCode.UsageWrong, failure.Code);
        Assert.Empty(Directory.GetFiles(_folder));
    }

    private static NoticeScope Scope(params Finding[] findings) =>
        new() { Environment = "production", Findings = new Dictionary<string, IReadOnlyList<Finding>> { ["db"] = findings } };

    // A new desk each time, as a new process would have.
    private NoticeDesk Desk(INoticeChannel[]? channels = null) => new(channels ?? [_pager, _mail, _chat], new NoticeStateFile(Path.Combine(_folder, "state.json")), _clock);

    private Task<NoticeOutcome> WatchAsync(params Finding[] findings) => Desk().UpdateAsync(Scope(findings), Cancel);

    private Task<NoticeOutcome> WatchAsync(INoticeChannel[] channels, params Finding[] findings) => Desk(channels).UpdateAsync(Scope(findings), Cancel);

    private sealed class Recorder(string name, NoticeRoute route) : INoticeChannel
    {
        public string Name => name;
        public NoticeRoute Route => route;
        public bool Down { get; set; }
        public List<Notice> Told { get; } = [];
        public IEnumerable<NoticeKind> Kinds => Told.Select(n => n.Kind);
        public IEnumerable<string> Codes => Told.Select(n => n.Key.Code).Order(StringComparer.Ordinal);

        public Task SendAsync(Notice notice, CancellationToken cancel)
        {
            if (Down) throw new BackupException(ErrorCode.NoticeFailed, "it is down", "Wait.");
            Told.Add(notice);
            return Task.CompletedTask;
        }
    }
}
