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
}
