using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Core.Policies;

namespace Backup.Core.Tests.Operations;

/// <summary>Where a run belongs is decided from the database's size and the last run, without asking anybody.</summary>
public sealed class RunForecastTests
{
    private static readonly Manifest _golden = ManifestJson.Read(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Golden/manifest-v1.json")), "golden");
    private static readonly DatabasePolicy _auto = new() { Name = "db" };

    [Theory]
    [InlineData(1_000_000_000, 1.0, 1.0)]
    [InlineData(12_000_000_000, 10.0, 11.0)]
    public void A_first_run_is_guessed_from_the_bytes_on_disk(long bytes, double fromMinutes, double toMinutes) =>
        Assert.InRange(RunForecast.Make(bytes, null).Expected.TotalMinutes, fromMinutes, toMinutes);

    [Theory]
    [InlineData(300, 1.0, 300)]
    [InlineData(300, 2.0, 600)]
    [InlineData(300, 0.1, 300)]
    public void A_later_run_takes_as_long_as_the_last_one_and_grows_with_the_database(int lastSeconds, double growth, int expected)
    {
        var last = Last(lastSeconds);
        var forecast = RunForecast.Make((long)(last.Snapshot.DatabaseBytes * growth), last);
        Assert.Equal(expected, forecast.Expected.TotalSeconds, 1.0);
        Assert.Contains(last.Id, forecast.Basis, StringComparison.Ordinal);
    }

    [Fact]
    public void Eight_minutes_are_the_border_and_the_policy_has_the_last_word()
    {
        Assert.Null(RunnerChoice.WhyElsewhere(_auto, false, RunForecast.Make(0, Last(480))));
        Assert.Contains("more than 8", RunnerChoice.WhyElsewhere(_auto, false, RunForecast.Make(0, Last(481))), StringComparison.Ordinal);
        Assert.Contains("IPv6", RunnerChoice.WhyElsewhere(_auto, true, null), StringComparison.Ordinal);
        Assert.Null(RunnerChoice.WhyElsewhere(_auto with { Runner = Runner.Lambda }, true, RunForecast.Make(0, Last(9000))));
        Assert.NotNull(RunnerChoice.WhyElsewhere(_auto with { Runner = Runner.Fargate }, false, null));
    }

    [Fact]
    public void A_drill_goes_elsewhere_and_a_proof_that_reads_much_too()
    {
        Assert.NotNull(RunnerChoice.WhyElsewhere(VerifyLevel.Restore, _golden));
        Assert.Null(RunnerChoice.WhyElsewhere(VerifyLevel.Archive, _golden));
        Assert.NotNull(RunnerChoice.WhyElsewhere(VerifyLevel.Archive, _golden with { Totals = _golden.Totals with { StoredBytes = 30_000_000_000 } }));
    }

    private static Manifest Last(int seconds) => _golden with { FinishedAt = _golden.StartedAt.AddSeconds(seconds) };
}
