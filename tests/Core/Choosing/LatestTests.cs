using Backup.Core.Catalog;
using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Operations.Drills;
using Backup.Core.Operations.Increments;
using Backup.Core.Postgres;
using Backup.Core.Storage;

namespace Backup.Core.Tests.Choosing;

/// <summary>What <c>latest</c> means on the worst day: never another environment's backup, never one that is known to be bad, never in silence less than there is.</summary>
public sealed class LatestTests
{
    private static readonly Manifest _golden = ManifestJson.Read(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Golden/manifest-v1.json")), "golden");
    private static readonly DateTimeOffset _day = new(2026, 3, 1, 2, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData("latest")]
    [InlineData("2026-03-09T00:00:00Z")]
    [InlineData("bloom_20260301T020000Z")]
    public void Two_environments_are_never_mixed(string which)
    {
        CatalogEntry[] entries = [Entry(_day, environment: "production"), Entry(_day, environment: "staging")];
        var e = Assert.Throws<BackupException>(() => BackupSelector.Choose(entries, which, "vault"));
        Assert.Equal(ErrorCode.UsageWrong, e.Code);
        Assert.Contains("production, staging", e.Message, StringComparison.Ordinal);
        Assert.Contains("--environment", e.NextStep, StringComparison.Ordinal);
    }

    [Fact]
    public void A_backup_that_failed_its_proof_is_restored_by_name_only()
    {
        var failed = Entry(_day.AddDays(1)) with { Results = [new ResultName(ProofKind.Drill, Verdict.Fail, _day.AddDays(2)), new ResultName(ProofKind.Drill, Verdict.CouldNotVerify, _day.AddDays(3))] };
        CatalogEntry[] entries = [Entry(_day), failed];
        var e = Assert.Throws<BackupException>(() => RestorePoint.Choose(entries, "latest", "vault", useIncrements: true));
        Assert.Equal(ErrorCode.BackupDamaged, e.Code);
        Assert.Contains(entries[0].Id.ToString(), e.NextStep, StringComparison.Ordinal);
        var increment = Entry(_day.AddHours(1), increment: new IncrementFacts(entries[0].Id.ToString(), 1, []));
        e = Assert.Throws<BackupException>(() => RestorePoint.Choose([.. entries, increment], "latest", "vault", useIncrements: true));
        Assert.Contains(increment.Id.ToString(), e.NextStep, StringComparison.Ordinal); // the newest good state has it
        Assert.Equal(failed, RestorePoint.Choose(entries, failed.Id.ToString(), "vault", useIncrements: true).Backup);
    }

    [Fact]
    public void Newer_rows_in_an_increment_of_the_backup_before_are_named()
    {
        var first = Entry(_day);
        var increment = Entry(_day.AddHours(27), increment: new IncrementFacts(first.Id.ToString(), 1, []));
        var second = Entry(_day.AddHours(24));
        Assert.Equal(increment, RestorePoint.Choose([first, second, increment], "latest", "vault", useIncrements: true).Newer);
        Assert.Null(RestorePoint.Choose([first, second, increment], "2026-03-02T03:00:00Z", "vault", useIncrements: true).Newer);
        var elsewhere = Entry(_day.AddHours(27), "staging", new IncrementFacts(first.Id.ToString(), 1, []));
        Assert.Null(RestorePoint.Choose([first, second, elsewhere], "latest", "vault", useIncrements: true).Newer);
    }

    [Fact]
    public async Task An_increment_without_its_backup_is_nothing_to_drill()
    {
        var machine = MachineEnvironment.Read();
        await using var vault = new FolderVault(machine.TempFolder, TimeProvider.System);
        var increment = Entry(_day, increment: new IncrementFacts("bloom_20260228T020000Z", 1, []));
        var e = await Assert.ThrowsAsync<BackupException>(() => new RunDrill(machine, TimeProvider.System, new PostgresInstallations(machine))
            .ExecuteAsync(new DrillRequest { Vault = vault, Backup = increment }, TestContext.Current.CancellationToken));
        Assert.Equal(ErrorCode.UsageWrong, e.Code);
        Assert.Contains($"`backup drill {increment.Id}`", e.NextStep, StringComparison.Ordinal); // which fetches its backup too
    }

    private static CatalogEntry Entry(DateTimeOffset at, string environment = "production", IncrementFacts? increment = null)
    {
        var id = BackupId.Create("bloom", at) with { IsIncrement = increment is not null };
        var tier = increment is null ? Tier.Daily : Tier.Incremental;
        return new CatalogEntry
        {
            Prefix = VaultKeys.BackupPrefix(environment, tier, id),
            Tier = tier,
            Id = id,
            Manifest = _golden with { Id = id.ToString(), Environment = environment, Database = "bloom", Tier = tier, Increment = increment, Snapshot = _golden.Snapshot with { Time = at } },
            IsLocked = false,
            Results = [],
        };
    }
}
