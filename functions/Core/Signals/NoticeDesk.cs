using Backup.Core.Model;

namespace Backup.Core.Signals;

/// <summary>What is wrong now, and how far the look went: what is in scope and not named here is over.</summary>
public sealed record NoticeScope
{
    public required string Environment { get; init; }

    /// <summary>Databases (and vaults) that were judged, each with what is wrong.</summary>
    public required IReadOnlyDictionary<string, IReadOnlyList<Finding>> Findings { get; init; }

    /// <summary>Codes of other groups are left alone: the watch does not resolve what a run has reported.</summary>
    public FindingGroup Group { get; init; } = FindingGroup.Watch;

    /// <summary>Codes of the group that could not be judged this time: their absence is no recovery.</summary>
    public IReadOnlyList<string> Unjudged { get; init; } = [];
}

/// <summary>What one update did.</summary>
/// <param name="Failures">One sentence per notice that could not be delivered; the next update tries again.</param>
public sealed record NoticeOutcome(IReadOnlyList<(string Channel, Notice Notice)> Sent, IReadOnlyList<string> Failures);

/// <summary>
/// Tells each channel once per change, once a day while it lasts, and when it is over. Every channel has its own memory: one that is down is told
/// later, without repeating anything to the others.
/// </summary>
public sealed class NoticeDesk(IReadOnlyList<INoticeChannel> channels, INoticeState state, TimeProvider clock)
{
    public static TimeSpan RemindEvery { get; } = TimeSpan.FromHours(24);

    public async Task<NoticeOutcome> UpdateAsync(NoticeScope scope, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(scope);
        var now = clock.GetUtcNow();
        var told = new Dictionary<string, ToldFact>(await state.LoadAsync(cancel), StringComparer.Ordinal);
        var (sent, failures) = (new List<(string, Notice)>(), new List<string>());
        foreach (var (channel, notice) in Due(scope, told, now))
        {
            try
            {
                await channel.SendAsync(notice, cancel);
            }
            catch (BackupException e)
            {
                failures.Add($"{channel.Name}: {notice.Key.Code} of {notice.Key.Database} was not delivered: {e.Message}");
                continue;
            }

            sent.Add((channel.Name, notice));
            if (notice.Kind == NoticeKind.Recovered) told.Remove(Memory(channel, notice.Key));
            else told[Memory(channel, notice.Key)] = new ToldFact(notice.Severity, notice.Since, now, notice.Sentence);
            await state.SaveAsync(told, cancel); // after each: a process that is killed here repeats at most one
        }

        return new NoticeOutcome(sent, failures);
    }

    private List<(INoticeChannel Channel, Notice Notice)> Due(NoticeScope scope, Dictionary<string, ToldFact> told, DateTimeOffset now)
    {
        var due = new List<(INoticeChannel, Notice)>();
        var current = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (database, findings) in scope.Findings)
        {
            foreach (var worst in findings.GroupBy(f => f.Code).Select(g => g.MaxBy(f => f.Severity)!))
            {
                var key = new NoticeKey(scope.Environment, database, worst.Code);
                foreach (var channel in NoticeRoutes.For(worst, channels))
                {
                    current.Add(Memory(channel, key));
                    var known = told.GetValueOrDefault(Memory(channel, key));
                    NoticeKind? kind = known is null || worst.Severity > known.Severity ? NoticeKind.Opened
                        : now - known.LastTold >= RemindEvery ? NoticeKind.Reminder : null;
                    if (kind is { } k) due.Add((channel, Make(k, key, worst, known?.Since ?? now, now)));
                }
            }
        }

        foreach (var (memory, fact) in told.Where(t => !current.Contains(t.Key)).ToList())
        {
            var channel = channels.FirstOrDefault(c => memory.StartsWith(c.Name + " ", StringComparison.Ordinal));
            if (channel is null || NoticeKey.Parse(memory[(channel.Name.Length + 1)..]) is not { } key) continue;
            if (key.Environment != scope.Environment || !scope.Findings.TryGetValue(key.Database, out var findings)) continue;
            if (scope.Unjudged.Contains(key.Code) || (FindingCode.Find(key.Code) is { } code && code.Group != scope.Group)) continue;
            // Milder, and somebody else's now: for this channel it is over all the same.
            var milder = findings.Any(f => f.Code == key.Code && f.Severity != Severity.Info) ? " as far as you need to act" : "";
            due.Add((channel, new Notice
            {
                Kind = NoticeKind.Recovered,
                Key = key,
                Severity = fact.Severity,
                Sentence = $"over{milder}: {fact.Sentence}",
                NextStep = "Nothing to do.",
                Since = fact.Since,
                At = now,
            }));
        }

        return due;
    }

    private static Notice Make(NoticeKind kind, NoticeKey key, Finding finding, DateTimeOffset since, DateTimeOffset now) => new()
    {
        Kind = kind,
        Key = key,
        Severity = finding.Severity,
        Sentence = finding.Sentence,
        NextStep = finding.NextStep,
        Since = since,
        At = now,
    };

    private static string Memory(INoticeChannel channel, NoticeKey key) => $"{channel.Name} {key}";
}
