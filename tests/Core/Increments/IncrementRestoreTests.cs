using System.Globalization;
using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Core.Operations.Increments;
using Backup.Core.Tests.Operations;
using Backup.Tests.Support;

namespace Backup.Core.Tests.Increments;

/// <summary>What a restore makes of a backup and its increments, and what it says about it.</summary>
[Collection(IncrementScene.Collection)]
public sealed class IncrementRestoreTests(PostgresFixture postgres)
{
    private const string Shop = """
        CREATE TABLE customer (id int PRIMARY KEY, name text); INSERT INTO customer SELECT i, 'c' || i FROM generate_series(1, 50) i;
        CREATE TABLE booking (id serial PRIMARY KEY, customer_id int NOT NULL, amount numeric, CONSTRAINT "by customer" FOREIGN KEY (customer_id) REFERENCES customer (id));
        COMMENT ON CONSTRAINT "by customer" ON booking IS 'kept';
        CREATE TABLE item (booking_id int REFERENCES booking (id) ON DELETE CASCADE, n int, PRIMARY KEY (booking_id, n));
        CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'triggers must not fire'; END $$;
        INSERT INTO booking (customer_id, amount) SELECT 1 + i % 50, i FROM generate_series(1, 200) i; INSERT INTO item SELECT i, 1 FROM generate_series(1, 200) i;
        CREATE TRIGGER never BEFORE INSERT OR UPDATE OR DELETE ON item FOR EACH ROW EXECUTE FUNCTION no(); ALTER TABLE item DISABLE TRIGGER never;
        CREATE MATERIALIZED VIEW total AS SELECT sum(amount) FROM booking;
        """;

    [Fact]
    public async Task Tables_with_foreign_keys_between_them_come_to_the_same_moment()
    {
        await using var scene = await IncrementScene.CreateAsync(postgres, Shop, ["public.customer", "public.booking", "public.item"]);
        await scene.BackupAsync();
        await scene.SqlAsync("INSERT INTO customer VALUES (51, 'new'); INSERT INTO booking (customer_id, amount) VALUES (51, 7); INSERT INTO item VALUES (201, 1); UPDATE booking SET amount = -1 WHERE id = 3");
        await scene.CommittedAsync();
        await scene.SqlAsync("REFRESH MATERIALIZED VIEW total");
        await scene.EqualsSourceAsync();
    }

    [Fact]
    public async Task A_foreign_key_that_cannot_hold_is_named_and_checks_new_rows_only()
    {
        await using var scene = await IncrementScene.CreateAsync(postgres, Shop, ["public.booking"]);
        await scene.BackupAsync();
        await scene.SqlAsync("INSERT INTO customer VALUES (51, 'new'); INSERT INTO booking (customer_id, amount) VALUES (51, 7)");
        await scene.CommittedAsync();
        var (url, report) = await scene.RestoreAsync();
        var finding = Assert.Single(report.Findings, f => f.Code == "increment.foreignKey");
        Assert.Matches(@"^the foreign key by customer of public\.booking \(.+Z\) does not hold: rows of public\.customer \(.+Z\) that it points to are missing; it was made NOT VALID, so it checks new rows only$", finding.Sentence);
        Assert.Equal("by customer:f,item_booking_id_fkey:t", await Database.ScalarAsync<string>(url, "SELECT string_agg(conname || ':' || left(convalidated::text, 1), ',' ORDER BY conname) FROM pg_constraint WHERE contype = 'f'"));
        Assert.Equal("kept", await Database.ScalarAsync<string>(url, "SELECT obj_description(oid, 'pg_constraint') FROM pg_constraint WHERE conname = 'by customer'"));
        await Assert.ThrowsAsync<Npgsql.PostgresException>(() => Database.SqlAsync(url, "INSERT INTO booking (customer_id) VALUES (999)"));
        await Database.SqlAsync(url, $"INSERT INTO customer VALUES (51, 'by hand'); {finding.NextStep[finding.NextStep.IndexOf("ALTER", StringComparison.Ordinal)..]}");
    }

    [Fact]
    public async Task A_restore_goes_to_the_moment_that_is_asked_for_and_says_what_it_holds()
    {
        await using var scene = await IncrementScene.CreateAsync(postgres, Shop, ["public.booking", "public.customer"]);
        var backup = await scene.BackupAsync();
        var manifests = new List<Manifest>();
        foreach (var amount in (int[])[1001, 1002])
        {
            await scene.SqlAsync($"UPDATE booking SET amount = {amount} WHERE id = 1");
            manifests.Add(await scene.CommittedAsync());
        }

        async Task<decimal> AmountAsync(string which, bool useIncrements = true) =>
            await Database.ScalarAsync<decimal>((await scene.RestoreAsync(which, useIncrements)).Url, "SELECT amount FROM booking WHERE id = 1");
        var between = manifests[1].Snapshot.Time.AddMilliseconds(-1).ToString("O", CultureInfo.InvariantCulture);
        Assert.Equal(1001, await AmountAsync(between));
        Assert.Equal(1002, await AmountAsync("latest"));
        Assert.Equal(1001, await AmountAsync(manifests[0].Id));
        Assert.Equal(1, await AmountAsync(backup.Id.ToString()));
        Assert.Equal(1, await AmountAsync("latest", useIncrements: false));
        var (_, report) = await scene.RestoreAsync(between);
        Assert.Equal([("booking", manifests[0].Snapshot.Time, 1, 1L), ("customer", manifests[0].Snapshot.Time, 1, 0L)], report.Increments.Select(i => (i.Table.Name, i.Time, i.Increments, i.Rows)));
        Assert.Equal(backup.Manifest!.Snapshot.Time, report.SnapshotTime);
        Assert.Contains("increments", report.Steps.Select(s => s.Step));
    }

    [Fact]
    public async Task Sequences_give_out_no_number_that_is_taken()
    {
        await using var scene = await IncrementScene.CreateAsync(postgres, """
            CREATE TABLE s (id serial PRIMARY KEY); CREATE TABLE i (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY);
            CREATE TABLE down (id int PRIMARY KEY); CREATE SEQUENCE down_seq AS int INCREMENT -1 OWNED BY down.id; ALTER TABLE down ALTER id SET DEFAULT nextval('down_seq');
            INSERT INTO s DEFAULT VALUES; INSERT INTO down DEFAULT VALUES
            """, ["public.s", "public.i", "public.down"]);
        await scene.BackupAsync();
        await scene.SqlAsync("INSERT INTO s SELECT FROM generate_series(1, 9); INSERT INTO i DEFAULT VALUES; INSERT INTO down DEFAULT VALUES; INSERT INTO i VALUES (500)");
        await scene.CommittedAsync();
        var (url, _) = await scene.RestoreAsync();
        Assert.Equal("11 501 -3", await Database.ScalarAsync<string>(url, "SELECT concat_ws(' ', nextval('s_id_seq'), nextval('i_id_seq'), nextval('down_seq'))"));
    }

    [Fact]
    public async Task Only_the_chosen_tables_are_brought_forward()
    {
        await using var scene = await IncrementScene.CreateAsync(postgres, Shop, ["public.booking", "public.customer"]);
        await scene.BackupAsync();
        await scene.SqlAsync("UPDATE booking SET amount = -5; UPDATE customer SET name = 'x'");
        await scene.CommittedAsync();
        var (url, report) = await scene.RestoreAsync(change: r => r with { Tables = ["public.customer"] });
        Assert.Equal(["customer"], report.Increments.Select(i => i.Table.Name));
        Assert.Equal(50L, await Database.ScalarAsync<long>(url, "SELECT count(*) FROM customer WHERE name = 'x'"));
        Assert.Equal(0L, await Database.ScalarAsync<long>(url, "SELECT count(*) FROM booking"));
    }

    [Fact]
    public async Task An_increment_whose_bytes_have_changed_stops_the_restore_and_nothing_is_left()
    {
        await using var scene = await IncrementScene.CreateAsync(postgres, Shop, ["public.booking"]);
        await scene.BackupAsync();
        await scene.SqlAsync("UPDATE booking SET amount = -5");
        var manifest = await scene.CommittedAsync();
        var file = Path.Combine(scene.Lab.VaultFolder, manifest.Artifacts[0].Key);
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        var bytes = await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken);
        bytes[bytes.Length / 2] ^= 1;
        await File.WriteAllBytesAsync(file, bytes, TestContext.Current.CancellationToken);
        var target = "";
        var e = await Assert.ThrowsAsync<BackupException>(() => scene.RestoreAsync(change: r =>
        {
            target = r.Target.Database;
            return r;
        }));
        Assert.Equal(ErrorCode.BackupDamaged, e.Code);
        Assert.Contains(manifest.Artifacts[0].Key, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(target, await scene.Lab.DatabasesAsync());
        var verify = await new VerifyBackup(scene.Lab.Machine, scene.Lab.Clock, postgres.Installations)
            .ExecuteAsync(scene.Lab.Vault, (await scene.EntriesAsync()).Single(x => x.Id.IsIncrement), VerifyLevel.Archive, record: false, TestContext.Current.CancellationToken);
        Assert.False(verify.Passed);
    }

    [Fact]
    public async Task A_missing_or_unreadable_increment_is_never_passed_over_in_silence()
    {
        await using var scene = await IncrementScene.CreateAsync(postgres, Shop, ["public.booking"]);
        await scene.BackupAsync();
        var manifests = new List<Manifest>();
        for (var i = 1; i <= 3; i++)
        {
            await scene.SqlAsync($"UPDATE booking SET amount = -{i} WHERE id = {i}");
            manifests.Add(await scene.CommittedAsync());
        }

        var entries = await scene.EntriesAsync();
        var without = entries.Where(e => e.Id.ToString() != manifests[1].Id).ToList();
        var gap = Assert.Throws<BackupException>(() => RestorePoint.Choose(without, "latest", "v", useIncrements: true));
        Assert.Equal((ErrorCode.BackupDamaged, $"the increment {manifests[1].Id} is missing, and {manifests[2].Id} continues it: changes of public.booking between them are in neither"), (gap.Code, gap.Message));
        Assert.Empty(RestorePoint.Choose(without, "latest", "v", useIncrements: false).Increments);

        var damaged = entries.Select(e => e.Id.ToString() == manifests[2].Id ? e with { Manifest = null, Problem = "it is damaged" } : e).ToList();
        Assert.Equal("it is damaged", Assert.Throws<BackupException>(() => RestorePoint.Choose(damaged, "latest", "v", useIncrements: true)).Message);
        var before = RestorePoint.Choose(damaged, manifests[1].Id, "v", useIncrements: true);
        Assert.Equal(manifests.Take(2).Select(m => m.Id), before.Increments.Select(e => e.Id.ToString()));
    }

    [Fact]
    public async Task The_printed_commands_apply_encrypted_increments_with_stock_tools()
    {
        await using var keys = await GpgKeys.MakeAsync(postgres.Machine, TestContext.Current.CancellationToken);
        await using var scene = await IncrementScene.CreateAsync(postgres, Shop + """
            CREATE TABLE "new
            line $(touch /tmp/no) 'q'" (id int PRIMARY KEY, v text); INSERT INTO "new
            line $(touch /tmp/no) 'q'" VALUES (1, E'\\.\n');
            """, ["public.booking", "public.item", "public.new\nline $(touch /tmp/no) 'q'"], keys.Machine);
        var backup = await scene.BackupAsync();
        var folders = new List<string>();
        foreach (var i in (int[])[1, 2])
        {
            await scene.SqlAsync($"INSERT INTO booking (customer_id, amount) VALUES (7, {i}); UPDATE item SET n = n + 1000 WHERE booking_id < 0; INSERT INTO \"new\nline $(touch /tmp/no) 'q'\" VALUES ({i + 1}, E'\\\\.')");
            var report = await scene.IncrementAsync(gpg: [keys.PublicKeyFile]);
            Assert.Equal(["zstd", "gpg"], report.Manifest!.Artifacts[0].Filters);
            folders.Add(report.Prefix!);
        }

        await scene.SqlAsync("REFRESH MATERIALIZED VIEW total");
        await scene.EqualsSourceAsync();
        var url = await scene.Lab.NewUrlAsync("hand");
        var apply = string.Join("\n", folders.Select(f => $"cd {RestoreByHand.Shell(Path.Combine(scene.Lab.VaultFolder, f))} && bash -c \"$(python3 -c 'import json; print(chr(10).join(json.load(open(\"manifest.json\"))[\"restoreByHand\"]))')\" || exit 1"));
        await Shell.BashAsync(postgres, $"export BEFORE_INDEXES={RestoreByHand.Shell(apply)}\ncd '{Path.Combine(scene.Lab.VaultFolder, backup.Prefix!)}'\n{string.Join('\n', backup.Manifest!.RestoreByHand)}",
            url, new() { ["GNUPGHOME"] = keys.Machine["GNUPGHOME"]! });
        Assert.Equal([], await scene.Lab.DifferencesAsync(scene.Url, url));
        Assert.False(File.Exists("/tmp/no"));
        // Later would be too late: foreign keys would delete rows.
        var error = await Shell.BashAsync(postgres, $"export PGDATABASE=$DB\n{apply}", url, new() { ["GNUPGHOME"] = keys.Machine["GNUPGHOME"]! }, exit: 1);
        Assert.Contains("run this before --section=post-data", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Increments_do_not_bring_an_erased_person_back()
    {
        var file = Path.Combine(Directory.CreateTempSubdirectory("backup-erasures-").FullName, "erasures.sql");
        await File.WriteAllTextAsync(file, "DELETE FROM booking WHERE customer_id = 7; DELETE FROM customer WHERE id = 7", TestContext.Current.CancellationToken);
        await using var scene = await IncrementScene.CreateAsync(postgres, Shop, ["public.customer", "public.booking"]);
        await scene.BackupAsync();
        await scene.SqlAsync("UPDATE customer SET name = 'changed' WHERE id = 7; INSERT INTO booking (customer_id, amount) VALUES (7, 7), (8, 8)");
        await scene.CommittedAsync();
        var (url, report) = await scene.RestoreAsync(change: r => r with { AfterRestore = AfterRestore.Run(file) });
        Assert.Equal((0L, 49L, 1L), (await Database.ScalarAsync<long>(url, "SELECT count(*) FROM customer c LEFT JOIN booking b ON b.customer_id = c.id WHERE c.id = 7"),
            await Database.ScalarAsync<long>(url, "SELECT count(*) FROM customer"), await Database.ScalarAsync<long>(url, "SELECT count(*) FROM booking WHERE amount = 8 AND id > 200")));
        Assert.Equal(6, report.AfterRestore!.Rows);
        Directory.Delete(Path.GetDirectoryName(file)!, recursive: true);
    }
}
