using Backup.Core.Catalog;
using Backup.Core.Model;
using Backup.Core.Operations.Increments;
using Backup.Core.Policies;
using Backup.Core.Postgres;

namespace Backup.Core.Tests.Increments;

/// <summary>When changes alone would be wrong, and when a table is due.</summary>
public sealed class IncrementPlanTests
{
    private static readonly DateTimeOffset _start = new(2026, 3, 1, 2, 0, 0, TimeSpan.Zero);
    private static readonly TableName _ledger = new("public", "ledger");
    private static readonly Manifest _base = Base();
    private static readonly SourceTable _table = new()
    {
        Oid = 50, FileNode = 60, Name = _ledger, Kind = 'r', Unlogged = false, Bytes = 0, Pages = 0, IsHeap = true, Columns = ["id", "v"], LoadViaRoot = false, OfExtension = false,
    };

    [Theory]
    [InlineData(1000UL, 1010UL, "0/A0", "7", null)]
    [InlineData(5000UL, 5010UL, "1/0", "7", null)]
    [InlineData(999UL, 1010UL, "0/A0", "7", "the server's history went back: it was reset or restored")]
    [InlineData(2000UL, 2010UL, "0/9F", "7", "the server's history went back: it was reset or restored")]
    [InlineData(2000UL, 2010UL, "0/B0", "8", "the server is another one than before")]
    [InlineData(2000UL, 2010UL, "0/B0", null, "the server is another one than before")]
    [InlineData(1000UL, 2_147_483_648UL, "0/B0", "7", "too many transactions have passed since then")]
    [InlineData(3_000_000_000UL, 3_000_000_010UL, "0/B0", "7", "too many transactions have passed since then")]
    public void A_horizon_that_means_nothing_any_more_makes_it_copy_the_whole_table(ulong xmin, ulong xmax, string lsn, string? system, string? why)
    {
        var step = new IncrementPlan(_base, []).Step(IncrementScene.Critical("public.ledger"), _table.Columns, [_table], new Horizon(xmin, xmax, lsn, system, "5/1"));
        Assert.Equal((why is null ? IncrementMode.Changes : IncrementMode.Full, why, why is null ? 1000UL : null), (step.Mode, step.Why, step.FromXmin));
        Assert.Equal(_base.Id, step.Since);
    }

    [Theory]
    [InlineData("5/1", "5/1", IncrementMode.Changes)]
    [InlineData("5/1", "5/2", IncrementMode.Full)] // promoted, or restored to a time: ids of then may have been given out again
    [InlineData("5/1", "6/1", IncrementMode.Full)] // a copy that took the name
    [InlineData("5/1", null, IncrementMode.Full)]
    [InlineData(null, "5/1", IncrementMode.Changes)] // an older manifest does not say
    public void Another_history_makes_it_copy_the_whole_table_although_all_numbers_have_grown(string? before, string? now, IncrementMode mode)
    {
        var basis = _base with { Source = _base.Source with { History = before } };
        Assert.Equal(mode, new IncrementPlan(basis, []).Step(IncrementScene.Critical("public.ledger"), _table.Columns, [_table], new Horizon(2000, 2010, "0/B0", "7", now)).Mode);
    }

    [Fact]
    public void The_id_is_compared_in_the_32_bits_that_a_row_holds()
    {
        var step = new TableStep(IncrementMode.Changes, "x", (3UL << 32) + 700, null, []);
        Assert.Equal("""COPY (SELECT "id", "v" FROM ONLY "public"."ledger" WHERE pg_catalog.age(xmin) BETWEEN 0 AND pg_catalog.age('700'::pg_catalog.xid)) TO STDOUT WITH (ENCODING 'UTF8')""",
            IncrementSql.CopyOut(_table, step, "UTF8"));
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(53, false)]
    [InlineData(55, true)] // a trigger that came a little early
    [InlineData(60, true)]
    [InlineData(600, true)]
    [InlineData(-1, true)] // the last one is dated in the future: a clock was wrong, and would stop increments until then
    public void A_table_is_due_when_its_time_has_passed_since_the_last_one(int minutes, bool due) =>
        Assert.Equal(due, new IncrementPlan(_base, []).IsDue(IncrementScene.Critical("public.ledger"), _start.AddMinutes(minutes)));

    [Fact]
    public void A_backup_that_failed_its_proof_is_no_base()
    {
        static CatalogEntry Entry(int hour, Verdict? verdict) => new()
        {
            Prefix = $"test/manual/db/2026/03/{hour}/", Tier = Tier.Manual, Id = new BackupId("db", _start.AddHours(hour)), IsLocked = false,
            Manifest = _base with { Id = $"{hour}", Snapshot = _base.Snapshot with { Time = _start.AddHours(hour) } },
            Results = verdict is { } v ? [new ResultName(ProofKind.Drill, v, _start)] : [],
        };
        Assert.Equal("2", IncrementChain.NewestBase([Entry(1, Verdict.Pass), Entry(3, Verdict.Fail), Entry(2, Verdict.CouldNotVerify)])!.Manifest!.Id);
        Assert.Null(IncrementChain.NewestBase([]));
    }

    [Theory]
    [InlineData("db_20260301T020000Z", false)]
    [InlineData("a_b-inc_20260301T020000Z-inc", true)]
    public void An_id_says_whether_it_is_an_increment(string text, bool isIncrement)
    {
        Assert.True(BackupId.TryParse(text, out var id));
        Assert.Equal((text, isIncrement, _start), (id.ToString(), id.IsIncrement, id.Time));
        Assert.False(BackupId.TryParse(text + "-inc-inc", out _));
    }

    [Fact]
    public void Keys_and_names_are_read_as_the_catalog_spells_them()
    {
        Assert.Equal(["a", "B c", "d,\"e"], TableName.ParseColumns("a, B c,\"d,\"\"e\""));
        Assert.Equal(new TableName("Public", "a.b"), TableName.Parse("Public.a.b"));
        Assert.Equal(new TableName("a.b", "c"), TableName.Parse("\"a.b\".\"c\""));
    }

    private static Manifest Base()
    {
        var golden = ManifestJson.Read(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Golden", "manifest-v1.json")), "golden");
        return golden with
        {
            Id = new BackupId("db", _start).ToString(),
            Source = golden.Source with { SystemIdentifier = "7", History = "5/1" },
            Snapshot = golden.Snapshot with { Xmin = "1000", Lsn = "0/A0" },
            Fingerprints = [new TableFingerprint { Table = _ledger, Columns = ["id", "v"], Oids = [50], Files = [60] }],
        };
    }
}
