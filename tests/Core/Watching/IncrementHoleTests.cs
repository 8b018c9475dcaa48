using Backup.Core.Model;
using Backup.Core.Operations.Watching;

namespace Backup.Core.Tests.Watching;

public sealed class IncrementHoleTests
{
    private static readonly List<WatchedBackup> _days = Story.Daily(5);

    [Theory]
    [InlineData(-1, 4, null)]
    [InlineData(0, 4, Severity.Critical)]
    [InlineData(1, 4, Severity.Critical)]
    [InlineData(2, 4, null)] // the last one: nothing continues it, and the next one begins before it
    [InlineData(1, 3, Severity.Info)] // a chain that a newer backup has ended
    public void A_link_that_a_later_increment_continues_is_told_while_it_can_still_be_fetched(int lost, int day, Severity? severity)
    {
        var chain = Chain(_days[day]);
        var gone = lost < 0 ? null : chain[lost];
        var report = Story.Judge([.. _days, .. chain.Where(i => i != gone)]);
        Assert.Equal(severity, report.Databases[0].Findings.SingleOrDefault(f => f.Code == FindingCode.IncrementMissing.Name)?.Severity);
        if (severity is not null) Assert.StartsWith($"the increment {gone!.Id} is missing, and {chain[lost + 1].Id} continues it", report.The(FindingCode.IncrementMissing).Sentence, StringComparison.Ordinal);
    }

    [Fact]
    public void A_table_that_was_copied_whole_needs_nothing_before_it_and_a_chain_without_its_backup_is_no_chain()
    {
        var chain = Chain(_days[4]);
        var whole = chain[2].Change(m => m with { Increment = m.Increment! with { Tables = [m.Increment.Tables[0] with { FromXmin = null, Mode = IncrementMode.Full }] } });
        Assert.False(Story.Judge([.. _days, chain[0], whole]).Has(FindingCode.IncrementMissing));
        Assert.False(Story.Judge([.. _days.Take(4), chain[0], chain[2]]).Has(FindingCode.IncrementMissing));
    }

    /// <summary>Three increments of a backup, each since the one before it.</summary>
    private static List<WatchedBackup> Chain(WatchedBackup basis)
    {
        var chain = new List<WatchedBackup>();
        foreach (var number in (int[])[1, 2, 3])
        {
            var since = chain.Count == 0 ? basis : chain[^1];
            chain.Add(Story.Backup(basis.Id.Time.AddHours(number), kind: BackupKind.Incremental, tier: Tier.Incremental).Change(m => m with
            {
                Increment = new IncrementFacts(basis.Id.ToString(), number,
                    [new IncrementTable { Table = new TableName("public", "ledger"), Mode = IncrementMode.Changes, Since = since.Id.ToString(), FromXmin = "7", Keys = [], IsPlain = true }]),
            }));
        }

        return chain;
    }
}
