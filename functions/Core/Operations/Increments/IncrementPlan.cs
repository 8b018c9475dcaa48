using Backup.Core.Catalog;
using Backup.Core.Model;
using Backup.Core.Policies;
using Backup.Core.Postgres;

namespace Backup.Core.Operations.Increments;

/// <summary>The present snapshot's place in the server's history.</summary>
/// <param name="Xmin">Every transaction before it had ended.</param>
/// <param name="Xmax">No transaction from it on had begun.</param>
public sealed record Horizon(ulong Xmin, ulong Xmax, string Lsn, string? SystemIdentifier, string? History);

/// <summary>How one table is copied.</summary>
/// <param name="Since">Where the changes start, or the base when the table is copied whole.</param>
/// <param name="Why">Why it is copied whole although changes were asked for.</param>
/// <param name="NewParts">Leaves that were attached since then: their rows may be older than the horizon, so all of them are taken.</param>
public sealed record TableStep(IncrementMode Mode, string Since, ulong? FromXmin, string? Why, IReadOnlyList<uint> NewParts);

/// <summary>Which tables are due, and from where each one's changes start. Pure.</summary>
public sealed class IncrementPlan(Manifest basis, IReadOnlyList<CatalogEntry> chain)
{
    /// <summary>age() compares 32-bit ids: a horizon that is half their circle away means nothing any more.</summary>
    private const ulong OldestHorizon = (1UL << 31) - 10_000_000;
    private static readonly TimeSpan _mostSlack = TimeSpan.FromMinutes(5);

    public Manifest Base { get; } = basis;

    public int NextNumber => chain.Count == 0 ? 1 : chain[^1].Manifest!.Increment!.Number + 1;

    /// <summary>
    /// True when the table's time has come. Times of ids are compared with times of ids: a schedule's with a schedule's. A last time that lies in
    /// the future comes from a clock that was wrong, and must not stop increments until then.
    /// </summary>
    public bool IsDue(CriticalTable table, DateTimeOffset time)
    {
        ArgumentNullException.ThrowIfNull(table);
        var last = Last(table.Name);
        var since = BackupId.TryParse(last.Id, out var id) ? time - id.Time : table.Every;
        var slack = table.Every / 10 < _mostSlack ? table.Every / 10 : _mostSlack;
        return since < TimeSpan.Zero || since >= table.Every - slack;
    }

    /// <param name="parts">The table itself, or the leaves of its tree, as they are now.</param>
    public TableStep Step(CriticalTable table, IReadOnlyList<string> columns, IReadOnlyList<SourceTable> parts, Horizon now)
    {
        ArgumentNullException.ThrowIfNull(table);
        ArgumentNullException.ThrowIfNull(parts);
        ArgumentNullException.ThrowIfNull(now);
        var last = Last(table.Name);
        TableStep Full(string? why) => new(IncrementMode.Full, last.Id, null, why, []);
        if (table.Mode == IncrementMode.Full) return Full(null);
        if (Parts(last, table.Name) is not { } before) return Full($"the backup {Base.Id} does not hold it");
        var from = IncrementChain.Xid(last.Snapshot.Xmin);
        if (last.Source.SystemIdentifier != now.SystemIdentifier) return Full("the server is another one than before");
        if (last.Source.History is { } history && history != now.History) return Full("the database is another one than before, or it was restored or failed over since");
        if (now.Xmin < from || Lsn(now.Lsn) < Lsn(last.Snapshot.Lsn)) return Full("the server's history went back: it was reset or restored");
        if (now.Xmax - from >= OldestHorizon) return Full("too many transactions have passed since then");
        if (!before.Columns.SequenceEqual(columns)) return Full($"its columns changed ({Difference(before.Columns, columns)})");
        if (parts is [{ Root: null } single] && !before.Files.ContainsKey(single.Oid)) return Full("it was made anew");
        if (parts.FirstOrDefault(p => before.Files.TryGetValue(p.Oid, out var file) && file is not null && file != p.FileNode) is { } rewritten)
            return Full($"{(rewritten.Root is null ? "it" : $"its partition {rewritten.Name}")} was rewritten or emptied");
        return new TableStep(IncrementMode.Changes, last.Id, from, null, [.. parts.Where(p => !before.Files.ContainsKey(p.Oid)).Select(p => p.Oid)]);
    }

    /// <summary>The newest manifest that says something about a table: an increment, or the base.</summary>
    private Manifest Last(TableName table) => chain.LastOrDefault(e => e.Manifest!.Increment!.Tables.Any(t => t.Table == table))?.Manifest ?? Base;

    private static (IReadOnlyList<string> Columns, Dictionary<uint, uint?> Files)? Parts(Manifest manifest, TableName table)
    {
        if (manifest.Fingerprints.FirstOrDefault(f => f.Table == table) is not { } f) return null;
        return (f.Columns, f.Oids.Select((oid, i) => (oid, File: f.Files?[i])).ToDictionary(p => p.oid, p => p.File));
    }

    private static string Difference(IReadOnlyList<string> before, IReadOnlyList<string> now)
    {
        var added = now.Except(before).Select(c => $"added {c}");
        var gone = before.Except(now).Select(c => $"removed {c}");
        var words = string.Join(", ", added.Concat(gone));
        return words.Length > 0 ? words : "another order";
    }

    private static ulong Lsn(string text)
    {
        var parts = text.Split('/');
        return parts.Length == 2 ? (Convert.ToUInt64(parts[0], 16) << 32) + Convert.ToUInt64(parts[1], 16) : 0;
    }
}
