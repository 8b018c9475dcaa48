using Backup.Core.Model;
using Backup.Core.Policies;

namespace Backup.Core.Operations.Checking;

/// <summary>
/// Does a policy that can be used keep what it promises, and what does it cost? A pure function of the policy and of what the vault knows; without a
/// vault it says what the schedules alone show.
/// </summary>
public static class PolicyCheck
{
    private static readonly TimeSpan _yearPlus = TimeSpan.FromDays(366);

    /// <param name="policy">One that the reader has accepted.</param>
    /// <param name="history">By database; empty without a vault.</param>
    public static IReadOnlyList<Finding> Judge(Policy policy, IReadOnlyDictionary<string, CheckHistory> history)
    {
        ArgumentNullException.ThrowIfNull(policy);
        ArgumentNullException.ThrowIfNull(history);
        var findings = new List<Finding>();
        foreach (var (database, index) in policy.Databases.Select((d, i) => (d, i)))
        {
            var known = history.GetValueOrDefault(database.Name, CheckHistory.Empty);
            var path = $"databases[{index}]";
            findings.AddRange(RecoveryCheck.Judge(policy, database, known, path));
            findings.AddRange(CapacityCheck.Judge(policy, database, known, path));
        }

        if (policy is { Lock: LockMode.Compliance, LockReason: null, Retention: { } retention })
        {
            var longest = retention.Keep.Where(k => k.Value.AddTo(DateTimeOffset.UnixEpoch) - DateTimeOffset.UnixEpoch > _yearPlus).Select(k => $"{Words.Of(k.Key)} {k.Value}").ToList();
            if (longest.Count > 0)
                findings.Add(FindingCode.CheckErasure.On("lock", $"compliance locks make erasure impossible until they end, for {string.Join(", ", longest)}",
                    "Add lock.reason with the legal basis and the period: lock: { mode: compliance, reason: … }; or use governance, which administrators of the vault can end."));
        }

        if (policy.Drill is null && policy.Databases.Any(d => d.Schedule is not null))
            findings.Add(FindingCode.CheckNoDrill.On("drill", "there is no drill schedule: nothing proves that the backups can be restored, or how long it takes", "Add drill: { schedule: \"0 4 * * 0\" }."));
        findings.AddRange(EncryptionCheck.Judge(policy));
        findings.AddRange(Notices(policy));
        return findings;
    }

    private static IEnumerable<Finding> Notices(Policy policy)
    {
        var notify = policy.Notify;
        var onAws = policy.Vault is null || policy.Vault.StartsWith("s3://", StringComparison.Ordinal);
        if (notify.Email.Count > 0 && notify.SmtpVariable is null && !onAws)
            yield return FindingCode.CheckNotify.On("notify.email", "has addresses, and nothing says which mail server takes the mail", "Add notify.smtp: \"${SMTP_URL}\".");
        if (notify is { PagerDutyVariable: null, SlackVariable: null, Email.Count: 0 } && policy.Databases.Any(d => d.Schedule is not null))
            yield return FindingCode.CheckNotify.On("notify", "names nobody: a backup that fails is noticed by those who look", "Add pagerDuty, slack or email.", Severity.Info);
    }
}
