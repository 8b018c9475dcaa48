namespace Backup.Infra.Tests;

/// <summary>The policies in examples/: each valid, and each a whole stack. Their lists are reviewed like those of the repository's own stacks.</summary>
public sealed class StrategyTests
{
    public static TheoryData<string> Strategies => [.. Stacks.Strategies];

    [Theory]
    [MemberData(nameof(Strategies))]
    public async Task A_strategy_is_a_whole_stack(string strategy)
    {
        var graph = await Stacks.GraphAsync(strategy);
        Golden.Matches(strategy, graph);
        Assert.Single(graph.Of("Key"));
        Assert.Contains(graph.Of("MetricAlarm"), a => a.Name == $"alarms-{strategy}-backup-missing");
        Assert.Contains(graph.Of("MetricAlarm"), a => a.Name == $"alarms-{strategy}-drill-failed");
        Assert.Contains(graph.Of("Schedule"), s => s.Name == $"schedules-dump-{strategy}");
    }

    [Fact]
    public async Task What_the_strategies_demand_of_alarms_and_increments_is_there()
    {
        var autorenta = await Stacks.GraphAsync("autorenta");
        Assert.Equal("20", autorenta.One("MetricAlarm", "alarms-autorenta-backup-size").Text("threshold"));
        Assert.Equal("rate(6 hours)", autorenta.One("Schedule", "schedules-incremental-autorenta").Text("scheduleExpression"));
        var bloom = await Stacks.GraphAsync("bloom");
        Assert.Equal("50", bloom.One("MetricAlarm", "alarms-bloom-backup-size").Text("threshold"));
        Assert.Equal("https", bloom.One("TopicSubscription", "alarms-critical-pagerduty").Text("protocol"));
        Assert.Equal("rate(1 hour)", (await Stacks.GraphAsync("streamflow")).One("Schedule", "schedules-incremental-streamflow").Text("scheduleExpression"));
        Assert.Equal("cron(0 6 1 * ? *)", (await Stacks.GraphAsync("inventario")).One("Schedule", "schedules-drill-inventario").Text("scheduleExpression"));
    }
}
