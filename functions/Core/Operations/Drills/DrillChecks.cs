using System.Globalization;
using Backup.Core.Model;
using Backup.Core.Policies;
using Backup.Core.Postgres;
using Npgsql;

namespace Backup.Core.Operations.Drills;

/// <summary>
/// Asks a restored database the policy's questions, each in a read-only transaction with a time limit. A question that cannot be asked or whose answer
/// cannot be judged is not a pass.
/// </summary>
public static class DrillChecks
{
    /// <param name="target">Logs in as a plain role.</param>
    /// <param name="snapshotTime">Ages are measured from here: an old backup is not wrong because it is old.</param>
    public static async Task<IReadOnlyList<CheckResult>> AskAsync(
        ConnectionTarget target, IReadOnlyList<DataCheck> checks, DateTimeOffset snapshotTime, TimeSpan timeout, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(checks);
        var results = new List<CheckResult>();
        foreach (var check in checks)
        {
            // A session each: what one does to its session must not change the answer of the next.
            try
            {
                await using var session = await Connector.OpenAsync(target, "backup check", cancel);
                var (answer, trouble) = await AskAsync(session, check.Sql, timeout, cancel);
                results.Add(trouble is null ? Judge(check, answer, snapshotTime) : CouldNot(check, trouble, answer));
            }
            catch (PostgresException e)
            {
                results.Add(CouldNot(check, e.SqlState == PostgresErrorCodes.QueryCanceled ? $"it took longer than {timeout.TotalMinutes:0.#} minutes" : e.MessageText));
            }
            catch (BackupException e)
            {
                results.Add(CouldNot(check, e.Message));
            }
        }

        return results;
    }

    /// <summary>The answer against min, max, equals or maxAge. Pure.</summary>
    public static CheckResult Judge(DataCheck check, string? answer, DateTimeOffset snapshotTime)
    {
        ArgumentNullException.ThrowIfNull(check);
        CheckResult Result(bool met, string reason) => new(check.Name, check.Sql, answer, Expectation(check), met ? Verdict.Pass : Verdict.Fail, met ? null : reason);
        if (answer is null) return Result(false, "there is no answer");
        if (check.EqualTo is { } wanted)
            return Result(answer == wanted || (Number(answer) is { } a && Number(wanted) is { } b && a == b), "the answer is another one");
        if (check.MaxAge is { } maxAge)
        {
            if (Time(answer) is not { } time) return CouldNot(check, "the answer is not a point in time", answer);
            var age = snapshotTime - time;
            return Result(age <= maxAge, $"that is {Span(age)} before the snapshot");
        }

        if (check.Min is null && check.Max is null) return CouldNot(check, "the check expects nothing", answer);
        if (Number(answer) is not { } number) return CouldNot(check, "the answer is not a number", answer);
        return Result(!(number < check.Min) && !(number > check.Max), number < check.Min ? "it is too small" : "it is too large");
    }

    /// <summary>What a check expects, in words.</summary>
    public static string Expectation(DataCheck check)
    {
        ArgumentNullException.ThrowIfNull(check);
        return string.Create(CultureInfo.InvariantCulture, $"{(check.EqualTo is { } wanted ? $"equal to {wanted}"
            : check.MaxAge is { } age ? $"at most {Span(age)} before the snapshot"
            : (check.Min, check.Max) switch
            {
                ({ } min, { } max) => $"{min} to {max}",
                ({ } min, null) => $"at least {min}",
                (null, { } max) => $"at most {max}",
                _ => "nothing",
            })}");
    }

    // As text, under settings that make one spelling of it; the search path stays the database's own, as the application has it.
    private static async Task<(string? Answer, string? Trouble)> AskAsync(NpgsqlConnection session, string sql, TimeSpan timeout, CancellationToken cancel)
    {
        if (string.IsNullOrWhiteSpace(sql)) return (null, "it asks nothing");
        var settings = SessionSettings.Output.Where(s => s.Key != "search_path")
            .Append(new("statement_timeout", ((long)timeout.TotalMilliseconds).ToString(CultureInfo.InvariantCulture)));
        await using (var begin = new NpgsqlCommand($"{SessionSettings.ToSql(settings)} BEGIN TRANSACTION READ ONLY;", session)) await begin.ExecuteNonQueryAsync(cancel);
        await using var question = new NpgsqlCommand(sql, session) { AllResultTypesAreUnknown = true };
        await using var row = await question.ExecuteReaderAsync(cancel);
        if (row.FieldCount != 1) return (null, $"it returns {row.FieldCount} columns; a check has one value");
        if (!await row.ReadAsync(cancel)) return (null, null);
        var answer = await row.IsDBNullAsync(0, cancel) ? null : row.GetString(0);
        if (row.GetDataTypeName(0) == "boolean") answer = answer switch { "t" => "true", "f" => "false", _ => answer };
        return await row.ReadAsync(cancel) ? (answer, "it returns more than one row; a check has one value") : (answer, null);
    }

    private static CheckResult CouldNot(DataCheck check, string why, string? answer = null) =>
        new(check.Name, check.Sql, answer, Expectation(check), Verdict.CouldNotVerify, why);

    private static decimal? Number(string text) =>
        decimal.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : null;

    // A time without zone is taken as UTC, as the session does.
    private static DateTimeOffset? Time(string text) =>
        DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) && text.Contains('-', StringComparison.Ordinal) ? time : null;

    private static string Span(TimeSpan span) => string.Create(CultureInfo.InvariantCulture,
        $"{(span.TotalHours >= 72 ? $"{span.TotalDays:0.#} days" : span.TotalMinutes >= 90 ? $"{span.TotalHours:0.#} hours" : $"{span.TotalMinutes:0.#} minutes")}");
}
