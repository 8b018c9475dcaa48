using System.Text.Json;
using Backup.Core.Catalog;
using Backup.Core.Model;
using Backup.Core.Storage;

namespace Backup.Core.Operations.Checking;

/// <summary>What the vault knows of one database: its last whole backups, oldest first, and how long the last drills that passed took.</summary>
public sealed record CheckHistory(IReadOnlyList<Manifest> Backups, IReadOnlyList<TimeSpan> Drills)
{
    private const int Newest = 30;
    private const int NewestDrills = 5;

    public static CheckHistory Empty { get; } = new([], []);

    /// <summary>The longest run of the last seven.</summary>
    public TimeSpan? RunTime => Backups.Count == 0 ? null : Backups.TakeLast(7).Max(m => m.FinishedAt - m.StartedAt);

    public long? DatabaseBytes => Backups.Count == 0 ? null : Backups[^1].Snapshot.DatabaseBytes;

    public static async Task<CheckHistory> ReadAsync(IVault vault, string environment, string database, CancellationToken cancel)
    {
        var catalog = new BackupCatalog(vault);
        var scan = await VaultScan.ReadAsync(vault, VaultKeys.DatabasePrefixes(environment, database), cancel);
        var folders = scan.Folders.Where(f => f.IsBackup && f.Tier != Tier.Incremental).OrderBy(f => f.Id.Time).ToList();
        var backups = new List<Manifest>();
        foreach (var folder in folders.TakeLast(Newest))
            if ((await catalog.LoadAsync(folder.ToEntry(), cancel))?.Manifest is { } manifest) backups.Add(manifest);
        var passes = folders.SelectMany(f => f.ToEntry().Results.Where(r => r is { Kind: ProofKind.Drill, Verdict: Verdict.Pass }).Select(r => (Key: r.Key(f.Prefix), r.At)));
        var drills = new List<TimeSpan>();
        foreach (var (key, _) in passes.OrderBy(p => p.At).TakeLast(NewestDrills))
            if (Seconds(await catalog.ReadObjectAsync(key, cancel)) is { } seconds) drills.Add(TimeSpan.FromSeconds(seconds));
        return new CheckHistory(backups, drills);
    }

    /// <summary>The whole drill: <c>seconds.total</c> of its result.</summary>
    private static double? Seconds(byte[] json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            var total = document.RootElement.GetProperty("seconds").GetProperty("total").GetDouble();
            return total >= 0 ? total : null;
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            return null; // a result that cannot be read measures nothing
        }
    }
}
