using System.Globalization;
using Backup.Core.Catalog;
using Backup.Core.Model;

namespace Backup.Core.Operations.Increments;

/// <summary>Which increments belong together. Pure: everything comes from the catalog, nothing from a clock.</summary>
public static class IncrementChain
{
    /// <summary>The backup that a new increment completes: the newest one that can be read and that no proof has failed. Null = none.</summary>
    public static CatalogEntry? NewestBase(IEnumerable<CatalogEntry> entries) => entries
        .Where(e => !e.Id.IsIncrement && e.IsGood && e.Manifest is { Increment: null })
        .MaxBy(e => e.Manifest!.Snapshot.Time);

    /// <summary>The readable increments of a base, in the order in which they must be applied.</summary>
    public static IReadOnlyList<CatalogEntry> Of(Manifest basis, IEnumerable<CatalogEntry> entries)
    {
        ArgumentNullException.ThrowIfNull(basis);
        return
        [
            .. entries.Where(e => e.Manifest is { Increment: { } i } m && i.Base == basis.Id && m.Environment == basis.Environment)
                .OrderBy(e => e.Manifest!.Increment!.Number).ThenBy(e => e.Manifest!.Snapshot.Time),
        ];
    }

    /// <summary>
    /// Every table's changes must begin where its rows so far end: a missing increment would leave a hole that nobody sees.
    /// backup.damaged names it.
    /// </summary>
    public static void CheckComplete(Manifest basis, IReadOnlyList<CatalogEntry> chain)
    {
        if (Hole(basis, chain) is not { } hole) return;
        throw new BackupException(ErrorCode.BackupDamaged, hole.Sentence,
            $"Fetch {hole.Missing} from a copy of the vault, restore to a time before it, or leave increments out: --no-increments.");
    }

    /// <summary>The first increment that is missing, and what that means; null for a chain without a hole.</summary>
    public static (string Missing, string Sentence)? Hole(Manifest basis, IReadOnlyList<CatalogEntry> chain)
    {
        ArgumentNullException.ThrowIfNull(basis);
        ArgumentNullException.ThrowIfNull(chain);
        var covered = new Dictionary<TableName, ulong>();
        foreach (var manifest in chain.Select(e => e.Manifest!))
        {
            foreach (var table in manifest.Increment!.Tables)
            {
                var until = covered.GetValueOrDefault(table.Table, Xid(basis.Snapshot.Xmin));
                if (table.FromXmin is { } from && Xid(from) > until)
                    return (table.Since, $"the increment {table.Since} is missing, and {manifest.Id} continues it: changes of {table.Table} between them are in neither");
                covered[table.Table] = Xid(manifest.Snapshot.Xmin);
            }
        }

        return null;
    }

    public static ulong Xid(string text) => ulong.Parse(text, CultureInfo.InvariantCulture);
}
