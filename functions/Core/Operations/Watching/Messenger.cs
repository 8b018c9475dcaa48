using Backup.Core.Model;
using Backup.Core.Signals;

namespace Backup.Core.Operations.Watching;

/// <summary>
/// Tells people what a watch found and how runs end, each trouble once. A backup that failed and then is missing or old is one trouble: while the failure is open for a
/// database, nobody is told of its consequences.
/// </summary>
/// <param name="note">One line per notice that was sent or could not be.</param>
public sealed class Messenger(NoticeChannels channels, INoticeState state, TimeProvider clock, Action<string> note) : IDisposable
{
    private static readonly FindingCode[] _consequences = [FindingCode.BackupMissed, FindingCode.BackupOld, FindingCode.BackupNone];

    private readonly NoticeDesk _desk = new(channels.All, state, clock);
    private readonly SemaphoreSlim _one = new(1);

    /// <summary>What a watch found. The heartbeat follows only when nothing is critical and everybody could be told: silence is an alarm too.</summary>
    /// <param name="underWay">Databases of which a missing backup is being made right now: how that ends will be told.</param>
    public async Task TellAsync(WatchReport report, IReadOnlyCollection<string> underWay, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(report);
        await _one.WaitAsync(cancel);
        try
        {
            var scope = WatchSignals.Notices(report);
            var failing = await FailingAsync(report.Environment, cancel);
            var apart = scope.Findings.ToLookup(f => failing.Contains(f.Key) || underWay.Contains(f.Key));
            var delivered = await UpdateAsync(scope with { Findings = apart[false].ToDictionary() }, cancel);
            delivered &= await UpdateAsync(scope with
            {
                Findings = apart[true].ToDictionary(f => f.Key, f => (IReadOnlyList<Finding>)[.. f.Value.Where(x => !_consequences.Any(c => c.Name == x.Code))]),
                Unjudged = [.. scope.Unjudged, .. _consequences.Select(c => c.Name)],
            }, cancel);
            if (report.Safe && delivered && await channels.BeatAsync(cancel) is { } problem) note($"warning: {problem}");
        }
        finally
        {
            _one.Release();
        }
    }

    /// <summary>How a run on one database ended: it failed, or what was open is over.</summary>
    public async Task TellRunAsync(string environment, string database, FindingCode code, Finding? failure, CancellationToken cancel)
    {
        await _one.WaitAsync(cancel);
        try
        {
            await UpdateAsync(new NoticeScope
            {
                Environment = environment,
                Findings = new Dictionary<string, IReadOnlyList<Finding>> { [database] = failure is null ? [] : [failure] },
                Group = FindingGroup.Run,
                Unjudged = [.. FindingCode.All.Where(c => c.Group == FindingGroup.Run && c != code).Select(c => c.Name)],
            }, cancel);
        }
        finally
        {
            _one.Release();
        }
    }

    public void Dispose() => _one.Dispose();

    private async Task<HashSet<string>> FailingAsync(string environment, CancellationToken cancel) =>
        [.. (await state.LoadAsync(cancel)).Keys.Select(k => NoticeKey.Parse(k[(k.IndexOf(' ', StringComparison.Ordinal) + 1)..]))
            .Where(k => k is not null && k.Environment == environment && k.Code == FindingCode.BackupFailed.Name).Select(k => k!.Database)];

    private async Task<bool> UpdateAsync(NoticeScope scope, CancellationToken cancel)
    {
        var outcome = await _desk.UpdateAsync(scope, cancel);
        foreach (var (channel, notice) in outcome.Sent) note($"told {channel}: {notice.Headline}");
        foreach (var failure in outcome.Failures) note($"warning: {failure}; the next watch tries again");
        return outcome.Failures.Count == 0;
    }
}
