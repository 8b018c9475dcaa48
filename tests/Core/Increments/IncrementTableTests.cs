using Backup.Core.Model;
using Backup.Core.Operations.Increments;
using Backup.Tests.Support;

namespace Backup.Core.Tests.Increments;

/// <summary>Tables that change under the increments, and tables that cannot have any.</summary>
[Collection(IncrementScene.Collection)]
public sealed class IncrementTableTests(PostgresFixture postgres)
{
    private const string Two = """
        CREATE TABLE a (id int PRIMARY KEY, v text); INSERT INTO a SELECT i, 'a' FROM generate_series(1, 100) i;
        CREATE TABLE b (id int PRIMARY KEY, v text); INSERT INTO b SELECT i, 'b' FROM generate_series(1, 100) i;
        """;

    [Fact]
    public async Task A_table_that_lost_its_key_fails_by_name_and_the_others_are_committed()
    {
        await using var scene = await IncrementScene.CreateAsync(postgres, Two + "CREATE VIEW v AS SELECT * FROM a; CREATE TABLE c (id int UNIQUE, w int)", ["public.a", "public.b"]);
        await scene.BackupAsync();
        await scene.SqlAsync("ALTER TABLE a DROP CONSTRAINT a_pkey; INSERT INTO b VALUES (101, 'new')");
        scene.Tables = [.. scene.Tables, IncrementScene.Critical("public.v"), IncrementScene.Critical("public.nosuch"), IncrementScene.Critical("public.c", "id")];
        var report = await scene.IncrementAsync();
        Assert.Equal(IncrementOutcome.Committed, report.Outcome);
        Assert.Equal(["b"], report.Manifest!.Increment!.Tables.Select(t => t.Table.Name));
        Assert.Equal(
        [
            "public.a has no primary key, so a changed row cannot be told from a new one",
            "public.v is a view, and only tables have rows of their own",
            "public.nosuch does not exist",
            "the key (\"id\") of public.c is not the columns of a valid unique index (without condition) that are all NOT NULL",
        ], report.Failures.Select(f => f.Sentence));
        Assert.All(report.Failures, f => Assert.Equal((Severity.Critical, "source.table"), (f.Severity, f.Code)));

        scene.Tables = [IncrementScene.Critical("public.a"), IncrementScene.Critical("public.v")];
        var none = await Assert.ThrowsAsync<BackupException>(() => scene.IncrementAsync());
        Assert.Equal(ErrorCode.SourceTable, none.Code);
        Assert.Contains("public.a has no primary key", none.Message, StringComparison.Ordinal);
        Assert.Contains("public.v is a view", none.Message, StringComparison.Ordinal);
        Assert.Single(await scene.EntriesAsync(), e => e.Id.IsIncrement);
    }

    [Fact]
    public async Task A_table_that_this_role_may_not_read_fails_without_costing_the_others_their_turn()
    {
        await using var source = await postgres.CreatePasswordDatabaseAsync("incr");
        await Database.SqlAsync(source.Url, Two);
        await using var lab = new Operations.Lab(postgres);
        var request = lab.Request(source.Url, d => d with { CriticalTables = [IncrementScene.Critical("public.a"), IncrementScene.Critical("public.b")] });
        await lab.RunAsync(request);
        await Database.SqlAsync((await postgres.PasswordServerAsync()).AdminUrl(source.Name), "ALTER TABLE a OWNER TO postgres; INSERT INTO b VALUES (101, 'x')");
        var report = await new RunIncrement(lab.Machine, lab.Clock).ExecuteAsync(request with { Kind = BackupKind.Incremental }, TestContext.Current.CancellationToken);
        Assert.Equal("role app_role cannot read public.a, its partitions or its sequences", Assert.Single(report.Failures).Sentence);
        Assert.Equal(["b"], report.Manifest!.Increment!.Tables.Select(t => t.Table.Name));
    }

    /// <summary>Same server, same oids and files of tables, every number has grown: only the database's own oid tells.</summary>
    [Fact]
    public async Task A_copy_of_the_database_that_took_its_name_is_copied_whole()
    {
        await using var scene = await IncrementScene.CreateAsync(postgres, Two, ["public.a"]);
        await scene.BackupAsync();
        var admin = scene.Url.Replace($"/{scene.Name}?", "/postgres?", StringComparison.Ordinal);
        var (name, copy, old) = (Database.Quoted(scene.Name), Database.Quoted($"{scene.Name}_copy"), Database.Quoted($"{scene.Name}_old"));
        await Database.SqlAsync(admin, $"CREATE DATABASE {copy} TEMPLATE {name}");
        await Database.SqlAsync(scene.Url.Replace($"/{scene.Name}?", $"/{scene.Name}_copy?", StringComparison.Ordinal), "INSERT INTO a VALUES (101, 'only in the copy')");
        await scene.CommittedAsync();
        foreach (var sql in (string[])[$"ALTER DATABASE {name} RENAME TO {old}", $"ALTER DATABASE {copy} RENAME TO {name}", $"DROP DATABASE {old}"]) await Database.SqlAsync(admin, sql);
        var manifest = await scene.CommittedAsync();
        Assert.Contains(manifest.Findings, f => f.Sentence == "public.a was copied whole: the database is another one than before, or it was restored or failed over since");
        Assert.Matches(@"^\d+/1$", manifest.Source.History);
        await scene.EqualsSourceAsync();
    }

    [Theory]
    [InlineData("TRUNCATE a; INSERT INTO a VALUES (5, 'anew')", "public.a was copied whole: it was rewritten or emptied")]
    [InlineData("ALTER TABLE a ALTER v TYPE varchar(70) USING v || '!'", "public.a was copied whole: it was rewritten or emptied")]
    [InlineData("DROP TABLE a; CREATE TABLE a (id int PRIMARY KEY, v text); INSERT INTO a VALUES (1, 'other')", "public.a was copied whole: it was made anew")]
    [InlineData("CREATE TABLE c (id int PRIMARY KEY, v text); ALTER TABLE a RENAME TO old; ALTER TABLE c RENAME TO a", "public.a was copied whole: it was made anew")]
    public async Task A_table_that_was_rewritten_or_replaced_is_copied_whole_and_its_deletions_are_seen(string change, string finding)
    {
        await using var scene = await IncrementScene.CreateAsync(postgres, Two, ["public.a", "public.b"]);
        await scene.BackupAsync();
        await scene.SqlAsync(change);
        await scene.SqlAsync("UPDATE b SET v = 'changed' WHERE id = 3");
        var manifest = await scene.CommittedAsync();
        Assert.Contains(manifest.Findings, f => f.Sentence == finding);
        Assert.Equal([IncrementMode.Full, IncrementMode.Changes], manifest.Increment!.Tables.Select(t => t.Mode));
        await scene.SqlAsync("INSERT INTO a VALUES (900, 'after')");
        Assert.Equal(IncrementMode.Changes, (await scene.CommittedAsync()).Increment!.Tables[0].Mode);
        var (url, _) = await scene.RestoreAsync();
        foreach (var table in (string[])["a", "b"])
            Assert.Equal(await ContentAsync(scene.Url, table), await ContentAsync(url, table));
    }

    [Fact]
    public async Task A_column_that_was_added_is_named_and_the_rows_come_all_the_same()
    {
        await using var scene = await IncrementScene.CreateAsync(postgres, Two, ["public.a"]);
        await scene.BackupAsync();
        await scene.SqlAsync("ALTER TABLE a ADD COLUMN extra int DEFAULT 7; INSERT INTO a VALUES (101, 'new', 8)");
        var manifest = await scene.CommittedAsync();
        Assert.Contains(manifest.Findings, f => f.Sentence == "public.a was copied whole: its columns changed (added extra)");
        var (url, report) = await scene.RestoreAsync();
        Assert.Equal("new", await Database.ScalarAsync<string>(url, "SELECT v FROM a WHERE id = 101"));
        var finding = Assert.Single(report.Findings, f => f.Code == "increment.columns");
        Assert.StartsWith("public.a has no column extra in db_", finding.Sentence, StringComparison.Ordinal);

        await scene.BackupAsync();
        await scene.SqlAsync("INSERT INTO a VALUES (102, 'newer', 9)");
        Assert.Equal(IncrementMode.Changes, (await scene.CommittedAsync()).Increment!.Tables[0].Mode);
        await scene.EqualsSourceAsync();
    }

    [Fact]
    public async Task Deleted_rows_stay_and_it_says_so_and_mode_full_sees_them()
    {
        await using var scene = await IncrementScene.CreateAsync(postgres, Two + "ALTER TABLE b DROP CONSTRAINT b_pkey", []);
        scene.Tables = [IncrementScene.Critical("public.a"), IncrementScene.Critical("public.b", mode: IncrementMode.Full)];
        await scene.BackupAsync();
        await scene.SqlAsync("DELETE FROM a WHERE id = 1; DELETE FROM b WHERE id = 1");
        var manifest = await scene.CommittedAsync();
        Assert.StartsWith("rows deleted from public.a since db_", Assert.Single(manifest.Findings).Sentence, StringComparison.Ordinal);
        var (url, report) = await scene.RestoreAsync();
        Assert.Equal((100L, 99L), (await CountAsync(url, "a"), await CountAsync(url, "b")));
        Assert.Equal(["a", "b"], report.Increments.Select(i => i.Table.Name));
        Assert.Equal(199, report.Rows);
    }

    [Fact]
    public async Task A_unique_value_that_a_deleted_row_held_goes_to_the_new_row()
    {
        await using var scene = await IncrementScene.CreateAsync(postgres,
            "CREATE TABLE person (id int PRIMARY KEY, mail text UNIQUE); INSERT INTO person VALUES (1, 'a@example.org'), (2, 'b@example.org')", ["public.person"]);
        await scene.BackupAsync();
        await scene.SqlAsync("DELETE FROM person WHERE id = 1; INSERT INTO person VALUES (3, 'a@example.org')");
        await scene.CommittedAsync();
        await scene.SqlAsync("UPDATE person SET mail = 'c@example.org' WHERE id = 3; INSERT INTO person VALUES (4, 'a@example.org')");
        await scene.CommittedAsync();
        await scene.EqualsSourceAsync();
    }

    [Fact]
    public async Task Odd_names_keys_of_several_columns_and_types_with_operators_of_their_own_are_restored()
    {
        await using var scene = await IncrementScene.CreateAsync(postgres, """"
            CREATE EXTENSION citext;
            CREATE SCHEMA "My ""Schema""";
            CREATE TABLE "My ""Schema"""."it's, a ü" ("Key, 1" citext NOT NULL, "2" numeric NOT NULL, twice numeric GENERATED ALWAYS AS ("2" * 2) STORED,
                n int GENERATED ALWAYS AS IDENTITY, d jsonb, UNIQUE ("Key, 1", "2"));
            INSERT INTO "My ""Schema"""."it's, a ü" ("Key, 1", "2", d) SELECT 'k' || i, i, '{"a": "\n\t\\"}' FROM generate_series(1, 50) i;
            """", []);
        scene.Tables = [IncrementScene.Critical("\"My \"\"Schema\"\"\".\"it's, a ü\"", "\"Key, 1\", 2")];
        await scene.BackupAsync();
        await scene.SqlAsync(""""
            UPDATE "My ""Schema"""."it's, a ü" SET "Key, 1" = upper("Key, 1"::text), d = '[1]' WHERE "2" <= 5;
            INSERT INTO "My ""Schema"""."it's, a ü" ("Key, 1", "2") VALUES ('new', 1.50);
            """");
        await scene.CommittedAsync();
        await scene.EqualsSourceAsync();
    }

    private static Task<string> ContentAsync(string url, string table) => Database.ScalarAsync<string>(url, $"SELECT string_agg(t::text, ';' ORDER BY id) FROM {table} t");

    private static Task<long> CountAsync(string url, string table) => Database.ScalarAsync<long>(url, $"SELECT count(*) FROM {table}");
}
