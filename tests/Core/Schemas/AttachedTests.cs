using Backup.Core.Operations;
using Backup.Core.Tests.Operations;
using Backup.Tests.Support;

namespace Backup.Core.Tests.Schemas;

/// <summary>What a restore of schemas hangs on tables that the target has already.</summary>
public sealed class AttachedTests(PostgresFixture postgres)
{
    [Fact]
    public async Task Triggers_and_policies_on_others_tables_bring_their_comments()
    {
        const string Users = "CREATE SCHEMA auth; CREATE TABLE auth.users (id int PRIMARY KEY);";
        await using var lab = new Lab(postgres);
        await using var source = await postgres.CreateDatabaseAsync("attached");
        await using var target = await postgres.CreateDatabaseAsync("attaching");
        await Database.SqlAsync(source.Url, Users + """
            CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE FUNCTION may() RETURNS bool LANGUAGE sql AS 'SELECT true';
            CREATE TRIGGER "on user" BEFORE UPDATE ON auth.users FOR EACH ROW EXECUTE FUNCTION f('a', 'b c'); COMMENT ON TRIGGER "on user" ON auth.users IS 'why';
            CREATE POLICY "may see" ON auth.users USING (may()); COMMENT ON POLICY "may see" ON auth.users IS 'who';
            """);
        await Database.SqlAsync(target.Url, Users);
        await lab.RunAsync(source.Url);
        await lab.RestoreAsync(target.Url, RestoreMode.Empty, r => r with { Schemas = ["public"] });
        Assert.Empty(await lab.DifferencesAsync(source.Url, target.Url));
    }
}
