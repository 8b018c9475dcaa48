using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Operations.Serving;
using Backup.Core.Policies;
using Backup.Core.Postgres;
using Backup.Core.Storage;
using Backup.Tests.Support;

namespace Backup.Core.Tests.Serving;

/// <summary>What follows from what in a service whose database never answers.</summary>
public sealed class ServiceTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("backup-service-").FullName;
    private readonly ManualClock _clock = new(StatusScenes.Now);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_time_that_fails_is_tried_again_by_the_hourly_looks_three_times_in_all_and_the_next_time_anew()
    {
        await using var vault = new FolderVault(_folder, _clock);
        var policy = StatusScenes.Policy("db") with { Drill = null };
        var machine = MachineEnvironment.Read();
        var source = ConnectionText.Parse("postgres://nobody@/db?host=/nonexistent", "the test's source", "nobody");
        using var service = new Service(new ServiceSettings { Policy = policy, Vault = vault, Sources = new Dictionary<string, ConnectionTarget> { ["db"] = source } },
            machine, _clock, new PostgresInstallations(machine), _ => { });
        int Failed() => service.Status().Counts.SingleOrDefault(c => c.Kind == WorkKind.Backup)?.Failed ?? 0;
        service.Start();
        await service.IdleAsync();
        Assert.Equal(1, Failed()); // and the look that followed the failure has not begun another
        for (var hour = 1; hour <= 4; hour++)
        {
            _clock.Advance(TimeSpan.FromHours(1));
            service.Ask(new Work(WorkKind.Watch, null, _clock.Now));
            await service.IdleAsync();
            Assert.Equal(Math.Min(hour + 1, 3), Failed());
        }

        var status = service.Status();
        Assert.All(status.Records.Where(r => r.Work.Kind == WorkKind.Backup), r => Assert.Equal(("source.unreachable", new DateTimeOffset(2026, 3, 20, 2, 0, 0, TimeSpan.Zero)), (r.Result.Code, r.Work.ScheduledTime)));
        Assert.Null(status.Illness);
        _clock.Advance(TimeSpan.FromHours(12)); // 04:00 of the next day
        service.Ask(new Work(WorkKind.Watch, null, _clock.Now));
        await service.IdleAsync();
        Assert.Equal(4, Failed());
        await service.StopAsync(TimeSpan.Zero, CancellationToken.None);
    }
}
