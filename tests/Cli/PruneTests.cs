using System.Text.Json;
using Backup.Core.Model;
using Backup.Tests.Support;

namespace Backup.Cli.Tests;

/// <summary>Prune as a person runs it: the table, the dry run, what is gone afterwards, and what is refused.</summary>
public sealed class PruneTests(PostgresFixture postgres) : IDisposable
{
    private const string Retention = "retention: { daily: 30d, minimumKept: 2 }\n";

    private readonly string _folder = Directory.CreateTempSubdirectory("backup-prune-cli-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_dry_run_prints_why_and_a_prune_leaves_a_vault_without_them()
    {
        await using var source = await postgres.CreateDatabaseAsync();
        await Database.SqlAsync(source.Url, "CREATE TABLE t (i int)");
        Policy(Retention);
        var clock = new ManualClock(new DateTimeOffset(2026, 1, 1, 2, 0, 0, TimeSpan.Zero));
        foreach (var day in (int[])[0, 1, 40, 41, 42])
        {
            clock.Now = new DateTimeOffset(2026, 1, 1, 2, 0, 0, TimeSpan.Zero).AddDays(day);
            Assert.Equal(0, (await Run(clock, source.Url, "run", "--policy", "policy.yaml", "--kind", "scheduled")).Exit);
        }

        MakeSnapshotsAsOldAsTheirIds();
        var (exit, output, _) = await Run(clock, source.Url, "prune", "--policy", "policy.yaml", "--dry-run");
        Assert.Equal(0, exit);
        Assert.EndsWith("bloom: would expire 2 of 5 backups\n", output, StringComparison.Ordinal);
        Assert.Matches("bloom_20260102T020000Z +daily +41.0 d +EXPIRE +older than 30d\n", output);
        Assert.Matches("bloom_20260210T020000Z +daily +2.0 d +keep +younger than 30d\n", output);

        var (_, json, _) = await Run(clock, source.Url, "prune", "--policy", "policy.yaml", "--output", "json");
        var report = JsonDocument.Parse(json).RootElement.GetProperty("databases")[0];
        Assert.Equal((5, 2, false), (report.GetProperty("backups").GetArrayLength(), report.GetProperty("expired").GetInt32(), report.GetProperty("dryRun").GetBoolean()));
        Assert.Equal(3, Manifests().Length);
        Assert.Equal("bloom: expired 0 of 3 backups", (await Run(clock, source.Url, "prune", "--policy", "policy.yaml")).Output.TrimEnd('\n').Split('\n')[^1]);
        Assert.Equal(0, (await Run(clock, source.Url, "verify", "latest", "--policy", "policy.yaml", "--level", "archive")).Exit);
    }

    [Fact]
    public async Task A_policy_without_retention_and_no_policy_are_refused_with_what_to_write()
    {
        Policy("");
        foreach (var (arguments, code, next) in ((string[], string, string)[])[
            (["prune", "--policy", "policy.yaml"], "[policy.invalid]", "retention: { daily: 30d, weekly: 8w, monthly: 12mo, annual: 7y, pre-deploy: 3y }"),
            (["prune", "--vault", "v"], "[usage]", "--policy FILE"),
        ])
        {
            var (exit, _, error) = await Run(TimeProvider.System, "postgres://x", arguments);
            Assert.Equal(2, exit);
            Assert.Contains(code, error, StringComparison.Ordinal);
            Assert.Contains(next, error, StringComparison.Ordinal);
        }

        Policy(Retention);
        var (wrong, _, said) = await Run(TimeProvider.System, "postgres://x", "prune", "--policy", "policy.yaml", "--database", "nobody");
        Assert.Equal(2, wrong);
        Assert.Contains("the policy has no database nobody", said, StringComparison.Ordinal);
    }

    private string[] Manifests() => Directory.GetFiles(Path.Combine(_folder, "v"), "manifest.json", SearchOption.AllDirectories);

    /// <summary>The source's clock is the second witness of a backup's age, and it cannot be turned back.</summary>
    private void MakeSnapshotsAsOldAsTheirIds()
    {
        foreach (var path in Manifests())
        {
            var manifest = ManifestJson.Read(File.ReadAllBytes(path), path);
            manifest = manifest with { Snapshot = manifest.Snapshot with { Time = manifest.StartedAt } };
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            File.WriteAllBytes(path, ManifestJson.Write(manifest));
        }
    }

    private void Policy(string more) => File.WriteAllText(Path.Combine(_folder, "policy.yaml"),
        "project: bloom\nenvironment: production\nvault: v\ndatabases:\n  - name: bloom\n    url: \"${DATABASE_URL}\"\n    schedule: \"0 2 * * *\"\n" + more);

    private async Task<(int Exit, string Output, string Error)> Run(TimeProvider clock, string url, params string[] arguments)
    {
        using var output = new StringWriter { NewLine = "\n" };
        using var error = new StringWriter { NewLine = "\n" };
        var machine = postgres.Machine with
        {
            WorkingFolder = _folder,
            Variables = new Dictionary<string, string>(postgres.Machine.Variables) { ["DATABASE_URL"] = url },
        };
        var exit = await Program.RunAsync(arguments, () => machine, clock, output, error);
        return (exit, output.ToString(), error.ToString());
    }
}
