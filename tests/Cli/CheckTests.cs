using System.Text.Json;
using Backup.Core.Machine;
using Backup.Tests.Support;

namespace Backup.Cli.Tests;

public sealed class CheckTests : IDisposable
{
    private const string Good = """
        config:
          backup:policy:
            project: bloom
            environment: production
            databases:
              - name: bloom
                url: "${DATABASE_URL}"
                schedule: "0 2 * * *"

        """;

    /// <summary>With everything that check would otherwise remark on.</summary>
    private const string Complete = Good + """
            drill: { schedule: "0 4 * * 0" }
            notify: { slack: "${SLACK}" }

        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("backup-check-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_good_stack_is_one_line_and_exit_code_0()
    {
        Write("Pulumi.prod.yaml", Complete);
        Assert.Equal((0, "Pulumi.prod.yaml: 1 database, no problems\n", ""), await Run("check", "--stack", "prod"));
    }

    [Fact]
    public async Task The_stack_file_is_found_in_a_folder_above()
    {
        Write("Pulumi.prod.yaml", Complete);
        var below = Directory.CreateDirectory(Path.Combine(_folder, "functions", "Cli")).FullName;
        Assert.Equal((0, "Pulumi.prod.yaml: 1 database, no problems\n", ""), await RunIn(below, "check", "--stack", "prod"));
    }

    [Fact]
    public async Task Each_problem_is_one_line_and_the_exit_code_is_2()
    {
        Write("Pulumi.prod.yaml", Good.Replace("0 2 * * *", "0 25 * * *", StringComparison.Ordinal) + "    lokc: none\n");
        Assert.Equal((2, """
            error databases[0].schedule (line 8): "0 25 * * *": hour 25 is not in 0-23 → write five fields in UTC (minute hour day month weekday), for example "0 2 * * *"
            error lokc (line 9): is not a key of the policy; did you mean lock? → write lock, or remove it
            Pulumi.prod.yaml: 2 problems

            """, ""), await Run("check", "--stack", "prod"));
    }

    [Fact]
    public async Task Json_is_one_document_with_everything_that_the_text_says()
    {
        Write("policy.yaml", "project: bloom\nenvironment: production\ndatabases: [{ name: a, url: \"${A}\", jobs: 0 }]\n");
        var (exit, output, error) = await Run("check", "--policy", "policy.yaml", "--output", "json");
        Assert.Equal((2, ""), (exit, error));
        Assert.Equal($$"""
            {
              "document": "{{_folder}}/policy.yaml",
              "valid": false,
              "problems": [
                {
                  "severity": "critical",
                  "code": "policy.badValue",
                  "subject": "databases[0].jobs",
                  "line": 3,
                  "sentence": "\"0\" is too small",
                  "nextStep": "write a whole number from 1 to 32"
                }
              ]
            }

            """, output);
    }

    [Fact]
    public async Task Json_of_a_good_policy_is_valid_without_problems()
    {
        Write("Pulumi.prod.yaml", Complete);
        var (exit, output, _) = await Run("check", "--stack", "prod", "--output", "json");
        using var document = JsonDocument.Parse(output);
        Assert.Equal(0, exit);
        Assert.True(document.RootElement.GetProperty("valid").GetBoolean());
        Assert.Equal(0, document.RootElement.GetProperty("problems").GetArrayLength());
    }

    [Fact]
    public async Task A_promise_that_the_schedules_cannot_keep_is_a_warning_and_exit_code_4()
    {
        Write("Pulumi.prod.yaml", Complete + """
                objectives: { rpo: 1h, rto: 4h }

            """);
        Assert.Equal((4, """
            warning objectives.rpo: 1 hour is promised for bloom; reachable is 24 hours everywhere → Schedule it more often, keep the provider's point-in-time recovery on for the rest, or promise what is reachable.
            Pulumi.prod.yaml: 1 database, 1 problem

            """, ""), await Run("check", "--stack", "prod"));
    }

    [Fact]
    public async Task A_policy_without_drill_and_notices_is_usable_and_says_what_it_lacks()
    {
        Write("Pulumi.prod.yaml", Good);
        var (exit, output, _) = await Run("check", "--stack", "prod");
        Assert.Equal(0, exit);
        Assert.Equal(["note drill:", "note notify:", "Pulumi.prod.yaml: 1"], output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => string.Join(' ', l.Split(' ').Take(2))));
        Assert.EndsWith("no problems\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_password_in_the_policy_is_in_no_output()
    {
        Write("Pulumi.prod.yaml", Good.Replace("${DATABASE_URL}", "postgres://app:hunter2@db/x", StringComparison.Ordinal)
            + "    vault: https://me:hunter2@host/\n    notify: { slack: hunter2 }\n    # password: postgres://app:hunter2@db\n");
        foreach (var format in (string[])["text", "json"])
        {
            var (exit, output, error) = await Run("check", "--stack", "prod", "--output", format, "--verbose");
            Assert.Equal(2, exit);
            Assert.DoesNotContain("hunter2", output + error, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("error: no policy is given [usage] → Add --stack NAME or --policy FILE.\n", "check")]
    [InlineData("error: --stack and --policy both name a policy [usage] → Give one of the two.\n", "check", "--stack", "prod", "--policy", "x")]
    [InlineData("error: --policy names no file [usage] → Give the path of a policy.\n", "check", "--policy", "")]
    public async Task Wrong_usage_says_what_to_do_and_exits_with_2(string expected, params string[] args) =>
        Assert.Equal((2, "", expected), await Run(args));

    [Fact]
    public async Task A_missing_file_is_a_problem_in_the_chosen_format()
    {
        Assert.Equal((2, $"error nope.yaml: does not exist → give the path of a policy; {_folder}/nope.yaml was tried\nnope.yaml: 1 problem\n", ""),
            await Run("check", "--policy", "nope.yaml"));
        Assert.Equal((2, "", $"error: there is no Pulumi.nope.yaml in {_folder} or a folder above [usage] → Run it in the project's folder, or give the file with --policy.\n"),
            await Run("check", "--stack", "nope"));
    }

    private void Write(string name, string text) => File.WriteAllText(Path.Combine(_folder, name), text);

    private Task<(int Exit, string Output, string Error)> Run(params string[] args) => RunIn(_folder, args);

    private static async Task<(int Exit, string Output, string Error)> RunIn(string folder, params string[] args)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var machine = new MachineEnvironment
        {
            Variables = new Dictionary<string, string>(),
            TempFolder = Path.GetTempPath(),
            WorkingFolder = folder,
            HostName = "test",
            UserName = "test",
            IsRoot = false,
        };
        var clock = new ManualClock(new DateTimeOffset(2025, 1, 1, 0, 0, 0, TimeSpan.Zero));
        var exit = await Program.RunAsync(args, () => machine, clock, output, error);
        return (exit, output.ToString(), error.ToString());
    }
}
