using Backup.Core.Model;
using Backup.Core.Operations.Drills;
using Backup.Core.Policies;
using Backup.Core.Postgres;
using Backup.Tests.Support;

namespace Backup.Core.Tests.Drills;

public sealed class DrillCheckTests(PostgresFixture postgres)
{
    private static readonly DateTimeOffset _snapshot = new(2026, 3, 4, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData("5", "min=5", Verdict.Pass)]
    [InlineData("4.99", "min=5", Verdict.Fail)]
    [InlineData("-1", "max=0", Verdict.Pass)]
    [InlineData("1", "max=0", Verdict.Fail)]
    [InlineData("7", "min=5,max=9", Verdict.Pass)]
    [InlineData("10", "min=5,max=9", Verdict.Fail)]
    [InlineData("1e2", "min=100", Verdict.Pass)]
    [InlineData(null, "min=0", Verdict.Fail)]
    [InlineData("NaN", "min=0", Verdict.CouldNotVerify)]
    [InlineData("many", "min=0", Verdict.CouldNotVerify)]
    [InlineData("0", "equals=0", Verdict.Pass)]
    [InlineData("0.00", "equals=0", Verdict.Pass)]
    [InlineData("true", "equals=true", Verdict.Pass)]
    [InlineData("O'Brien", "equals=O'Brien", Verdict.Pass)]
    [InlineData("1", "equals=0", Verdict.Fail)]
    [InlineData(null, "equals=0", Verdict.Fail)]
    [InlineData("2026-03-03 10:00:00+00", "maxAge=26", Verdict.Pass)]
    [InlineData("2026-03-03 09:59:59.999+00", "maxAge=26", Verdict.Fail)]
    [InlineData("2026-03-03 15:00:00+05", "maxAge=26", Verdict.Pass)]
    [InlineData("2026-03-03 10:00:00", "maxAge=26", Verdict.Pass)]
    [InlineData("2026-03-03", "maxAge=36", Verdict.Pass)]
    [InlineData("2027-01-01 00:00:00+00", "maxAge=1", Verdict.Pass)]
    [InlineData("infinity", "maxAge=1", Verdict.CouldNotVerify)]
    [InlineData("12", "maxAge=1", Verdict.CouldNotVerify)]
    [InlineData(null, "maxAge=1", Verdict.Fail)]
    [InlineData("1", "", Verdict.CouldNotVerify)]
    public void An_answer_is_judged_against_the_snapshots_time_and_never_passes_by_default(string? answer, string expectation, Verdict verdict)
    {
        var check = new DataCheck { Name = "c", Sql = "select 1" };
        foreach (var part in expectation.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(p => p.Split('=')))
        {
            check = part[0] switch
            {
                "min" => check with { Min = decimal.Parse(part[1], System.Globalization.CultureInfo.InvariantCulture) },
                "max" => check with { Max = decimal.Parse(part[1], System.Globalization.CultureInfo.InvariantCulture) },
                "equals" => check with { EqualTo = part[1] },
                _ => check with { MaxAge = TimeSpan.FromHours(int.Parse(part[1], System.Globalization.CultureInfo.InvariantCulture)) },
            };
        }

        var result = DrillChecks.Judge(check, answer, _snapshot);
        Assert.Equal(verdict, result.Verdict);
        Assert.Equal(verdict == Verdict.Pass, result.Reason is null);
    }

    [Theory]
    [InlineData("select count(*) from t", "3", Verdict.Pass, null)]
    [InlineData("select count(*) = 3 from t", "true", Verdict.Pass, null)]
    [InlineData("select max(at) from t", "2024-01-02 03:04:05+00", Verdict.Pass, null)]
    [InlineData("select 1 from t where false", null, Verdict.Fail, "there is no answer")]
    [InlineData("select max(at) from t where false", null, Verdict.Fail, "there is no answer")]
    [InlineData("select id from t", "1", Verdict.CouldNotVerify, "it returns more than one row")]
    [InlineData("select 1, 2", null, Verdict.CouldNotVerify, "it returns 2 columns")]
    [InlineData("select count(*) from nowhere", null, Verdict.CouldNotVerify, "relation \"nowhere\" does not exist")]
    [InlineData("not sql", null, Verdict.CouldNotVerify, "syntax error")]
    [InlineData("delete from t returning 3", null, Verdict.CouldNotVerify, "read-only transaction")]
    [InlineData("select pg_sleep(60)", null, Verdict.CouldNotVerify, "it took longer than")]
    [InlineData(" ", null, Verdict.CouldNotVerify, "it asks nothing")]
    [InlineData("set work_mem = 100", null, Verdict.CouldNotVerify, "it returns 0 columns")]
    public async Task A_question_is_asked_read_only_and_one_that_cannot_be_asked_is_no_pass(string sql, string? answer, Verdict verdict, string? reason)
    {
        await using var database = await postgres.CreateDatabaseAsync("checks");
        await Database.SqlAsync(database.Url, $"""
            CREATE SCHEMA app; CREATE TABLE app.t AS SELECT i AS id, timestamptz '2024-01-02 03:04:05+00' AS at FROM generate_series(1, 3) i;
            ALTER DATABASE "{database.Name}" SET search_path = app; ALTER DATABASE "{database.Name}" SET TimeZone = 'Asia/Kathmandu'; ALTER DATABASE "{database.Name}" SET DateStyle = 'SQL, DMY';
            """);
        var check = new DataCheck { Name = "c", Sql = sql, EqualTo = answer ?? "3" };
        var result = Assert.Single(await DrillChecks.AskAsync(ConnectionText.Parse(database.Url, "the test", "nobody"), [check], _snapshot, TimeSpan.FromMilliseconds(1500), TestContext.Current.CancellationToken));
        Assert.Equal((answer, verdict), (result.Answer, result.Verdict));
        Assert.Contains(reason ?? "", result.Reason ?? "", StringComparison.Ordinal);
        Assert.Equal(3L, await Database.ScalarAsync<long>(database.Url, "SELECT count(*) FROM app.t"));
    }
}
