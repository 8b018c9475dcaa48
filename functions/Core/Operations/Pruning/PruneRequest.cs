using Backup.Core.Model;
using Backup.Core.Policies;
using Backup.Core.Retention;
using Backup.Core.Storage;

namespace Backup.Core.Operations.Pruning;

/// <summary>One database of one vault.</summary>
public sealed record PruneRequest
{
    public required IVault Vault { get; init; }
    public required string Environment { get; init; }
    public required string Database { get; init; }
    public required PruneRules Rules { get; init; }

    /// <summary>True: say what would happen, change nothing.</summary>
    public bool DryRun { get; init; }

    /// <summary>One per database that the policy names; a database that it no longer names is left alone.</summary>
    /// <exception cref="BackupException">policy.invalid without retention; usage for a name that the policy does not have.</exception>
    public static IReadOnlyList<PruneRequest> Of(Policy policy, string? database, IVault vault, bool dryRun)
    {
        var retention = policy.Retention ?? throw new BackupException(ErrorCode.PolicyInvalid,
            $"the policy of {policy.Environment} names no retention, so nothing may expire", $"Add for example: {RetentionPolicy.Standard}");
        var chosen = policy.Databases.Where(d => database is null || d.Name == database).ToList();
        if (chosen.Count == 0)
            throw new BackupException(ErrorCode.UsageWrong, $"the policy has no database {database}", $"It has {string.Join(", ", policy.Databases.Select(d => d.Name))}.");
        var drill = policy.Drill is null ? null : Schedule.Parse(policy.Drill.Schedule);
        return
        [
            .. chosen.Select(d => new PruneRequest
            {
                Vault = vault,
                Environment = policy.Environment,
                Database = d.Name,
                Rules = new PruneRules(retention, d.Schedule is null ? null : Schedule.Parse(d.Schedule), drill),
                DryRun = dryRun,
            }),
        ];
    }
}

/// <summary>What was, or with a dry run would be, done to one database.</summary>
public sealed record PruneReport
{
    public required string Database { get; init; }
    public required bool DryRun { get; init; }

    /// <summary>Why nothing at all expires, or absent.</summary>
    public string? Stopped { get; init; }

    /// <summary>Newest first.</summary>
    public required IReadOnlyList<PrunedBackup> Backups { get; init; }

    /// <summary>Backups whose removal an earlier prune had begun.</summary>
    public required IReadOnlyList<string> Finished { get; init; }

    /// <summary>Attempts that never became a backup.</summary>
    public required IReadOnlyList<string> Leftovers { get; init; }
    public required IReadOnlyList<Finding> Findings { get; init; }

    /// <summary>The metric PruneExpired.</summary>
    public int Expired => Backups.Count(b => !b.Keep);
}

/// <param name="Id">The backup.</param>
/// <param name="Tier">Its tier.</param>
/// <param name="AgeDays">By the clock, one decimal.</param>
/// <param name="Keep">False: expired.</param>
/// <param name="Reason">Why, one sentence.</param>
public sealed record PrunedBackup(string Id, Tier Tier, double AgeDays, bool Keep, string Reason);
