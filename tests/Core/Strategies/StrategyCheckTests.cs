using Backup.Core.Model;
using Backup.Core.Operations.Checking;
using Backup.Core.Policies;

namespace Backup.Core.Tests.Strategies;

/// <summary>What <c>check</c> says about the published strategies: nothing about the honest policies, and a sentence about each promise that cannot be kept.</summary>
public sealed class StrategyCheckTests
{
    [Theory]
    [InlineData("streamflow")]
    [InlineData("bloom")]
    [InlineData("lealta")]
    [InlineData("inventario")]
    [InlineData("autorenta")]
    public void The_policy_of_a_strategy_promises_what_it_keeps(string strategy) => Assert.Equal([], Sentences(StrategyPolicy.Read(strategy, "", "")));

    /// <param name="strategy">Whose policy.</param>
    /// <param name="honest">What the policy has instead.</param>
    /// <param name="written">What the strategy asks for.</param>
    /// <param name="answer">What check says then.</param>
    [Theory]
    [InlineData("autorenta", "rpo: 26h", "rpo: 1h", "objectives.rpo: 1 hour is promised for autorenta; reachable is 6 hours on 4 tables (public.wallet_ledger, public.bookings, public.wallet_transactions and 1 more) and 24 hours elsewhere")]
    [InlineData("streamflow", "rpo: 26h", "rpo: 1h", "objectives.rpo: 1 hour is promised for streamflow; reachable is 1 hour on 2 tables (public.profiles, public.watch_history) and 24 hours elsewhere")]
    [InlineData("bloom", "rpo: 26h", "rpo: 5m", "objectives.rpo: 5 minutes is promised for bloom; reachable is 6 hours on 1 table (public.bookings) and 24 hours elsewhere")]
    [InlineData("bloom", "  weekly: { instant: 60d }", "  daily: { ia: 1d, glacier: 90d }\n  weekly: { instant: 60d }", "storage.daily.ia (line 28): 1d is too early; S3 moves to ia from day 30 → write at least 30d")]
    [InlineData("bloom", "weekly: { instant: 60d }", "weekly: { glacier: 90d }", "storage.weekly: a restore from it begins after up to 5 hours; objectives.rto is 4 hours")]
    [InlineData("bloom", "pre-deploy: 3y, manual", "pre-deploy: forever, manual", "retention.pre-deploy (line 26): \"forever\" is not a calendar span → write a number and d, w, mo or y, for example 30d, 8w, 12mo, 7y")]
    [InlineData("inventario", "  monthly: { instant: 60d }", "  daily: { instant: 7d }", "storage.daily.instant (line 21): the tier is kept 14d; a tier kept less than 60 days must not move → remove the tier from storage, or keep it longer")]
    public void What_the_strategy_wrote_itself_and_cannot_be_kept_is_answered_in_words(string strategy, string honest, string written, string answer) =>
        Assert.Equal(answer, Sentences(StrategyPolicy.Read(strategy, honest, written)).First());

    private static IEnumerable<string> Sentences(PolicyReading reading) => reading.Policy is { } policy
        ? PolicyCheck.Judge(policy, new Dictionary<string, CheckHistory>()).Where(f => f.Severity != Severity.Info).Select(f => $"{f.Subject}: {f.Sentence}")
        : reading.Problems.Select(PolicyReading.Describe);
}
