using Backup.Core.Model;

namespace Backup.Core.Signals;

public enum NoticeKind
{
    /// <summary>It is new, or has become worse.</summary>
    Opened,

    /// <summary>It has lasted for another day.</summary>
    Reminder,

    /// <summary>It is over.</summary>
    Recovered,
}

/// <summary>What notices are about: one code at one database; every channel tells it once.</summary>
/// <param name="Database">A database, or the vault.</param>
public sealed record NoticeKey(string Environment, string Database, string Code)
{
    /// <summary>Also PagerDuty's dedup key. Never changes for the same trouble.</summary>
    public override string ToString() => $"backup/{Environment}/{Database}/{Code}";

    public static NoticeKey? Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var parts = text.Split('/');
        return parts.Length >= 4 && parts[0] == "backup" ? new NoticeKey(parts[1], string.Join('/', parts[2..^1]), parts[^1]) : null;
    }
}

/// <summary>One message to people. Holds no secret, since findings hold none.</summary>
public sealed record Notice
{
    public required NoticeKind Kind { get; init; }
    public required NoticeKey Key { get; init; }
    public required Severity Severity { get; init; }
    public required string Sentence { get; init; }
    public required string NextStep { get; init; }

    /// <summary>When this channel first told of it.</summary>
    public required DateTimeOffset Since { get; init; }
    public required DateTimeOffset At { get; init; }

    /// <summary>One line for a pager or a subject.</summary>
    public string Headline => Kind switch
    {
        NoticeKind.Recovered => $"RESOLVED {Key.Environment}/{Key.Database}: {Key.Code}",
        NoticeKind.Reminder => $"STILL {Words.Of(Severity).ToUpperInvariant()} {Key.Environment}/{Key.Database}: {Sentence}",
        _ => $"{Words.Of(Severity).ToUpperInvariant()} {Key.Environment}/{Key.Database}: {Sentence}",
    };

    /// <summary>Where the runbook has its heading.</summary>
    public string Runbook => $"docs/runbooks/findings.md, heading {Key.Code}";
}

/// <summary>One way to reach people. Throws <see cref="BackupException"/> (transient or not) without any part of the address when it fails.</summary>
public interface INoticeChannel
{
    /// <summary>Stable: the state remembers it.</summary>
    string Name { get; }

    NoticeRoute Route { get; }

    Task SendAsync(Notice notice, CancellationToken cancel);
}

/// <summary>What one channel was last told about one trouble.</summary>
public sealed record ToldFact(Severity Severity, DateTimeOffset Since, DateTimeOffset LastTold, string Sentence);

/// <summary>Memory between two watches, which may be two processes. Key: channel name, a blank, the notice's key.</summary>
public interface INoticeState
{
    Task<IReadOnlyDictionary<string, ToldFact>> LoadAsync(CancellationToken cancel);

    Task SaveAsync(IReadOnlyDictionary<string, ToldFact> told, CancellationToken cancel);
}
