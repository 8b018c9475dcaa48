using Backup.Core.Model;
using Backup.Lambda.Hosting;

namespace Backup.Lambda.Events;

/// <summary>Judge everything that the policy protects.</summary>
public sealed record WatchEvent
{
    /// <summary>hourly, daily for all that the first watch of a day does, or expiry. hourly when it is not said.</summary>
    public string? Kind { get; init; }

    /// <summary>Of kind expiry: the manifest that a lifecycle rule has just removed.</summary>
    public string? Key { get; init; }

    /// <summary>The schedule's own time; the present time when it is not said.</summary>
    public string? ScheduledTime { get; init; }
}

public sealed record WatchResult
{
    public const string Safe = "safe";
    public const string AtRisk = "at risk";
    public const string Failed = "failed";

    /// <summary>safe: no finding is critical.</summary>
    public required string Outcome { get; init; }

    /// <summary>What this watch did beside judging.</summary>
    public IReadOnlyList<string>? Did { get; init; }
    public IReadOnlyList<WatchedDatabase>? Databases { get; init; }

    /// <summary>About the vault as a whole.</summary>
    public IReadOnlyList<Finding>? Findings { get; init; }
    public Failure? Error { get; init; }

    public static WatchResult Fail(Failure failure) => new() { Outcome = Failed, Error = failure };
}

public sealed record WatchedDatabase(string Database, bool Safe, double? AgeHours, IReadOnlyList<Finding> Findings);
