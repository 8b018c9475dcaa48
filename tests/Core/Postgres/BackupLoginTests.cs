using System.Text.Json.Nodes;
using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Core.Postgres;
using Backup.Tests.Support;

namespace Backup.Core.Tests.Postgres;

/// <summary>Logins of backups: as secret stores keep them, as servers store them, as rotation changes them.</summary>
public sealed class BackupLoginTests(PostgresFixture postgres)
{
    private const string Origin = "the secret a/b";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("postgres://u:p%40ss@h:5433/db?sslmode=verify-full")]
    [InlineData("""{"host":"h","port":5433,"user":"u","password":"p@ss","dbname":"db","sslmode":"verify-full"}""")]
    [InlineData("""{"engine":"postgres","host":"h","port":"5433","username":"u","password":"p@ss","database":"db","sslmode":"verify-full","masterarn":"x"}""")]
    public void A_login_is_read_from_a_url_and_from_json_and_takes_another_user_in_the_same_form(string text)
    {
        var login = SecretText.Parse(text, Origin);
        Assert.Equal(("h", 5433, "u", "p@ss", "db", "verify-full"), (login.Host, login.Port, login.User, login.Password, login.Database, login.SslMode));

        var changed = SecretText.WithLogin(text, "other role", "n'e\"w:/@", Origin);
        var read = SecretText.Parse(changed, Origin);
        Assert.Equal(login with { User = "other role", Password = "n'e\"w:/@" }, read);
        if (text.Contains("masterarn", StringComparison.Ordinal)) Assert.Equal("x", (string?)JsonNode.Parse(changed)!["masterarn"]);
    }

    [Theory]
    [InlineData("""{"host":"h","password":"planted"}""", "without user, dbname")]
    [InlineData("""{"host":"planted" """, "is none")]
    [InlineData("""{"host":"h","host":"planted"}""", "is none")]
    [InlineData("planted", "not a PostgreSQL connection URL")]
    public void A_login_that_cannot_be_read_says_why_and_never_what_it_is(string text, string says)
    {
        var error = Assert.Throws<BackupException>(() => SecretText.Parse(text, Origin));
        Assert.StartsWith(Origin, error.Message, StringComparison.Ordinal);
        Assert.Contains(says, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("planted", $"{error}{error.NextStep}", StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("db.example.com", "backup", "backup_clone")]
    [InlineData("db.example.com", "backup_clone", "backup")]
    [InlineData("db.example.com", "my.role", "my.role_clone")]
    [InlineData("aws-0.pooler.supabase.com", "backup.abcdef", "backup_clone.abcdef")]
    [InlineData("aws-0.pooler.supabase.com", "backup_clone.abcdef", "backup.abcdef")]
    public void Two_roles_take_turns(string host, string user, string other) =>
        Assert.Equal(other, BackupRoles.Other(new ConnectionTarget { Host = host, Port = 5432, Database = "d", User = user }));

    [Fact]
    public async Task A_verifier_is_what_the_server_itself_would_store()
    {
        var server = await postgres.PasswordServerAsync();
        await Database.SqlAsync(server.AdminUrl("postgres"), "CREATE ROLE \"scram test\" LOGIN PASSWORD 'a b''c\"{}~ 42'");
        try
        {
            var stored = await Database.ScalarAsync<string>(server.AdminUrl("postgres"), "SELECT rolpassword FROM pg_authid WHERE rolname = 'scram test'");
            var salt = Convert.FromBase64String(stored.Split('$')[1].Split(':')[1]);
            Assert.Equal(stored, ScramVerifier.Of("a b'c\"{}~ 42", salt, 4096));
            Assert.Throws<ArgumentException>(() => ScramVerifier.Of("pässword"));
        }
        finally
        {
            await Database.SqlAsync(server.AdminUrl("postgres"), "DROP ROLE \"scram test\"");
        }
    }

    [Fact]
    public async Task A_role_changes_its_own_password_and_no_statement_holds_it()
    {
        var server = await postgres.PasswordServerAsync();
        await Database.SqlAsync(server.AdminUrl("postgres"), "CREATE ROLE self LOGIN PASSWORD 'old'");
        try
        {
            var old = ConnectionText.Parse($"postgres://self:old@{PasswordServer.Host}:{server.Port}/postgres", "old", "");
            var password = BackupRoles.NewPassword();
            await using var session = await Connector.OpenAsync(old, "test", Cancel);
            await BackupRoles.ChangeOwnPasswordAsync(session, old, password, Cancel);

            var seen = await Database.ScalarAsync<string>(server.AdminUrl("postgres"), $"SELECT query FROM pg_stat_activity WHERE pid = {session.ProcessID}");
            Assert.StartsWith("ALTER ROLE CURRENT_USER PASSWORD 'SCRAM-SHA-256$", seen, StringComparison.Ordinal);
            Assert.DoesNotContain(password, seen, StringComparison.Ordinal);
            await LoginCheck.RunAsync(old with { Password = password }, [], Cancel);
            Assert.Equal(ErrorCode.SourceUnreachable, (await Assert.ThrowsAsync<BackupException>(() => LoginCheck.RunAsync(old, [], Cancel))).Code);
        }
        finally
        {
            await Database.SqlAsync(server.AdminUrl("postgres"), "DROP ROLE self");
        }
    }

    [Fact]
    public async Task Doctors_sql_makes_two_roles_that_can_back_up_row_secured_tables_and_change_nothing()
    {
        await using var database = await postgres.CreatePasswordDatabaseAsync("roles");
        var server = await postgres.PasswordServerAsync();
        await Database.SqlAsync(database.Url, "CREATE TABLE secured AS SELECT 1 AS i; ALTER TABLE secured ENABLE ROW LEVEL SECURITY; ALTER TABLE secured FORCE ROW LEVEL SECURITY");
        var admin = ConnectionText.Parse(server.AdminUrl(database.Name), "admin", "postgres");
        var sql = await RoleSql.ReadAsync(admin, Provider.Postgres, "Back\"up", Cancel);
        Assert.Contains("\\password \"Back\"\"up_clone\"", sql);
        try
        {
            foreach (var statement in sql.Where(s => !s.StartsWith('\\'))) await Database.SqlAsync(server.AdminUrl(database.Name), statement);
            foreach (var role in new[] { "Back\"up", "Back\"up_clone" })
            {
                await Database.SqlAsync(server.AdminUrl(database.Name), $"ALTER ROLE {Database.Quoted(role)} PASSWORD 'x'");
                var login = ConnectionText.Parse($"postgres://{Uri.EscapeDataString(role)}:x@{PasswordServer.Host}:{server.Port}/{Uri.EscapeDataString(database.Name)}", "login", "");
                await LoginCheck.RunAsync(login, [], Cancel);
                await using var session = await Connector.OpenAsync(login, "test", Cancel);
                await using var write = new Npgsql.NpgsqlCommand("DELETE FROM secured", session);
                await Assert.ThrowsAsync<Npgsql.PostgresException>(() => write.ExecuteNonQueryAsync(Cancel));
            }
        }
        finally
        {
            foreach (var role in new[] { "Back\"up", "Back\"up_clone" })
                await Database.SqlAsync(server.AdminUrl(database.Name), $"DROP OWNED BY {Database.Quoted(role)}; DROP ROLE {Database.Quoted(role)}");
        }
    }
}
