using System.Text;
using Backup.Core.Policies;
using static Backup.Core.Tests.Policies.PolicyText;

namespace Backup.Core.Tests.Policies;

public sealed class PolicySecretsTests
{
    private const string Planted = "hunter2";

    [Theory]
    [InlineData("url: postgres://app:hunter2@db/x", "databases[1].url")]
    [InlineData("url: \"postgresql://app:p@ss/hunter2@db/x?sslmode=require\"", "databases[1].url")]
    [InlineData("url: \"host=db user=app password=hunter2\"", "databases[1].url")]
    [InlineData("url: \"postgres://db/x?user=app&password=hunter2\"", "databases[1].url")]
    [InlineData("secret: postgres://app:hunter2@db/x", "databases[1].secret")]
    [InlineData("schedule: postgres://app:hunter2@db/x", "databases[1].schedule")]
    [InlineData("schemas: { exclude: [\"postgres://app:hunter2@db\"] }", "databases[1].schemas.exclude[0]")]
    [InlineData("\"postgres://app:hunter2@db\": x", "databases[1].(key not shown)")]
    [InlineData("unknown: { deep: [\"https://me:hunter2@host/\"] }", "databases[1].unknown.deep[0]")]
    [InlineData("checks: [{ name: n, min: 1, sql: \"select dblink('host=x user=y password=hunter2')\" }]", "databases[1].checks[0].sql")]
    [InlineData("jobs: 2 # was postgres://app:hunter2@db/x", "(comment or text)")]
    [InlineData("url: \"${DATABASE_URL}\" # https://hooks.slack.com/services/T0/B0/hunter2", "(comment or text)")]
    public void A_credential_anywhere_is_refused_and_not_repeated(string line, string subject)
    {
        var reading = Read(Least + "  - name: second\n    " + line + "\n");
        Assert.Null(reading.Policy);
        Assert.Contains(reading.Problems, p => p.Code == "policy.literalSecret" && p.Subject == subject && p.Line == 7);
        AssertSilent(reading);
    }

    [Theory]
    [InlineData("url: hunter2")]
    [InlineData("url: \"${DATABASE_URL}hunter2\"")]
    [InlineData("url: { secure: hunter2 }")]
    [InlineData("url: [hunter2]")]
    [InlineData("secret: \"hunter2 with spaces\"")]
    [InlineData("pasword: hunter2")]
    [InlineData("url: *hunter2")]
    [InlineData("url: !<hunter2 x")]
    [InlineData("url: 'hunter2")]
    [InlineData("url: \"hunter2\\q\"")]
    [InlineData("url: hunter2: x: y")]
    [InlineData("url: @hunter2")]
    [InlineData("url: %hunter2")]
    [InlineData("url: &hunter2")]
    public void A_value_where_a_credential_could_stand_is_never_repeated(string line)
    {
        var reading = Read(Least + "  - name: second\n    " + line + "\n");
        Assert.NotEmpty(reading.Problems);
        AssertSilent(reading);
    }

    [Fact]
    public void A_credential_in_another_part_of_a_stack_file_is_refused_too()
    {
        var stack = "config:\n  other:db: postgres://app:hunter2@db/x\n  backup:policy:\n"
            + string.Join('\n', Least.Split('\n').Select(l => "    " + l));
        var reading = Read(stack, "Pulumi.prod.yaml");
        Assert.Equal(["config.other:db (line 2): holds a credential (not shown) → remove it and change the password; "
            + "write \"${NAME}\" and set the variable, or secret: with a Secrets Manager name"],
            reading.Problems.Select(PolicyReading.Describe));
    }

    [Fact]
    public void A_credential_is_reported_once_even_when_its_key_asks_for_something_else()
    {
        var text = Least.Replace("\"${DATABASE_URL}\"", "postgres://app:hunter2@db/x", StringComparison.Ordinal);
        Assert.Equal("databases[0].url", Assert.Single(Read(text).Problems).Subject);
    }

    [Theory]
    [InlineData("# url: postgres://app:${PASSWORD}@db/x")]
    [InlineData("# url: postgres://<user>:<password>@db/x")]
    [InlineData("# url: postgres://user:***@db/x")]
    [InlineData("# see https://example.com:8080/page, ask ops@example.com")]
    [InlineData("# select count(*) from users where password = ''")]
    public void Placeholders_and_ordinary_addresses_are_no_credentials(string line) => Valid(Least + line + "\n");

    private static void AssertSilent(PolicyReading reading)
    {
        var output = new StringBuilder(reading.Document);
        foreach (var p in reading.Problems) output.Append(p).Append(PolicyReading.Describe(p));
        output.Append(Assert.Throws<Model.BackupException>(reading.OrThrow));
        Assert.DoesNotContain(Planted, output.ToString(), StringComparison.OrdinalIgnoreCase);
    }
}
