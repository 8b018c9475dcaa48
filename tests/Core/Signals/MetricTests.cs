using System.Text.Json.Nodes;
using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Core.Operations.Watching;
using Backup.Core.Signals;
using Backup.Core.Tests.Operations;
using Backup.Core.Tests.Watching;
using Backup.Tests.Support;

namespace Backup.Core.Tests.Signals;

public sealed class MetricTests(PostgresFixture postgres)
{
    private static readonly DateTimeOffset _at = new(2026, 3, 20, 12, 0, 0, TimeSpan.Zero);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_embedded_format_names_namespace_dimensions_units_and_values()
    {
        using var output = new StringWriter();
        await new EmbeddedMetrics(output).EmitAsync(
            [new Metric(MetricName.BackupSuccess, 1, "prod", "db", _at), new Metric(MetricName.BackupSize, 2048, "prod", "db", _at), new Metric(MetricName.BackupAge, 3.5, "prod", "other", _at)], Cancel);
        var lines = output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(2, lines.Length);
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse("""
            {"_aws":{"Timestamp":1774008000000,"CloudWatchMetrics":[{"Namespace":"Backup","Dimensions":[["Environment","Database"]],
            "Metrics":[{"Name":"BackupSuccess","Unit":"Count"},{"Name":"BackupSize","Unit":"Bytes"}]}]},
            "Environment":"prod","Database":"db","BackupSuccess":1,"BackupSize":2048}
            """), JsonNode.Parse(lines[0])), lines[0]);
    }

    [Fact]
    public async Task A_file_gets_one_line_per_figure_behind_what_is_there()
    {
        var path = Path.GetTempFileName();
        var sink = new MetricFile(path);
        for (var i = 0; i < 2; i++) await sink.EmitAsync([new Metric(MetricName.BackupAge, 26.5, "prod", "db", _at)], Cancel);
        Assert.Equal(Enumerable.Repeat("""{"time":"2026-03-20T12:00:00+00:00","metric":"BackupAge","unit":"None","value":26.5,"environment":"prod","database":"db"}""", 2), await File.ReadAllLinesAsync(path, Cancel));
        File.Delete(path);
    }

    [Fact]
    public void The_watch_sends_ages_of_what_is_scheduled_and_nothing_that_it_does_not_know()
    {
        static IEnumerable<(string, double)> Of(WatchReport report) => WatchSignals.Metrics(report).Select(m => (m.Name.Name, m.Value));
        Assert.Equal([("BackupAge", 10), ("BackupSizeDeviation", 0)], Of(Story.Judge(Story.Daily(10))));
        Assert.Empty(Of(Story.Judge([])));
        Assert.DoesNotContain(Of(Story.Judge(Story.Daily(10), Story.Policy(d => d with { Schedule = null }))), m => m.Item1 == "BackupAge");
    }

    [Fact]
    public async Task Success_is_counted_after_the_commit_failure_and_cancellation_as_0_and_a_repeated_trigger_not_at_all()
    {
        await using var lab = new Lab(postgres);
        await using var source = await postgres.CreateDatabaseAsync();
        await Database.SqlAsync(source.Url, "CREATE TABLE t AS SELECT generate_series(1, 100) i");
        var seen = new List<Metric>();
        var run = new CountedRun(new RunBackup(lab.Machine, lab.Clock, postgres.Installations), new Recorder(seen), lab.Clock);
        var request = lab.Request(source.Url) with { ScheduledTime = lab.Clock.Now };

        var report = await run.ExecuteAsync(request, Cancel);
        Assert.Equal([("BackupSuccess", 1.0), ("BackupSize", report.Manifest!.Totals.StoredBytes), ("BackupRawSize", report.Manifest.Totals.RawBytes), ("BackupRows", 100), ("BackupDuration", 0)],
            seen.Select(m => (m.Name.Name, m.Value)));
        Assert.All(seen, m => Assert.Equal(("test", "db"), (m.Environment, m.Database)));
        seen.Clear();

        Assert.Equal(RunOutcome.AlreadyDone, (await run.ExecuteAsync(request, Cancel)).Outcome);
        Assert.Empty(seen);

        lab.Clock.Advance(TimeSpan.FromHours(1));
        var wrong = lab.Request(source.Url.Replace(source.Name, "no_such_database", StringComparison.Ordinal));
        await Assert.ThrowsAsync<BackupException>(() => run.ExecuteAsync(wrong, Cancel));
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run.ExecuteAsync(lab.Request(source.Url), cancelled.Token));
        Assert.Equal([("BackupSuccess", 0.0), ("BackupSuccess", 0.0)], seen.Select(m => (m.Name.Name, m.Value)));
    }

    [Fact]
    public async Task A_sink_that_fails_costs_a_warning_and_nothing_else()
    {
        var (seen, warnings) = (new List<Metric>(), new List<string>());
        var quiet = new QuietMetrics([new MetricFile("/proc/nowhere/x"), new Recorder(seen)], warnings.Add);
        await quiet.EmitAsync([new Metric(MetricName.BackupAge, 1, "e", "d", _at)], Cancel);
        Assert.Single(seen);
        Assert.StartsWith("figures were not sent to MetricFile: ", Assert.Single(warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void The_names_are_those_of_the_contract() =>
        Assert.Equal(["BackupSuccess", "BackupSize", "BackupRawSize", "BackupRows", "BackupDuration", "BackupSizeDeviation", "BackupAge", "S3SyncErrors", "S3SyncLag",
            "DrillSuccess", "DrillDuration", "DrillAge", "IncrementalSuccess", "IncrementalAge", "PruneExpired", "RotationSuccess"], MetricName.All.Select(m => m.Name));

    private sealed class Recorder(List<Metric> seen) : IMetricSink
    {
        public Task EmitAsync(IReadOnlyList<Metric> metrics, CancellationToken cancel)
        {
            seen.AddRange(metrics);
            return Task.CompletedTask;
        }
    }
}
