using Backup.Core.Machine;

namespace Backup.Core.Tests.Machine;

public sealed class ToolProcessTests
{
    [Fact]
    public void A_row_that_the_server_repeats_is_not_passed_on()
    {
        var lines = ToolProcess.ErrorLines(
            """
            psql:<stdin>:3: ERROR:  23514: new row for relation "t" violates check constraint "c"
            DETAIL:  Failing row contains (1, hunter2).
            CONTEXT:  COPY t, line 1: "1	hunter2"
            LOCATION:  ExecConstraints, execMain.c:2038
            """);
        Assert.Equal(["""psql:<stdin>:3: ERROR:  23514: new row for relation "t" violates check constraint "c" """.TrimEnd(), "LOCATION:  ExecConstraints, execMain.c:2038"], lines);
    }

    [Fact]
    public void A_row_with_newlines_in_its_values_is_not_passed_on_either()
    {
        var lines = ToolProcess.ErrorLines(
            """
            pg_restore: error: could not execute query: ERROR:  duplicate key value violates unique constraint "u"
            DETAIL:  Key (v)=(first line
            hunter2
            last line) already exists.
            Command was: ALTER TABLE ONLY t ADD CONSTRAINT u UNIQUE (v);
            HINT:  none
            CONTEXT:  COPY t, line 1: "a
            hunter3"
            """);
        Assert.Equal(["""pg_restore: error: could not execute query: ERROR:  duplicate key value violates unique constraint "u" """.TrimEnd(),
            "Command was: ALTER TABLE ONLY t ADD CONSTRAINT u UNIQUE (v);", "HINT:  none"], lines);
    }

    [Fact]
    public void A_statement_is_shown_up_to_its_first_value()
    {
        var lines = ToolProcess.ErrorLines(
            """
            pg_restore: error: could not execute query: ERROR:  must be superuser to create subscriptions
            Command was: CREATE SUBSCRIPTION s CONNECTION 'host=h password=hunter2'
                PUBLICATION p WITH (connect = false, slot_name = 'hunter3');
            psql:<stdin>:3: ERROR:  42601: syntax error
            LINE 1: CREATE USER MAPPING FOR bob SERVER s OPTIONS (password 'hunter4')
                                            ^
            """);
        Assert.Equal(["pg_restore: error: could not execute query: ERROR:  must be superuser to create subscriptions", "Command was: CREATE SUBSCRIPTION s CONNECTION …",
            "psql:<stdin>:3: ERROR:  42601: syntax error", "LINE 1: CREATE USER MAPPING FOR bob SERVER s OPTIONS (password …"], lines);
    }
}
