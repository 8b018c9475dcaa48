using System.Globalization;
using System.Text;
using Backup.Core.Model;
using Backup.Core.Operations.Schemas;
using Backup.Core.Postgres;
using Npgsql;

namespace Backup.Core.Operations;

/// <summary>
/// The server and the database that a restore writes to: makes, swaps and removes databases, and removes only what it has made.
/// </summary>
public sealed class RestoreTarget : IAsyncDisposable
{
    private readonly RestoreRequest _request;
    private readonly NpgsqlConnection _admin;

    private RestoreTarget(RestoreRequest request, NpgsqlConnection admin, ServerFacts server)
    {
        _request = request;
        _admin = admin;
        Server = server;
        Working = request.Target;
    }

    public ServerFacts Server { get; }

    /// <summary>The database that is being filled: the target itself, or the one beside it.</summary>
    public ConnectionTarget Working { get; private set; }

    /// <summary>True when <see cref="Working"/> was made by this restore, so that a failure may remove it.</summary>
    public bool Made { get; private set; }

    private Manifest Manifest => _request.Backup.Manifest!;

    public static async Task<RestoreTarget> OpenAsync(RestoreRequest request, CancellationToken cancel)
    {
        PoolerProbe.CheckUrl(request.Target);
        var admin = await OpenAdminAsync(request, cancel);
        try
        {
            await PoolerProbe.CheckSessionsAsync(admin, request.Target.WithDatabase(admin.Database), cancel);
            await SessionSettings.PinAsync(admin, SessionSettings.Administering, cancel);
            return new RestoreTarget(request, admin, await ServerFacts.ReadAsync(admin, cancel));
        }
        catch
        {
            await admin.DisposeAsync();
            throw;
        }
    }

    /// <summary>Everything that speaks against this target, before anything is fetched or written. What may disturb becomes a finding.</summary>
    public Task CheckAsync(ICollection<Finding> findings, CancellationToken cancel) => new TargetCheck(_request, _admin, Server).CheckAsync(findings, cancel);

    /// <summary>For a restore of schemas: what of the archive goes here, and what that needs.</summary>
    internal async Task<SchemaRestore> PrepareAsync(ArchiveRestore archive, ICollection<Finding> findings, CancellationToken cancel)
    {
        await using var session = await SchemaTarget.OpenAsync(_request.Target.WithDatabase(_admin.Database), cancel);
        return await SchemaRestore.PrepareAsync(archive, _request, session, Server, findings, cancel);
    }

    /// <summary>Once more, as the last thing before the first is made: a fetch takes its time, and what has come meanwhile is somebody else's.</summary>
    internal async Task CheckSchemasAsync(CancellationToken cancel)
    {
        if (_request.Mode != RestoreMode.Empty || !_request.IsPartial) return;
        await using var session = await SchemaTarget.OpenAsync(_request.Target, cancel);
        await new TargetCheck(_request, session, Server).CheckSchemasAsync(cancel);
    }

    /// <summary>Makes the database to fill, where the mode asks for one.</summary>
    public async Task MakeAsync(DateTimeOffset now, CancellationToken cancel)
    {
        if (_request.Mode == RestoreMode.Empty) return;
        var name = _request.Mode == RestoreMode.Create ? _request.Target.Database : Suffixed("restore", now);
        var s = Manifest.Snapshot;
        var provider = s.LocaleProvider switch
        {
            "i" => $" LOCALE_PROVIDER icu ICU_LOCALE {TableName.Literal(s.IcuLocale ?? "")}",
            "b" => $" LOCALE_PROVIDER builtin BUILTIN_LOCALE {TableName.Literal(s.IcuLocale ?? "")}",
            _ => "",
        };
        cancel.ThrowIfCancellationRequested();
        // A matter of a second, and not to be stopped: nobody would know whether there is a database to remove.
        await ExecuteAsync($"CREATE DATABASE {TableName.Quote(name)} TEMPLATE template0 ENCODING {TableName.Literal(s.Encoding)} "
            + $"LC_COLLATE {TableName.Literal(s.Collation)} LC_CTYPE {TableName.Literal(s.Ctype)}{provider}", CancellationToken.None);
        Working = _request.Target.WithDatabase(name);
        Made = true;
    }

    /// <summary>Gives the new database the settings, grants and comment of the original. What this role may not set becomes a finding.</summary>
    public async Task ApplySettingsAsync(ICollection<Finding> findings, CancellationToken cancel)
    {
        if (!Made) return;
        foreach (var template in Manifest.Snapshot.DatabaseSql.Where(s => !_request.NoOwner || !NamesARole(s)))
        {
            try
            {
                await ExecuteAsync(RestoreByHand.ForDatabase(template, TableName.Quote(Working.Database)), cancel);
            }
            catch (BackupException e) when (e.InnerException is PostgresException)
            {
                findings.Add(FindingCode.DatabaseSetting.On(Working.Database, $"a setting of the database was not restored: {e.Message}",
                    $"Run as an administrator: {RestoreByHand.ForDatabase(template, TableName.Quote(_request.Target.Database))};"));
            }
        }
    }

    private static bool NamesARole(string sql) => !sql.StartsWith("COMMENT ", StringComparison.Ordinal)
        && !sql.StartsWith("ALTER DATABASE {database} SET ", StringComparison.Ordinal)
        && !sql.StartsWith("ALTER DATABASE {database} CONNECTION LIMIT ", StringComparison.Ordinal);

    /// <summary>
    /// Puts the restored database in the place of the old one, which is kept under another name. Both renames are one transaction: there is
    /// no moment without a database of that name.
    /// </summary>
    /// <returns>The name of the kept one, or null when there was none.</returns>
    public async Task<string?> SwapAsync(DateTimeOffset now, CancellationToken cancel)
    {
        if (_request.Mode != RestoreMode.Replace) return null;
        var name = _request.Target.Database;
        var exists = await TargetCheck.ExistsAsync(_admin, name, cancel);
        var kept = exists ? Suffixed("before", now) : null;
        if (exists)
        {
            var oldName = name;
            await ExecuteAsync($"ALTER DATABASE {TableName.Quote(name)} WITH ALLOW_CONNECTIONS false", cancel);
            try
            {
                await ExecuteAsync($"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {TableName.Literal(name)} AND pid <> pg_backend_pid()", cancel);
                await SwapNamesAsync(name, kept!, cancel);
                oldName = kept!;
            }
            finally
            {
                await OpenAgainAsync(oldName);
            }
        }
        else
        {
            await ExecuteAsync($"ALTER DATABASE {TableName.Quote(Working.Database)} RENAME TO {TableName.Quote(name)}", cancel);
        }

        Working = _request.Target;
        Made = false;
        return kept;
    }

    /// <summary>After a failure: removes the half-filled database that this restore has made, never another one.</summary>
    /// <returns>Null, or the statement that is left to be run because the server does not answer.</returns>
    public async Task<string?> AbandonAsync()
    {
        if (!Made) return null;
        var drop = $"DROP DATABASE IF EXISTS {TableName.Quote(Working.Database)} WITH (FORCE)";
        if (!await TryInNewSessionAsync(drop)) return drop + ";";
        Made = false;
        return null;
    }

    public ValueTask DisposeAsync() => _admin.DisposeAsync();

    private async Task OpenAgainAsync(string database)
    {
        var open = $"ALTER DATABASE {TableName.Quote(database)} WITH ALLOW_CONNECTIONS true";
        if (await TryInNewSessionAsync(open)) return;
        throw new BackupException(ErrorCode.RestoreFailed, $"the server was lost in the middle of the swap, and {database} accepts no connections now",
            $"When the server answers, run as an administrator: {open};");
    }

    // The failure that led here may have been the end of this restore's own session.
    private async Task<bool> TryInNewSessionAsync(string sql)
    {
        try
        {
            await using var session = await OpenAdminAsync(_request, CancellationToken.None);
            await SessionSettings.PinAsync(session, SessionSettings.Administering, CancellationToken.None);
            await using var command = new NpgsqlCommand(sql, session);
            await command.ExecuteNonQueryAsync();
            return true;
        }
        catch (Exception e) when (e is NpgsqlException or BackupException)
        {
            return false;
        }
    }

    private async Task SwapNamesAsync(string name, string kept, CancellationToken cancel)
    {
        // Sessions that were told to end need a moment to do so.
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await ExecuteAsync($"BEGIN; ALTER DATABASE {TableName.Quote(name)} RENAME TO {TableName.Quote(kept)}; "
                    + $"ALTER DATABASE {TableName.Quote(Working.Database)} RENAME TO {TableName.Quote(name)}; COMMIT", CancellationToken.None);
                return;
            }
            catch (BackupException e) when (attempt < 20 && e.InnerException is PostgresException { SqlState: PostgresErrorCodes.ObjectInUse })
            {
                await ExecuteAsync("ROLLBACK", cancel);
                await Task.Delay(TimeSpan.FromMilliseconds(250), cancel);
            }
        }
    }

    private string Suffixed(string what, DateTimeOffset now)
    {
        var suffix = $"_{what}_{now.UtcDateTime.ToString("yyyyMMddHHmmss", CultureInfo.InvariantCulture)}";
        // A name has 63 bytes; a longer one would be cut by the server, and nobody would find it under the name that was reported.
        var name = _request.Target.Database;
        while (Encoding.UTF8.GetByteCount(name) > 63 - suffix.Length) name = name[..^(char.IsLowSurrogate(name[^1]) ? 2 : 1)];
        return name + suffix;
    }

    // Databases are made and renamed from another one; an existing empty target is looked at from inside.
    private static async Task<NpgsqlConnection> OpenAdminAsync(RestoreRequest request, CancellationToken cancel)
    {
        if (request.Mode == RestoreMode.Empty) return await Connector.OpenAsync(request.Target, "backup restore", cancel);
        try
        {
            var maintenance = request.Target.Database == "postgres" ? "template1" : "postgres";
            return await Connector.OpenAsync(request.Target.WithDatabase(maintenance), "backup restore", cancel);
        }
        catch (BackupException e) when (e.InnerException is PostgresException { SqlState: PostgresErrorCodes.InvalidCatalogName or PostgresErrorCodes.InsufficientPrivilege })
        {
            return await Connector.OpenAsync(request.Target.WithDatabase("template1"), "backup restore", cancel);
        }
    }

    private async Task ExecuteAsync(string sql, CancellationToken cancel)
    {
        try
        {
            await using var command = new NpgsqlCommand(sql, _admin);
            await command.ExecuteNonQueryAsync(cancel);
        }
        catch (PostgresException e)
        {
            throw new BackupException(ErrorCode.RestoreFailed, $"{_request.Target} says: {e.MessageText} (SQLSTATE {e.SqlState})", "Mend what the message names; then run it again.", e);
        }
    }
}
