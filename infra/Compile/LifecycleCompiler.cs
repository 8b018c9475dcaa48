using Backup.Core.Model;
using Backup.Core.Policies;

namespace Backup.Infra.Compile;

/// <summary>One lifecycle rule as S3 knows it. What is null is not in the rule.</summary>
public sealed record LifecycleRule
{
    public required string Id { get; init; }
    public string Prefix { get; init; } = "";

    /// <summary>Value of the tag <c>backup</c> that an object must have.</summary>
    public string? State { get; init; }
    public int? ExpireDays { get; init; }
    public int? NoncurrentDays { get; init; }
    public bool RemoveMarkers { get; init; }
    public int? AbortUploadDays { get; init; }
    public IReadOnlyList<(int Days, string Class)> Transitions { get; init; } = [];
}

/// <summary>
/// Retention and storage of a policy as the bucket's lifecycle. Nothing expires without a tag that only the pruner (expired) or a dead run (pending) leaves,
/// and an expired backup not before the age of its tier, whatever its tag says.
/// </summary>
public static class LifecycleCompiler
{
    /// <summary>How long what has expired can be brought back, as a noncurrent version.</summary>
    public const int UndoDays = 14;
    public const int PendingDays = 8;
    public const int UploadDays = 3;
    public const string StateTag = "backup";

    private static readonly (string Class, Func<StorageClasses, int?> Age)[] _classes =
        [("STANDARD_IA", s => s.Ia), ("GLACIER_IR", s => s.Instant), ("GLACIER", s => s.Glacier), ("DEEP_ARCHIVE", s => s.DeepArchive)];

    /// <summary>Independent of the number of databases: about three rules per tier at most.</summary>
    public static IReadOnlyList<LifecycleRule> Rules(Policy policy)
    {
        ArgumentNullException.ThrowIfNull(policy);
        var rules = new List<LifecycleRule>();
        foreach (var tier in Enum.GetValues<Tier>())
        {
            var prefix = TierPrefix(policy.Environment, tier);
            if (policy.Retention?.Keep.GetValueOrDefault(tier) is { } span)
            {
                rules.Add(new LifecycleRule
                {
                    Id = $"expire-{Words.Of(tier)}",
                    Prefix = prefix,
                    State = "expired",
                    ExpireDays = span.ShortestDays,
                    NoncurrentDays = UndoDays,
                });
            }

            if (policy.Storage.GetValueOrDefault(tier) is { } storage && Transitions(storage) is { Count: > 0 } transitions)
                rules.Add(new LifecycleRule { Id = $"class-{Words.Of(tier)}", Prefix = prefix, Transitions = transitions });
        }

        return [.. rules, .. Housekeeping()];
    }

    /// <summary>
    /// Of a copy. Whoever has taken the main account can replicate any tag, "pending" too: so there what a dead run left stays as long as its tier, and no tag ends
    /// anything before that.
    /// </summary>
    public static IReadOnlyList<LifecycleRule> CopyRules(Policy policy)
    {
        var rules = Rules(policy).Where(r => r.State != "pending").ToList();
        return [.. rules, .. rules.Where(r => r.State == "expired").Select(r => r with { Id = r.Id.Replace("expire-", "orphans-", StringComparison.Ordinal), State = "pending" })];
    }

    private static IReadOnlyList<LifecycleRule> Housekeeping() =>
    [
        new() { Id = "orphans", State = "pending", ExpireDays = PendingDays, NoncurrentDays = 1 },
        new() { Id = "markers", RemoveMarkers = true },
        new() { Id = "uploads", AbortUploadDays = UploadDays },
    ];

    public static string TierPrefix(string environment, Tier tier) => $"{VaultKeys.Escape(environment)}/{Words.Of(tier)}/";

    /// <summary>The most days that a span can be, whatever day it starts on: how far away a lock's end may be.</summary>
    public static int LongestDays(CalendarSpan span)
    {
        ArgumentNullException.ThrowIfNull(span);
        var start = new DateTimeOffset(2024, 1, 1, 0, 0, 0, TimeSpan.Zero);
        return Enumerable.Range(0, 1461).Select(n => start.AddDays(n)).Max(day => (int)(span.AddTo(day) - day).TotalDays);
    }

    private static List<(int, string)> Transitions(StorageClasses storage) =>
        [.. _classes.Where(c => c.Age(storage) is not null).Select(c => (c.Age(storage)!.Value, c.Class))];
}
