using System.Security.Cryptography;
using Backup.Core.Model;
using Npgsql;

namespace Backup.Core.Postgres;

/// <summary>
/// The two logins that take turns: while one is used, the other one's password is changed. Each may read everything and change nothing but its own
/// password, so rotation needs no administrator and a running dump keeps its session.
/// </summary>
public static class BackupRoles
{
    private const string Suffix = "_clone";

    /// <summary>40 letters and digits, 238 bits: nothing to escape in a URL, a shell or SQL.</summary>
    private const int PasswordLength = 40;
    private const string Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

    /// <summary>Neon's words for "not a verifier". Any other refusal is a failure, never a reason to send clear text.</summary>
    private const string NeonRefusal = "only supports being given plaintext passwords";

    public static string NewPassword() => RandomNumberGenerator.GetString(Alphabet, PasswordLength);

    /// <summary>The login whose turn is next: <c>name</c> → <c>name_clone</c> → <c>name</c>. A pooler's tenant (<c>name.project</c> at Supabase) stays.</summary>
    public static string Other(ConnectionTarget target)
    {
        ArgumentNullException.ThrowIfNull(target);
        var dot = target.Host.EndsWith(".pooler.supabase.com", StringComparison.OrdinalIgnoreCase) ? target.User.IndexOf('.', StringComparison.Ordinal) : -1;
        var (role, tenant) = dot < 0 ? (target.User, "") : (target.User[..dot], target.User[dot..]);
        return (role.EndsWith(Suffix, StringComparison.Ordinal) ? role[..^Suffix.Length] : role + Suffix) + tenant;
    }

    /// <summary>
    /// Changes the password of the role that <paramref name="session"/> is logged in as, with a verifier; with clear text only where the server takes nothing else
    /// and the connection is proven to end at that server.
    /// </summary>
    public static async Task ChangeOwnPasswordAsync(NpgsqlConnection session, ConnectionTarget target, string password, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(target);
        try
        {
            await AlterAsync(session, ScramVerifier.Of(password), cancel);
        }
        catch (PostgresException e) when (e.MessageText.Contains(NeonRefusal, StringComparison.Ordinal))
        {
            if (!target.IsVerified)
            {
                throw new BackupException(ErrorCode.RotationFailed, $"{target} takes passwords in clear text only, and the connection does not verify the server's certificate",
                    "Add sslmode=verify-full to the secret (backup secret set NAME); then rotate again.", e);
            }

            await AlterAsync(session, password, cancel);
        }
    }

    /// <summary>
    /// The statements that create both roles, once, as an owner or administrator; for psql, which asks for the passwords and sends no clear text.
    /// They hold no password.
    /// </summary>
    public static async Task<IReadOnlyList<string>> CreationSqlAsync(NpgsqlConnection session, ServerFacts server, Provider provider, string role, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(server);
        var (first, second) = (TableName.Quote(role), TableName.Quote(role + Suffix));
        var both = $"{first}, {second}";
        var bypass = await ScalarAsync(session, "SELECT bool_or(relrowsecurity) FROM pg_class WHERE relkind IN ('r', 'p')", cancel) is true;
        var database = (string)(await ScalarAsync(session, "SELECT current_database()::text", cancel))!;
        var lines = new List<string>
        {
            $"-- Two roles that may read everything and write nothing. They take turns: rotation changes the one that is not in use.",
            $"CREATE ROLE {first} LOGIN{(bypass ? " BYPASSRLS" : "")};",
            $"CREATE ROLE {second} LOGIN{(bypass ? " BYPASSRLS" : "")};",
            $"GRANT CONNECT ON DATABASE {TableName.Quote(database)} TO {both};",
        };
        if (server.VersionNumber >= 140000)
        {
            lines.Add($"GRANT pg_read_all_data TO {both};");
        }
        else
        {
            await using var command = new NpgsqlCommand("SELECT nspname::text FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' ORDER BY 1", session);
            await using var rows = await command.ExecuteReaderAsync(cancel);
            while (await rows.ReadAsync(cancel))
            {
                var schema = TableName.Quote(rows.GetString(0));
                lines.Add($"GRANT USAGE ON SCHEMA {schema} TO {both}; GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {both}; GRANT SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {both};");
                lines.Add($"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT ON TABLES TO {both}; ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT ON SEQUENCES TO {both};");
            }
        }

        if (provider == Provider.Neon)
        {
            lines.Add("-- Neon takes passwords in clear text only; write 40 random letters and digits, and another 40:");
            lines.Add($"-- ALTER ROLE {first} PASSWORD '…'; ALTER ROLE {second} PASSWORD '…';");
        }
        else
        {
            lines.Add("-- psql asks for each password and sends only its verifier:");
            lines.Add($"\\password {first}");
            lines.Add($"\\password {second}");
        }

        lines.Add("-- Then store both logins, the second one first: backup secret set NAME");
        return lines;
    }

    // ALTER ROLE takes no parameters; a verifier and a generated password need no escaping, and get it all the same.
    private static async Task AlterAsync(NpgsqlConnection session, string password, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand($"ALTER ROLE CURRENT_USER PASSWORD {TableName.Literal(password)}", session);
        await command.ExecuteNonQueryAsync(cancel);
    }

    private static async Task<object?> ScalarAsync(NpgsqlConnection session, string sql, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(sql, session);
        return await command.ExecuteScalarAsync(cancel);
    }
}
