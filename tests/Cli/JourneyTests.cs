using System.Text.Json;
using Backup.Core.Machine;
using Backup.Tests.Support;

namespace Backup.Cli.Tests;

/// <summary>What a person types, in the order in which they type it; exit codes, standard output and nothing of a secret anywhere.</summary>
public sealed class JourneyTests(PostgresFixture postgres) : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("backup-journey-").FullName;
    private readonly Dictionary<string, string> _variables = new(StringComparer.Ordinal);
    private readonly List<string> _said = [];
    private TestDatabase _source = null!;

    public async ValueTask InitializeAsync()
    {
        _source = await postgres.CreatePasswordDatabaseAsync("journey");
        await Database.SqlAsync(_source.Url, """
            CREATE TABLE big (id int PRIMARY KEY, body text); INSERT INTO big SELECT i, repeat(md5(i::text), 10) FROM generate_series(1, 8000) i;
            CREATE TABLE "Small One" (id int PRIMARY KEY, big_id int REFERENCES big); INSERT INTO "Small One" SELECT i, i FROM generate_series(1, 50) i;
            """);
        _variables["DATABASE_URL"] = _source.Url;
    }

    public async ValueTask DisposeAsync()
    {
        await _source.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Run_list_show_verify_restore_and_doctor_each_print_one_json_document()
    {
        var target = (await postgres.PasswordServerAsync()).Url($"{_source.Name}_restored");
        _variables["TARGET"] = target;
        var run = (await JsonAsync(0, "run", "--source", "${DATABASE_URL}", "--vault", "v", "--shard-above", "1MiB")).GetProperty("backups")[0];
        Assert.Equal("committed", run.GetProperty("outcome").GetString());
        Assert.Equal(8050, run.GetProperty("rows").GetInt64());
        var id = run.GetProperty("id").GetString()!;

        var listed = (await JsonAsync(0, "list", "--vault", "v")).GetProperty("backups")[0];
        Assert.Equal((id, "manual", 8050L), (listed.GetProperty("id").GetString()!, listed.GetProperty("tier").GetString()!, listed.GetProperty("rows").GetInt64()));
        Assert.False(listed.TryGetProperty("verified", out _));

        var shown = await JsonAsync(0, "show", id, "--vault", "v");
        Assert.Equal(1, shown.GetProperty("manifest").GetProperty("schemaVersion").GetInt32());
        Assert.Equal("cd ", shown.GetProperty("fetch").GetString()![..3]);

        foreach (var level in (string[])["checksum", "archive"])
            Assert.True((await JsonAsync(0, "verify", "latest", "--vault", "v", "--level", level)).GetProperty("passed").GetBoolean());
        Assert.True((await JsonAsync(0, "list", "--vault", "v")).GetProperty("backups")[0].GetProperty("verified").GetBoolean());

        var restored = await JsonAsync(0, "restore", "latest", "--vault", "v", "--target", "${TARGET}", "--create", "--compare", "full");
        Assert.Equal((8050L, "full"), (restored.GetProperty("rows").GetInt64(), restored.GetProperty("compared").GetString()!));
        Assert.Equal(["check", "fetch", "schema", "data", "indexes", "compare"], restored.GetProperty("steps").EnumerateArray().Select(s => s.GetProperty("step").GetString()!));
        Assert.Equal([], await DatabaseComparison.CompareAsync((await postgres.InstallationAsync()).Tool("pg_dump"), _source.Url, target));

        var doctor = await JsonAsync(0, "doctor", "--source", "${DATABASE_URL}", "--vault", "v");
        Assert.True(doctor.GetProperty("healthy").GetBoolean());
        Assert.Equal(0, (await JsonAsync(0, "restore", "latest", "--vault", "v", "--thaw")).GetProperty("objects").GetInt32());
        NothingSecretWasSaid();
    }

    [Fact]
    public async Task A_drill_prints_its_verdict_writes_its_page_and_is_listed_beside_the_backup()
    {
        await File.WriteAllTextAsync(Path.Combine(_folder, "p.yaml"), $$"""
            project: demo
            environment: test
            objectives: { rpo: 24h, rto: 1h }
            vault: ./v
            databases:
              - name: {{_source.Name}}
                url: "${DATABASE_URL}"
                checks:
                  - { name: rows, sql: select count(*) from big, min: 1 }
                  - { name: none orphaned, sql: select count(*) from "Small One" s left join big b on b.id = s.big_id where b.id is null, equals: 0 }
            """, TestContext.Current.CancellationToken);
        Assert.Equal(0, (await Run("run", "--policy", "p.yaml")).Exit);
        var (exit, output, error) = await Run("drill", "--policy", "p.yaml", "--report", "reports");
        Assert.True(exit == 0, output + error);
        var lines = output.TrimEnd().Split('\n');
        Assert.StartsWith($"PASS: {_source.Name}_", lines[^1], StringComparison.Ordinal);
        Assert.Matches(@"^time: [0-9.]+ s \(prepare [0-9.]+, fetch [0-9.]+, restore [0-9.]+, index [0-9.]+, verify [0-9.]+\); objective \(RTO\) 3600 s: met$", lines[^2]);
        Assert.Contains("compared: 2 of 2 tables equal, 2 by content; 0 of 0 sequences", output, StringComparison.Ordinal);
        Assert.Contains("2 of 2 checks passed", output, StringComparison.Ordinal);
        Assert.Contains("not proven: passwords and memberships of roles", output, StringComparison.Ordinal);
        var page = Assert.Single(Directory.GetFiles(Path.Combine(_folder, "reports")));
        Assert.Contains($"report: {page}", error, StringComparison.Ordinal);
        Assert.Contains("<b>PASS</b>", await File.ReadAllTextAsync(page, TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.Single(Directory.GetFiles(Path.Combine(_folder, "v"), "*-drill-pass.json", SearchOption.AllDirectories));

        // A page that cannot be written is known before the drill begins.
        Assert.Contains("cannot be written into", (await Run("drill", "--policy", "p.yaml", "--report", "p.yaml")).Error, StringComparison.Ordinal);
        var verified = await JsonAsync(0, "verify", "latest", "--policy", "p.yaml", "--level", "restore");
        Assert.Equal(("restore", "pass", true), (verified.GetProperty("level").GetString(), verified.GetProperty("verdict").GetString(), verified.GetProperty("passed").GetBoolean()));
        Assert.Single(Directory.GetFiles(Path.Combine(_folder, "v"), "*-verify-pass.json", SearchOption.AllDirectories));

        await File.WriteAllTextAsync(Path.Combine(_folder, "p.yaml"), (await File.ReadAllTextAsync(Path.Combine(_folder, "p.yaml"), TestContext.Current.CancellationToken)).Replace("from big, min", "from gone, min", StringComparison.Ordinal), TestContext.Current.CancellationToken);
        var drilled = await JsonAsync(1, "drill", "latest", "--policy", "p.yaml", "--no-record");
        Assert.Equal("could-not-verify", drilled.GetProperty("verdict").GetString());
        Assert.Equal("check.notRun", drilled.GetProperty("findings")[0].GetProperty("code").GetString());
        Assert.Single(Directory.GetFiles(Path.Combine(_folder, "v"), "*-drill-*.json", SearchOption.AllDirectories));
        Assert.Single(Directory.GetFiles(_folder, "drill-*.html")); // without --report: the working folder
        NothingSecretWasSaid();
    }

    [Fact]
    public async Task A_person_reads_sentences_and_the_printed_restore_commands_hold_no_command_of_ours()
    {
        var (exit, output, _) = await Run("run", "--source", "${DATABASE_URL}", "--vault", "v", "--verbose");
        Assert.Equal(0, exit);
        Assert.Matches(@"^journey_\d+_\d{8}T\d{6}Z: 8,050 rows of 2 tables, .+ stored as .+ in .*/v, [0-9.]+ s\n$", output);
        Assert.Contains("time per stage", _said[^1], StringComparison.Ordinal);

        var (_, byHand, _) = await Run("show", "latest", "--vault", "v", "--by-hand");
        Assert.DoesNotContain(byHand.Split('\n'), l => !l.StartsWith('#') && l.Contains("backup ", StringComparison.Ordinal));
        Assert.Contains("pg_restore --exit-on-error", byHand, StringComparison.Ordinal);

        (exit, output, _) = await Run("restore", "latest", "--vault", "v", "--target", (await postgres.PasswordServerAsync()).Url($"{_source.Name}_t"), "--create", "--table", "Small One");
        Assert.Equal(0, exit);
        Assert.StartsWith("restored journey_", output, StringComparison.Ordinal);
        Assert.Contains("foreign key public Small One Small One_big_id_fkey", _said[^1], StringComparison.Ordinal);
        NothingSecretWasSaid();
    }

    [Fact]
    public async Task The_same_scheduled_time_twice_is_nothing_to_do()
    {
        string[] arguments = ["run", "--source", "${DATABASE_URL}", "--vault", "v", "--kind", "scheduled", "--scheduled-time", "2026-03-01T02:00:00Z"];
        Assert.Equal(0, (await Run(arguments)).Exit);
        var (exit, output, _) = await Run(arguments);
        Assert.Equal((0, $"{_source.Name}_20260301T020000Z is committed already: nothing to do\n"), (exit, output));
        Assert.Equal("already-done", (await JsonAsync(0, arguments)).GetProperty("backups")[0].GetProperty("outcome").GetString());
        Assert.Single(Directory.GetFiles(Path.Combine(_folder, "v"), "manifest.json", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task A_damaged_manifest_is_shown_as_a_problem_beside_the_good_ones()
    {
        foreach (var day in (string[])["01", "02"])
            Assert.Equal(0, (await Run("run", "--source", "${DATABASE_URL}", "--vault", "v", "--scheduled-time", $"2026-03-{day}T02:00:00Z")).Exit);
        var manifest = Directory.GetFiles(Path.Combine(_folder, "v"), "manifest.json", SearchOption.AllDirectories).Single(f => f.Contains("20260302T", StringComparison.Ordinal));
        File.SetUnixFileMode(manifest, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        var bytes = await File.ReadAllBytesAsync(manifest, TestContext.Current.CancellationToken);
        bytes[bytes.Length / 2] ^= 4;
        await File.WriteAllBytesAsync(manifest, bytes, TestContext.Current.CancellationToken);

        var listed = (await JsonAsync(3, "list", "--vault", "v")).GetProperty("backups");
        Assert.Equal(2, listed.GetArrayLength());
        Assert.False(listed[0].TryGetProperty("problem", out _));
        Assert.Contains("is damaged: its SHA-256 is", listed[1].GetProperty("problem").GetString(), StringComparison.Ordinal);
        var (exit, output, error) = await Run("list", "--vault", "v");
        Assert.Equal(3, exit);
        Assert.Contains("unreadable", output, StringComparison.Ordinal);
        Assert.Contains("warning: ", error, StringComparison.Ordinal);
        // Whoever asks for the latest must hear that it is damaged, rather than get an older one without a word.
        Assert.Equal(3, (await Run("show", "latest", "--vault", "v")).Exit);
        Assert.Equal(0, (await Run("show", $"{_source.Name}_20260301T020000Z", "--vault", "v")).Exit);
        Assert.Equal(3, (await Run("verify", $"{_source.Name}_20260302T020000Z", "--vault", "v", "--no-record")).Exit);
        Assert.Equal(3, (await Run("restore", $"{_source.Name}_20260302T020000Z", "--vault", "v", "--target", _source.Url)).Exit);
    }

    [Fact]
    public async Task A_flipped_bit_in_an_artifact_is_exit_code_3_and_stops_a_restore()
    {
        Assert.Equal(0, (await Run("run", "--source", "${DATABASE_URL}", "--vault", "v")).Exit);
        var file = Directory.GetFiles(Path.Combine(_folder, "v"), "base.dump.zst", SearchOption.AllDirectories).Single();
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        var bytes = await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken);
        bytes[bytes.Length / 2] ^= 1;
        await File.WriteAllBytesAsync(file, bytes, TestContext.Current.CancellationToken);
        foreach (var level in (string[])["checksum", "archive"])
        {
            var result = await JsonAsync(3, "verify", "latest", "--vault", "v", "--level", level);
            Assert.False(result.GetProperty("passed").GetBoolean());
            Assert.Contains("base.dump.zst has SHA-256", result.GetProperty("findings")[0].GetProperty("sentence").GetString(), StringComparison.Ordinal);
        }

        var target = $"{_source.Name}_never";
        var id = Path.GetFileName(Path.GetDirectoryName(Path.GetDirectoryName(file)))!;
        // What is known to be bad is restored by its name only; and then it shows.
        foreach (var (which, says) in ((string, string)[])[("latest", $"{id} failed its verify of "), (id, "base.dump.zst has SHA-256")])
        {
            var (exit, _, error) = await Run("restore", which, "--vault", "v", "--target", (await postgres.PasswordServerAsync()).Url(target), "--create");
            Assert.Equal(3, exit);
            Assert.Contains(says, error, StringComparison.Ordinal);
        }

        Assert.Equal(0L, await Database.ScalarAsync<long>(_source.Url, $"SELECT count(*) FROM pg_database WHERE datname = '{target}'"));
    }

    [Fact]
    public async Task Doctor_says_everything_that_would_stop_a_run_and_is_exit_code_1()
    {
        await Database.SqlAsync((await postgres.PasswordServerAsync()).AdminUrl(_source.Name), "CREATE TABLE hidden (a int)");
        await File.WriteAllTextAsync(Path.Combine(_folder, "occupied"), "a file where the vault should be", TestContext.Current.CancellationToken);
        var (exit, output, _) = await Run("doctor", "--source", "${DATABASE_URL}", "--vault", "occupied");
        Assert.Equal(1, exit);
        Assert.Contains(output.Split('\n'), l => l.StartsWith("BAD ", StringComparison.Ordinal) && l.Contains("lacks SELECT on: public.hidden → Run as", StringComparison.Ordinal));
        Assert.Contains(output.Split('\n'), l => l.StartsWith("BAD   vault:", StringComparison.Ordinal));
        Assert.Contains(output.Split('\n'), l => l.StartsWith("ok    zstd:", StringComparison.Ordinal));
        Assert.Contains(output.Split('\n'), l => l.StartsWith("ok    ", StringComparison.Ordinal) && l.Contains("is of the server's major", StringComparison.Ordinal));

        _variables["DATABASE_URL"] = (await postgres.PasswordServerAsync()).Url(_source.Name, "wrong-hunter2");
        (exit, output, _) = await Run("doctor", "--source", "${DATABASE_URL}");
        Assert.Equal(1, exit);
        Assert.Contains("refuses the login", output, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", string.Concat(_said), StringComparison.Ordinal);
        NothingSecretWasSaid();
    }

    [Fact]
    public async Task An_examination_leaves_nothing_that_a_list_shows_and_may_be_repeated()
    {
        foreach (var _ in (int[])[1, 2]) Assert.Equal(0, (await Run("doctor", "--source", "${DATABASE_URL}", "--vault", "v")).Exit);
        var (exit, output, _) = await Run("list", "--vault", "v");
        Assert.Equal((0, $"no backups in {_folder}/v\n"), (exit, output));
    }

    [Fact]
    public async Task Every_failure_is_one_line_with_its_code_and_the_next_step_and_no_document()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "empty"));
        foreach (var (code, exitCode, arguments) in ((string, int, string[])[])[
            ("usage", 2, ["run", "--vault", "v"]),
            ("usage", 2, ["run", "--source", "${NOT_SET}", "--vault", "v"]),
            ("usage", 2, ["run", "--source", "${DATABASE_URL}", "--vault", "v", "--jobs", "0"]),
            ("usage", 2, ["run", "--source", "${DATABASE_URL}", "--vault", "v", "--nonsense"]),
            ("source.unreachable", 1, ["run", "--source", "postgres://u:hunter2@127.0.0.1:1/x", "--vault", "v"]),
            ("backup.notFound", 2, ["restore", "latest", "--vault", "empty", "--target", "${DATABASE_URL}"]),
        ])
        {
            var (exit, output, error) = await Run([.. arguments, "--output", "json"]);
            Assert.Equal((exitCode, ""), (exit, output));
            var line = Assert.Single(error.Split('\n', StringSplitOptions.RemoveEmptyEntries), l => l.StartsWith("error: ", StringComparison.Ordinal));
            Assert.Contains($"[{code}] → ", line, StringComparison.Ordinal);
        }

        Assert.DoesNotContain("hunter2", string.Concat(_said), StringComparison.Ordinal);
        NothingSecretWasSaid();
    }

    private void NothingSecretWasSaid()
    {
        foreach (var text in _said)
        {
            Assert.DoesNotContain(PasswordServer.Password, text, StringComparison.Ordinal);
            Assert.DoesNotContain(Uri.EscapeDataString(PasswordServer.Password), text, StringComparison.Ordinal);
        }
    }

    /// <summary>Standard output must be one JSON document and nothing else.</summary>
    private async Task<JsonElement> JsonAsync(int expected, params string[] arguments)
    {
        var (exit, output, error) = await Run([.. arguments, "--output", "json"]);
        Assert.True(exit == expected, $"exit code {exit}: {error}{output}");
        using var document = JsonDocument.Parse(output);
        return document.RootElement.Clone();
    }

    private async Task<(int Exit, string Output, string Error)> Run(params string[] arguments)
    {
        using var output = new StringWriter { NewLine = "\n" };
        using var error = new StringWriter { NewLine = "\n" };
        var machine = postgres.Machine with
        {
            WorkingFolder = _folder,
            Variables = new Dictionary<string, string>(postgres.Machine.Variables.Concat(_variables).GroupBy(v => v.Key).ToDictionary(g => g.Key, g => g.Last().Value)),
        };
        var exit = await Program.RunAsync(arguments, () => machine, TimeProvider.System, output, error);
        _said.Add(output.ToString() + error);
        return (exit, output.ToString(), error.ToString());
    }
}
