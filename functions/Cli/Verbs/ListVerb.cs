using System.CommandLine;
using System.Globalization;
using Backup.Core.Catalog;
using Backup.Core.Model;
using Backup.Core.Operations;

namespace Backup.Cli.Verbs;

/// <summary>One backup in a list.</summary>
public sealed record ListView
{
    public required string Id { get; init; }
    public required string Database { get; init; }
    public required string Environment { get; init; }
    public required Tier Tier { get; init; }
    public BackupKind? Kind { get; init; }

    /// <summary>The moment that a restore goes back to.</summary>
    public DateTimeOffset? SnapshotTime { get; init; }
    public long? RawBytes { get; init; }
    public long? StoredBytes { get; init; }
    public long? Rows { get; init; }
    public DateTimeOffset? ExpiresAt { get; init; }
    public bool Locked { get; init; }

    /// <summary>The newest verify: true, false, or absent when there was none.</summary>
    public bool? Verified { get; init; }

    /// <summary>Why the manifest cannot be read.</summary>
    public string? Problem { get; init; }
}

public sealed record ListReport(string Vault, IReadOnlyList<ListView> Backups);

/// <summary><c>backup list</c>: the catalog, oldest first.</summary>
public static class ListVerb
{
    public static Command Create(VerbContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var o = context.Options;
        var command = new Command("list", "List the backups of a vault.") { o.Vault, o.Stack, o.Policy, o.Environment, o.Database, o.Output };
        command.SetAction(async (parsed, cancel) =>
        {
            var place = Place.Of(context, parsed);
            await using var vault = place.OpenVault();
            var entries = await place.ListAsync(vault, cancel);
            var views = entries.Select(View).ToList();
            if (o.WantsJson(parsed)) context.Terminal.Line(CliJson.Write(new ListReport(vault.Name, views), CliJson.Printed.ListReport));
            else Print(context.Terminal, vault.Name, views);
            return views.Any(v => v.Problem is not null) ? ErrorCode.Different : ErrorCode.Done;
        });
        return command;
    }

    /// <summary>The newest verify: passed, failed, or null when there was none.</summary>
    public static bool? Verified(CatalogEntry entry)
    {
        ArgumentNullException.ThrowIfNull(entry);
        return entry.Newest(ProofKind.Verify) is { } verify ? verify.Verdict == Verdict.Pass : null;
    }

    private static ListView View(CatalogEntry entry) => new()
    {
        Id = entry.Id.ToString(),
        Database = entry.Id.Database,
        Environment = entry.Environment,
        Tier = entry.Tier,
        Kind = entry.Manifest?.Kind,
        SnapshotTime = entry.Manifest?.Snapshot.Time,
        RawBytes = entry.Manifest?.Totals.RawBytes,
        StoredBytes = entry.Manifest?.Totals.StoredBytes,
        Rows = entry.Manifest?.Totals.Rows,
        ExpiresAt = entry.Manifest?.ExpiresAt,
        Locked = entry.IsLocked,
        Verified = Verified(entry),
        Problem = entry.Problem,
    };

    private static void Print(Terminal terminal, string vault, IReadOnlyList<ListView> views)
    {
        if (views.Count == 0)
        {
            terminal.Line($"no backups in {vault}");
            return;
        }

        var table = new TextTable("ID", "TIER", "SNAPSHOT (UTC)", "ROWS", "RAW", "STORED", "VERIFIED", "EXPIRES");
        foreach (var v in views)
        {
            table.Add(v.Id, Words.Of(v.Tier), v.SnapshotTime?.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture) ?? "unreadable",
                v.Rows?.ToString("N0", CultureInfo.InvariantCulture) ?? "", v.RawBytes is { } raw ? Bytes.Text(raw) : "", v.StoredBytes is { } stored ? Bytes.Text(stored) : "",
                v.Verified switch { true => "yes", false => "FAILED", null => "never" },
                v.ExpiresAt?.UtcDateTime.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture) ?? "never");
        }

        foreach (var line in table.Lines(rightAligned: [3, 4, 5])) terminal.Line(line);
        foreach (var v in views.Where(v => v.Problem is not null)) terminal.Note($"warning: {v.Problem}");
    }
}
