using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Postgres;
using Npgsql;

namespace Backup.Core.Operations.Schemas;

/// <summary>
/// The end of a restore of schemas: what joins them with the rest of the target. Rows of others' tables first, since foreign keys point to them and
/// triggers would run with them. What does not hold or is not allowed becomes a finding; the schemas themselves are restored by then.
/// </summary>
internal sealed class SchemaEnd(RestoreRequest request, SchemaRestore schemas, RowsOf rows, ConnectionTarget target, ServerFacts server)
{
    private readonly List<Finding> _findings = [];
    private IReadOnlyList<string> _rights = [];
    private bool _isFilled;

    public IReadOnlyList<Finding> Findings => _findings;

    /// <summary>Before the first statement of the restore: what the schemas that are there have of their own.</summary>
    public async Task RememberAsync(CancellationToken cancel) => _rights = await SchemaRights.RememberAsync(target, request.Schemas, cancel);

    public async Task FinishAsync(ArchiveRestore archive, RestorePlan plan, Toolbox tools, Action<int> count, CancellationToken cancel)
    {
        await rows.LoadAsync(archive, await archive.ListAsync(cancel), target, server.Major, tools, count, cancel);
        _isFilled = request.RowsOf.Count > 0;
        await using (var loader = await RowLoader.OpenAsync(target, SessionSettings.Loading(server.Major), cancel))
        {
            var made = new List<ForeignKey>();
            foreach (var key in plan.Outside)
                if (await MakeAsync(loader, key, cancel)) made.Add(key);
            await archive.SectionAsync("post-data", [.. plan.CommentsOn(made)], 1, cancel);
        }

        foreach (var one in schemas.Attached) await AttachAsync(archive, one, cancel);
    }

    /// <summary>
    /// After a failure: removes what the restore has made in the chosen schemas, by the names that the archive has. They were empty before, and get back their rights. What somebody else has made
    /// meanwhile stays, and when something of theirs would go with it, all of it stays. Rows in others' tables stay: by now somebody may have added theirs.
    /// </summary>
    /// <param name="notMade">Where pg_restore has stopped: what comes after it in the archive is not this restore's. Null: nobody knows, and names decide.</param>
    /// <returns>What is still there.</returns>
    public async Task<IReadOnlyList<string>> UndoAsync(int? notMade)
    {
        var remains = new List<string>();
        if (_isFilled) remains.Add($"the rows of {string.Join(", ", request.RowsOf)} (leave out --rows-of, or delete them)");
        if (request.Schemas.Count > 0 && await TryEmptyAsync(notMade) is { } left) remains.Add(left);
        return remains;
    }

    private async Task<string?> TryEmptyAsync(int? notMade)
    {
        try
        {
            await using var session = await SchemaTarget.OpenAsync(target, CancellationToken.None);
            var place = new SchemaTarget(session);
            var made = schemas.Entries.TakeWhile(e => e.DumpId != notMade).Select(e => e.DumpId).ToHashSet();
            var ours = schemas.Inside.Where(o => o.Schema is not null && made.Contains(o.Id)).Select(o => (o.Schema!, o.Name)).ToHashSet();
            var members = (await place.MembersAsync(request.Schemas, CancellationToken.None)).Where(m => ours.Contains((m.Schema, ArchiveObject.OneLine(m.Name)))).ToList();
            await using var transaction = await session.BeginTransactionAsync();
            if (await place.DependentsAsync([.. members.Select(m => m.Address)], [.. schemas.Attached.SelectMany(AfterTable)], CancellationToken.None) is { Count: > 0 } others)
                return Everything($"these are not this restore's and need it: {string.Join(", ", others.Take(10))}");
            foreach (var sql in members.Select(m => $"DROP {Word(m.Kind)} IF EXISTS {m.Sql} CASCADE"))
            {
                await using var drop = new NpgsqlCommand(sql, session);
                await drop.ExecuteNonQueryAsync();
            }

            var own = schemas.Inside.Where(o => o.Kind == "SCHEMA" && made.Contains(o.Id)).Select(o => o.Name).ToList();
            await transaction.CommitAsync();
            var left = (await place.MembersAsync(request.Schemas, CancellationToken.None)).Select(m => $"{m.Kind} {m.Sql}").ToList();
            foreach (var schema in own)
                if (!await TryDropAsync(session, TableName.Quote(schema))) left.Add($"schema {TableName.Quote(schema)}, in which extensions or these objects lie");
            if (await TryGiveBackAsync(session, [.. request.Schemas.Except(own)]) is { } problem) left.Add($"changed rights of the schemas themselves ({problem})");
            return left.Count > 0 ? $"{string.Join(", ", left.Take(10))} (no more than what this restore has certainly made is dropped)" : null;
        }
        catch (Exception e) when (e is NpgsqlException or BackupException)
        {
            return Everything(e.Message);
        }
    }

    /// <summary>False when something lies in it: an extension, or what somebody else has made.</summary>
    private static async Task<bool> TryDropAsync(NpgsqlConnection session, string schema)
    {
        try
        {
            await using var drop = new NpgsqlCommand($"DROP SCHEMA IF EXISTS {schema}", session);
            await drop.ExecuteNonQueryAsync();
            return true;
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.DependentObjectsStillExist)
        {
            return false;
        }
    }

    /// <summary>A transaction of its own: a right that may not be given must not keep the objects.</summary>
    private async Task<string?> TryGiveBackAsync(NpgsqlConnection session, IReadOnlyList<string> there)
    {
        try
        {
            await using var transaction = await session.BeginTransactionAsync();
            await SchemaRights.GiveBackAsync(session, there, _rights, CancellationToken.None);
            await transaction.CommitAsync();
            return null;
        }
        catch (PostgresException e)
        {
            return $"{e.MessageText}, SQLSTATE {e.SqlState}";
        }
    }

    private string Everything(string reason) => $"everything in {string.Join(", ", request.Schemas.Select(TableName.Quote))} ({reason})";

    private static string Word(string kind) => kind switch
    {
        "function" or "procedure" or "aggregate" => "ROUTINE",
        "statistics object" => "STATISTICS",
        _ => kind.ToUpperInvariant(),
    };

    private async Task<bool> MakeAsync(RowLoader loader, ForeignKey key, CancellationToken cancel)
    {
        var (from, to, name) = (TableName.Parse(key.From), TableName.Parse(key.To), key.Name.Trim('"'));
        try
        {
            await loader.ExecuteAsync(key.Statement, cancel);
            return true;
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.ForeignKeyViolation)
        {
            var bringRows = $"Bring the rows of {to}: backup restore {request.Backup.Id} --rows-of {RestoreByHand.Shell($"{to}")} …; then: ";
            if (await IsMadeAsync(loader, $"{key.Statement} NOT VALID", cancel))
            {
                Find(FindingCode.SchemaForeignKey, from, $"the foreign key {name} of {from} does not hold: rows of {to} that it points to are missing; it was made NOT VALID, so it checks new rows only",
                    $"{bringRows}ALTER TABLE {from.Sql} VALIDATE CONSTRAINT {key.Name};");
                return true;
            }

            Find(FindingCode.SchemaForeignKey, from, $"the foreign key {name} of {from} does not hold: rows of {to} that it points to are missing; it was left out", $"{bringRows}{OneLine(key.Statement)};");
        }
        catch (PostgresException e)
        {
            Find(FindingCode.SchemaForeignKey, from, $"the foreign key {name} of {from} to {to} was left out: {e.MessageText} (SQLSTATE {e.SqlState})", $"Mend what the message names; then: {OneLine(key.Statement)};");
        }

        return false;
    }

    private static async Task<bool> IsMadeAsync(RowLoader loader, string sql, CancellationToken cancel)
    {
        try
        {
            await loader.ExecuteAsync(sql, cancel);
            return true;
        }
        catch (PostgresException)
        {
            return false; // not possible where a partitioned table is concerned
        }
    }

    private async Task AttachAsync(ArchiveRestore archive, ArchiveObject one, CancellationToken cancel)
    {
        try
        {
            await archive.SectionAsync("post-data", [one.Entry, .. schemas.AttachedComments[one.Id]], 1, cancel);
        }
        catch (BackupException e) when (e.Code == ErrorCode.RestoreFailed)
        {
            var sql = string.Join(' ', (await archive.ScriptAsync([one.Entry], cancel)).Split('\n').Where(l => (l.StartsWith("CREATE ", StringComparison.Ordinal) || l.StartsWith("ALTER ", StringComparison.Ordinal))));
            _findings.Add(FindingCode.SchemaLeftOut.On($"{one}", $"{one} was left out: {e.Message}", $"Run as a role that may: {sql}"));
        }
    }

    /// <summary>Of <c>table name</c> every end that may be the name: both may hold blanks.</summary>
    private static IEnumerable<string> AfterTable(ArchiveObject attached) =>
        attached.Name.Select((c, i) => (c, i)).Where(p => p.c == ' ').Select(p => attached.Name[(p.i + 1)..]);

    private static string OneLine(string sql) => sql.ReplaceLineEndings(" ");

    private void Find(FindingCode code, TableName subject, string sentence, string nextStep) => _findings.Add(code.On($"{subject}", sentence, nextStep));
}
