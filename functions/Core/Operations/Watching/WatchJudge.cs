using Backup.Core.Model;
using Backup.Core.Policies;

namespace Backup.Core.Operations.Watching;

/// <summary>The judgement: a pure function of the policy, what was read from the vault, and the time.</summary>
public static class WatchJudge
{
    /// <param name="policy">What was promised.</param>
    /// <param name="facts">What there is.</param>
    /// <param name="now">The watch's own clock.</param>
    /// <param name="database">Only this one; then nothing is said about the vault as a whole.</param>
    public static WatchReport Judge(Policy policy, WatchFacts facts, DateTimeOffset now, string? database = null)
    {
        ArgumentNullException.ThrowIfNull(policy);
        ArgumentNullException.ThrowIfNull(facts);
        var backups = facts.Backups.ToLookup(b => b.Id.Database, StringComparer.Ordinal);
        return new WatchReport
        {
            Project = policy.Project,
            Environment = policy.Environment,
            Vault = facts.Vault,
            At = now,
            Databases = [.. policy.Databases.Where(d => database is null || d.Name == database).Select(d => State(new DatabaseHistory(d, policy, backups[d.Name], now), facts))],
            Findings = [.. WorstFirst(Vault(policy, facts, database))],
            Unjudged = [.. Unjudged(facts, database).Select(c => c.Name)],
        };
    }

    /// <summary>What is to be said when the vault could not be read: every database is at risk, because nothing is known.</summary>
    public static WatchReport Blind(Policy policy, string vault, BackupException why, DateTimeOffset now, string? database = null)
    {
        ArgumentNullException.ThrowIfNull(policy);
        ArgumentNullException.ThrowIfNull(why);
        return new WatchReport
        {
            Project = policy.Project,
            Environment = policy.Environment,
            Vault = vault,
            At = now,
            Databases =
            [
                .. policy.Databases.Where(d => database is null || d.Name == database).Select(d => new DatabaseState
                {
                    Database = d.Name,
                    Schedule = d.Schedule,
                    Backups = 0,
                    Findings = [FindingCode.VaultUnreachable.On(d.Name, $"nothing is known: {why.Message}", why.NextStep)],
                }),
            ],
            Findings = [],
            Unjudged = [.. FindingCode.All.Where(c => c.Group == FindingGroup.Watch && c != FindingCode.VaultUnreachable).Select(c => c.Name)],
        };
    }

    private static IEnumerable<FindingCode> Unjudged(WatchFacts facts, string? database)
    {
        if (facts.Touched is null) foreach (var code in (FindingCode[])[FindingCode.ObjectHidden, FindingCode.ObjectOverwritten]) yield return code;
        if (facts.LongChains.Any(d => database is null || d == database)) yield return FindingCode.IncrementBroken;
        if (facts.Copy is null) yield return FindingCode.CopyUnreachable;
        if (facts.Copy is null or { Problem: not null }) yield return FindingCode.CopyBehind;
        if (database is not null) foreach (var code in (FindingCode[])[FindingCode.ObjectUnknown, FindingCode.DatabaseUnknown]) yield return code;
    }

    private static IEnumerable<Finding> Vault(Policy policy, WatchFacts facts, string? database)
    {
        if (facts.Copy is { Problem: { } problem } copy)
            yield return FindingCode.CopyUnreachable.On(copy.Name, $"the copy of the vault could not be read: {problem}", "Check its URL, and the rights of who runs the watch.");
        if (database is not null) yield break;
        foreach (var finding in StrayJudge.JudgeVault(policy, facts)) yield return finding;
    }

    private static DatabaseState State(DatabaseHistory h, WatchFacts facts)
    {
        IEnumerable<Finding> findings =
        [
            .. FreshnessJudge.Judge(h), .. SizeJudge.Judge(h), .. ProofJudge.Judge(h), .. LockJudge.Judge(h, facts),
            .. StrayJudge.Judge(h, facts), .. IncrementJudge.Judge(h, facts), .. CopyJudge.Judge(h, facts),
        ];
        var newest = h.Newest?.Manifest;
        return new DatabaseState
        {
            Database = h.Database.Name,
            Schedule = h.Schedule?.ToString(),
            NextBackup = h.Schedule?.Next(h.Now),
            Backups = h.Backups.Count(b => b.Entry.Tier != Tier.Incremental),
            LastBackup = newest?.Id,
            LastBackupAt = newest?.Snapshot.Time,
            AgeHours = Hours(h.Age),
            MaxAgeHours = Hours(h.MaxAge),
            StoredBytes = newest?.Totals.StoredBytes,
            RawBytes = newest?.Totals.RawBytes,
            Rows = newest?.Totals.Rows,
            Seconds = newest is null ? null : Math.Round((newest.FinishedAt - newest.StartedAt).TotalSeconds, 3),
            SizeDeviation = SizeJudge.Deviation(h),
            Missed = [.. FreshnessJudge.Missed(h).Select(id => id.ToString())],
            LastVerify = ProofJudge.Newest(h, ProofKind.Verify),
            LastDrill = ProofJudge.Newest(h, ProofKind.Drill),
            DrillAgeHours = ProofJudge.Passed(h, ProofKind.Drill) is { } passed ? Hours(h.Since(passed.At)) : null,
            IncrementAgeHours = Hours(IncrementJudge.Age(h)),
            CopyLagHours = Hours(CopyJudge.Lag(h, facts)),
            Findings = [.. WorstFirst(findings)],
        };
    }

    private static IEnumerable<Finding> WorstFirst(IEnumerable<Finding> findings) => findings.OrderByDescending(f => f.Severity);

    private static double? Hours(TimeSpan? span) => span is { } s ? Math.Round(s.TotalHours, 2) : null;
}
