using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Backup.Cli.Demo;
using Backup.Core.Catalog;
using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Core.Operations.Drills;
using Backup.Core.Policies;
using Backup.Core.Postgres;
using Backup.Core.Storage;
using Npgsql;

namespace Backup.Cli.Verbs;

/// <summary>What <c>demo --output json</c> prints.</summary>
public sealed record DemoReport
{
    public required string BackupId { get; init; }
    public required long Rows { get; init; }
    public required int Tables { get; init; }
    public required long StoredBytes { get; init; }

    /// <summary>What was destroyed on purpose, and what the comparison saw of it.</summary>
    public required IReadOnlyList<string> Damage { get; init; }

    /// <summary>Every table of the restored database has the rows and the fingerprint of the original, and both drills judged as they must.</summary>
    public required bool Equal { get; init; }

    /// <summary>Of the drill of the good backup.</summary>
    public required Verdict Drill { get; init; }

    /// <summary>Of the drill of a copy in which one letter was changed, and what it said.</summary>
    public required Verdict TamperedDrill { get; init; }
    public required IReadOnlyList<string> TamperedFindings { get; init; }
    public required double Seconds { get; init; }

    /// <summary>The folder with the vault, its tampered copy and the drill's page, when --keep was given.</summary>
    public string? Kept { get; init; }
}

/// <summary><c>backup demo</c>: the whole story on a throw-away server: back up, verify, break, restore beside it, compare, drill.</summary>
public static class DemoVerb
{
    private const string Database = "shop";
    private const string Restored = "shop_restored";

    public static Command Create(VerbContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var o = context.Options;
        var keep = new Option<bool>("--keep") { Description = "Keep the vault, and print where it lies." };
        var command = new Command("demo", "See it all on a throw-away PostgreSQL: back up, verify, break, restore, compare, drill.") { keep, o.Output };
        command.SetAction(async (parsed, cancel) =>
        {
            var started = Stopwatch.GetTimestamp();
            var folder = Directory.CreateTempSubdirectory("backup-demo-").FullName;
            var json = o.WantsJson(parsed);
            try
            {
                var report = await TellAsync(context, folder, json, cancel);
                report = report with
                {
                    Seconds = Math.Round(Stopwatch.GetElapsedTime(started).TotalSeconds, 1),
                    Kept = parsed.GetValue(keep) ? folder : null,
                };
                if (json) context.Terminal.Line(CliJson.Write(report, CliJson.Printed.DemoReport));
                else Farewell(context.Terminal, report);
                return report.Equal ? ErrorCode.Done : ErrorCode.Different;
            }
            finally
            {
                if (!parsed.GetValue(keep)) Directory.Delete(folder, recursive: true);
            }
        });
        return command;
    }

    private static async Task<DemoReport> TellAsync(VerbContext context, string folder, bool json, CancellationToken cancel)
    {
        void Say(string text)
        {
            if (json) context.Terminal.Note(text);
            else context.Terminal.Line(text);
        }

        var installations = new PostgresInstallations(context.Machine);
        var postgres = await installations.NewestServerAsync(cancel);
        Say($"1. A throw-away PostgreSQL {postgres.Version}: Unix socket only, no network port, gone afterwards.");
        await using var cluster = await ThrowawayCluster.StartAsync(new ClusterRequest(), postgres, context.Machine, cancel);
        await ExecuteAsync(cluster, "postgres", $"CREATE DATABASE {Database}", cancel);
        await ExecuteAsync(cluster, Database, await ShopSqlAsync(cancel), cancel);
        Say("   Loaded a small shop: bookings, payments, events, enums, arrays, ranges, a partitioned table, \"Gift Cards\".");

        await using var vault = VaultFactory.Open(Path.Combine(folder, "vault"), null, context.Clock);
        var source = ConnectionText.Parse(cluster.Url(Database), "the demo's database", context.Machine.UserName);
        using var progress = new ProgressPrinter(context.Terminal, quiet: false);
        Say($"2. backup run --source … --vault {vault.Name}");
        var run = await new RunBackup(context.Machine, context.Clock, installations, progress).ExecuteAsync(new RunRequest
        {
            Project = "demo",
            Environment = Place.AdHocEnvironment,
            Database = new DatabasePolicy { Name = Database },
            Source = source,
            Vault = vault,
            Kind = BackupKind.Manual,
        }, cancel);
        var manifest = run.Manifest!;
        Say(string.Create(CultureInfo.InvariantCulture,
            $"   {manifest.Id}: {manifest.Totals.Rows:N0} rows of {manifest.Totals.Tables} tables, {Bytes.Text(manifest.Totals.RawBytes)} stored as {Bytes.Text(manifest.Totals.StoredBytes)}."));

        var entry = (await new BackupCatalog(vault).ListAsync(null, Database, cancel))[0];
        Say($"3. backup verify {manifest.Id} --level archive");
        var verified = await new VerifyBackup(context.Machine, context.Clock, installations, progress).ExecuteAsync(vault, entry, VerifyLevel.Archive, record: true, cancel);
        Say($"   {(verified.Passed ? "Passed" : "FAILED")}: every stored byte hashed, {verified.Objects} objects unpacked and read to their end.");

        Say("4. Now the bad day: somebody drops a table and wipes a column.");
        await ExecuteAsync(cluster, Database, "DROP TABLE payments CASCADE; UPDATE customers SET home = NULL", cancel);
        var all = TableChoice.Choose(manifest, []);
        var damage = (await new DatabaseComparer(source, manifest, Comparison.Full, 2).CompareAsync(all, cancel)).Differences().ToList();
        foreach (var difference in damage) Say($"   {difference}");

        Say($"5. backup restore {manifest.Id} --target …/{Restored} --create --compare full");
        var restored = await new RestoreBackup(context.Machine, context.Clock, installations, progress).ExecuteAsync(new RestoreRequest
        {
            Vault = vault,
            Backup = entry,
            Target = source.WithDatabase(Restored),
            Mode = RestoreMode.Create,
            AfterRestore = AfterRestore.None,
            Comparison = Comparison.Full,
        }, cancel);
        Say(string.Create(CultureInfo.InvariantCulture,
            $"   Restored beside the broken one in {restored.Steps.Sum(s => s.Seconds):0.0} s: {restored.Rows:N0} rows of {restored.Tables} tables."));
        Show(Say, manifest);

        Say($"6. backup drill {manifest.Id}");
        var drill = new RunDrill(context.Machine, context.Clock, installations, progress);
        var good = await drill.ExecuteAsync(new DrillRequest
        {
            Vault = vault,
            Backup = entry,
            Checks =
            [
                new DataCheck { Name = "customers exist", Sql = "select count(*) from customers", Min = 1 },
                new DataCheck { Name = "no line without product", Sql = "select count(*) from order_lines l left join products p using (sku) where p.sku is null", EqualTo = "0" },
            ],
            Rto = TimeSpan.FromMinutes(1),
        }, cancel);
        if (good.Tables.Count > 0) await File.WriteAllTextAsync(Path.Combine(folder, "drill.html"), HtmlReport.Write(good), cancel);
        Say(string.Create(CultureInfo.InvariantCulture,
            $"   {DrillVerb.Word(good.Verdict)} in {good.Seconds.Total:0.0} s, one minute was promised: restored into a server of its own, {good.Tables.Count(t => t.Difference is null)} of {good.Tables.Count} tables equal, {good.Checks.Count(c => c.Verdict == Verdict.Pass)} of {good.Checks.Count} questions answered well."));
        foreach (var finding in good.Findings) Say($"   {finding.Sentence}");

        Say("7. Somebody changes one letter of one row in a copy of the vault, and computes every checksum anew.");
        var copy = Path.Combine(folder, "tampered");
        await Tamper.CopyAsync(Path.Combine(folder, "vault"), copy, entry, context.Machine, cancel);
        await using var tampered = VaultFactory.Open(copy, null, context.Clock);
        var changed = (await new BackupCatalog(tampered).ListAsync(null, Database, cancel))[0];
        var believed = await new VerifyBackup(context.Machine, context.Clock, installations, progress).ExecuteAsync(tampered, changed, VerifyLevel.Checksum, record: false, cancel);
        Say($"   verify --level checksum: {(believed.Passed ? "passed. It cannot know" : "failed")}.");
        var bad = await drill.ExecuteAsync(new DrillRequest { Vault = tampered, Backup = changed }, cancel);
        Say($"   drill: {DrillVerb.Word(bad.Verdict)}. {string.Join(" ", bad.Findings.Select(f => f.Sentence))}");
        return new DemoReport
        {
            BackupId = manifest.Id,
            Rows = manifest.Totals.Rows,
            Tables = manifest.Totals.Tables,
            StoredBytes = manifest.Totals.StoredBytes,
            Damage = damage,
            Equal = verified.Passed && good.Verdict == Verdict.Pass && bad.Verdict == Verdict.Fail,
            Drill = good.Verdict,
            TamperedDrill = bad.Verdict,
            TamperedFindings = [.. bad.Findings.Select(f => f.Sentence)],
            Seconds = 0,
        };
    }

    // The restore has compared all of it; the largest few are shown so that one can see what was compared.
    private static void Show(Action<string> say, Manifest manifest)
    {
        var table = new TextTable("   TABLE", "ROWS", "FINGERPRINT, ORIGINAL AND RESTORED");
        foreach (var f in manifest.Fingerprints.OrderByDescending(f => f.Rows).Take(6))
            table.Add($"   {f.Table}", (f.Rows ?? 0).ToString("N0", CultureInfo.InvariantCulture), $"{f.Hash}  equal");
        foreach (var line in table.Lines(rightAligned: [1])) say(line);
        say($"   All {manifest.Fingerprints.Count} tables and {manifest.Snapshot.Sequences.Count} sequences are equal.");
    }

    private static void Farewell(Terminal t, DemoReport r)
    {
        t.Line(string.Create(CultureInfo.InvariantCulture, $"Done in {r.Seconds:0.0} s. The servers are gone{(r.Kept is null ? ", the vault too (--keep leaves it)" : "")}."));
        if (r.Kept is not null)
        {
            t.Line($"The vault is {r.Kept}/vault, the page of the drill {r.Kept}/drill.html. Look further:");
            t.Line($"   backup list --vault {r.Kept}/vault");
            t.Line($"   backup show {r.BackupId} --vault {r.Kept}/vault");
        }

        t.Line("With your own database:");
        t.Line("   backup run --source \"$DATABASE_URL\" --vault ./backups");
    }

    private static async Task<string> ShopSqlAsync(CancellationToken cancel)
    {
        await using var stream = typeof(DemoVerb).Assembly.GetManifestResourceStream("shop.sql")!;
        using var reader = new StreamReader(stream);
        return await reader.ReadToEndAsync(cancel);
    }

    private static async Task ExecuteAsync(ThrowawayCluster cluster, string database, string sql, CancellationToken cancel)
    {
        await using var connection = new NpgsqlConnection(cluster.ConnectionString(database));
        await connection.OpenAsync(cancel);
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync(cancel);
    }
}
