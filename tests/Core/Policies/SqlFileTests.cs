using Backup.Core.Model;
using Backup.Core.Policies;

namespace Backup.Core.Tests.Policies;

/// <summary>The file of a policy's <c>afterRestore</c>: what is run, what is refused, and what is said about it.</summary>
public sealed class SqlFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("backup-sql-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_file_is_cut_where_PostgreSQL_ends_its_statements()
    {
        var file = SqlFile.Read(Write("""
            -- a comment; with a semicolon, and a quote that's no quote
            DELETE FROM a WHERE name = 'it''s; one' AND "col;umn" = E'x\';y' ;
            /* one; /* two; */ three; */ ;;
            DO $body$ BEGIN PERFORM 'a;b'; EXECUTE $q$SELECT 1; SELECT 2$q$; END $body$;
            CREATE RULE r AS ON DELETE TO a DO ALSO (DELETE FROM b; DELETE FROM c);
            CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 2 END; END;
            UPDATE a$b$ SET x = y::text, z = $$;$$ WHERE j @> '{"k": ";"}'; SELECT 1 --; last
            """));
        Assert.Equal([(2, "DELETE"), (4, "DO"), (5, "CREATE"), (6, "CREATE"), (7, "UPDATE"), (7, "SELECT")], file.Statements.Select(s => (s.Line, s.Words[0])));
        Assert.Equal("""DELETE FROM a WHERE name = 'it''s; one' AND "col;umn" = E'x\';y'""", file.Statements[0].Text);
        Assert.EndsWith("END", file.Statements[3].Text, StringComparison.Ordinal);
        Assert.StartsWith("SELECT 1", file.Statements[5].Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\n")]
    [InlineData("\r\n")]
    [InlineData("\r")]
    public void A_comment_ends_with_its_line_whichever_way_lines_end(string end) =>
        Assert.Equal(["DELETE FROM a", "DELETE FROM b"], SqlFile.Read(Write(string.Join(end, "DELETE FROM a;", "-- and then", "DELETE FROM b;"))).Statements.Select(s => s.Text));

    [Theory]
    [InlineData("", "holds no statement")]
    [InlineData("-- nothing yet\n;\n/* ; */", "holds no statement")]
    [InlineData("SELECT 1;\n\\! touch /tmp/owned", "cannot be used: line 2: a backslash stands outside of quotes: commands of psql are not run, write SQL only")]
    [InlineData("SELECT 1 \\gexec", "cannot be used: line 1: a backslash stands outside of quotes: commands of psql are not run, write SQL only")]
    [InlineData("\\i /etc/passwd", "cannot be used: line 1: a backslash stands outside of quotes: commands of psql are not run, write SQL only")]
    [InlineData("SELECT 'a\\';\n\\copy people to '/tmp/x'", "cannot be used: line 2: a backslash stands outside of quotes: commands of psql are not run, write SQL only")]
    [InlineData("COPY people TO PROGRAM 'curl example.com'", "cannot be used: line 1: COPY is not run: write INSERT, UPDATE or DELETE")]
    [InlineData("/* x */ copy people from stdin;\n1\n\\.\n", "cannot be used: line 3: a backslash stands outside of quotes: commands of psql are not run, write SQL only")]
    [InlineData("\n\nbegin;\nDELETE FROM people;\ncommit;", "cannot be used: line 3: the whole file is one transaction: leave BEGIN out")]
    [InlineData("DELETE FROM people;COMMIT", "cannot be used: line 1: the whole file is one transaction: leave COMMIT out")]
    [InlineData("PREPARE TRANSACTION 'x'", "cannot be used: line 1: the whole file is one transaction, which PREPARE TRANSACTION would leave behind")]
    [InlineData("SELECT 1;\nDELETE FROM people WHERE name = 'maria", "cannot be used: line 2: a quote begins that never ends")]
    [InlineData("SELECT E'maria\\'", "cannot be used: line 1: a quote begins that never ends")]
    [InlineData("DO $x$ maria $y$", "cannot be used: line 1: a dollar quote begins that never ends")]
    [InlineData("SELECT 1 /* /* maria */", "cannot be used: line 1: a comment begins that never ends")]
    [InlineData("SELECT \0", "is not UTF-8 text")]
    public void What_is_not_run_is_refused_with_its_line_and_without_its_text(string content, string expected)
    {
        var path = Write(content);
        var e = Assert.Throws<BackupException>(() => SqlFile.Read(path));
        Assert.Equal((ErrorCode.PolicyInvalid, $"{path}, which is to be run after a restore, {expected}"), (e.Code, e.Message));
        Assert.DoesNotContain("maria", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_not_there_is_an_error_of_the_policy_and_keeps_no_backup_from_being_made()
    {
        var text = PolicyText.Least + "    afterRestore: gone.sql\n";
        var reading = PolicyText.Read(text, folder: _folder);
        Assert.Equal(["databases[0].afterRestore (line 6): \"gone.sql\" does not exist → write the path, from the policy's folder, of a file with SQL statements"], reading.Problems.Select(PolicyReading.Describe));
        Assert.Equal(Severity.Critical, reading.Problems[0].Severity);
        Assert.Equal(Path.Combine(_folder, "gone.sql"), reading.OrThrow().Databases[0].AfterRestore);
        // Together with a problem that does prevent it, both are told.
        Assert.Equal(2, PolicyText.Read(text + "lokc: none\n", folder: _folder).Problems.Count);
        Assert.Null(PolicyText.Read(text + "lokc: none\n", folder: _folder).Policy);
    }

    [Fact]
    public void A_folder_or_a_file_of_endless_length_is_no_file_of_SQL()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "sub"));
        Assert.EndsWith(" does not exist", Assert.Throws<BackupException>(() => SqlFile.Read(Path.Combine(_folder, "sub"))).Message, StringComparison.Ordinal);
        Assert.EndsWith(" is larger than 4 MiB", Assert.Throws<BackupException>(() => SqlFile.Read(Write(new string(' ', (4 << 20) + 1)))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_long_list_of_people_is_cut_quickly()
    {
        var file = SqlFile.Read(Write(string.Concat(Enumerable.Range(1, 60_000).Select(i => $"DELETE FROM people WHERE id = {i};\n"))));
        Assert.Equal((60_000, 60_000), (file.Statements.Count, file.Statements[^1].Line));
    }

    [Fact]
    public void A_lock_has_a_reason_where_it_is_written_as_a_map()
    {
        var policy = PolicyText.Valid(PolicyText.Least + "lock: { mode: compliance, reason: accounts must be kept for seven years }\n");
        Assert.Equal((LockMode.Compliance, "accounts must be kept for seven years"), (policy.Lock, policy.LockReason));
        Assert.Equal((LockMode.Governance, null), (PolicyText.Valid(PolicyText.Least + "lock: governance\n").Lock, PolicyText.Valid(PolicyText.Least + "lock: governance\n").LockReason));
        Assert.Contains("lock.mode (line 6): is required and missing", Assert.Single(PolicyText.Problems(PolicyText.Least + "lock: { reason: x }\n")), StringComparison.Ordinal);
    }

    private string Write(string content)
    {
        var path = Path.Combine(_folder, "erasures.sql");
        File.WriteAllText(path, content);
        return path;
    }
}
