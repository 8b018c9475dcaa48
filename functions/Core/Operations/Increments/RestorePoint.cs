using Backup.Core.Catalog;
using Backup.Core.Model;

namespace Backup.Core.Operations.Increments;

/// <summary>What a person's word for a moment means: a backup, and the increments that complete it, oldest first.</summary>
public sealed record RestorePoint(CatalogEntry Backup, IReadOnlyList<CatalogEntry> Increments)
{
    /// <summary>
    /// An increment of another backup with newer rows than this point has: a backup whose snapshot is older than the last increments of the one before it
    /// was committed after them. It can be restored by its id.
    /// </summary>
    public CatalogEntry? Newer { get; init; }

    /// <summary>
    /// What the newest manifest of this database that names such a file says is run after a restore, whichever backup is chosen: older ones do not know of it yet, and runs without the
    /// policy never. See <see cref="Manifest.AfterRestore"/>.
    /// </summary>
    public string? AfterRestore { get; init; }

    /// <param name="entries">From the catalog.</param>
    /// <param name="which">
    /// latest or a time: the last backup and its increments up to then. An increment's id: its backup and the increments up to it. A backup's id:
    /// that backup alone.
    /// </param>
    /// <param name="vaultName">For messages.</param>
    /// <param name="useIncrements">False: the backup alone.</param>
    public static RestorePoint Choose(IReadOnlyList<CatalogEntry> entries, string which, string vaultName, bool useIncrements)
    {
        ArgumentNullException.ThrowIfNull(entries);
        var point = Find(entries, which, vaultName, useIncrements);
        var naming = entries.Where(e => e.Manifest?.AfterRestore is not null && e.Environment == point.Backup.Environment && e.Id.Database == point.Backup.Id.Database).MaxBy(e => e.Id.Time);
        return point with { AfterRestore = naming?.Manifest!.AfterRestore };
    }

    private static RestorePoint Find(IReadOnlyList<CatalogEntry> entries, string which, string vaultName, bool useIncrements)
    {
        var chosen = BackupSelector.Choose(entries, which, vaultName);
        if (chosen.Id.IsIncrement) return UpTo(chosen, entries, useIncrements);
        if (BackupId.TryParse(which, out _) || chosen.Manifest is not { } basis) return new RestorePoint(chosen, []);
        if (chosen.Results.HasFailed()) throw Refuted(chosen, entries);
        if (!useIncrements) return new RestorePoint(chosen, []);
        var time = BackupSelector.ParseTime(which);
        var chain = IncrementChain.Of(basis, entries).Where(e => time is null || e.Manifest!.Snapshot.Time <= time).ToList();
        // As with a backup: whoever asks for the latest must hear of a newer increment that is damaged. One that a later one covers does not matter.
        var after = chain.Count > 0 ? chain[^1].Id.Time : chosen.Id.Time;
        var damaged = entries.Where(e => e is { Id.IsIncrement: true, Manifest: null } && e.Environment == chosen.Environment && e.Id.Database == chosen.Id.Database
            && e.Id.Time > after && (time is null || e.Id.Time <= time)).MaxBy(e => e.Id.Time);
        if (damaged is not null)
            throw new BackupException(ErrorCode.BackupDamaged, damaged.Problem!, "Fetch it from a copy of the vault, restore to a time before it, or leave increments out: --no-increments.");
        IncrementChain.CheckComplete(basis, chain);
        var newest = chain.Count > 0 ? chain[^1].Manifest!.Snapshot.Time : basis.Snapshot.Time;
        return new RestorePoint(chosen, chain)
        {
            Newer = entries.Where(e => e is { Id.IsIncrement: true, Manifest: not null } && e.Environment == chosen.Environment && e.Id.Database == chosen.Id.Database
                && e.Manifest.Snapshot.Time > newest && (time is null || e.Manifest.Snapshot.Time <= time)).MaxBy(e => e.Manifest!.Snapshot.Time),
        };
    }

    // Whoever asks for the latest must not get one that is known to be bad, and must not get an older one unasked.
    private static BackupException Refuted(CatalogEntry chosen, IReadOnlyList<CatalogEntry> entries)
    {
        var failed = chosen.Results.Last(r => r.Verdict == Verdict.Fail);
        var before = entries.Where(e => e is { Id.IsIncrement: false, IsGood: true } && e.Manifest!.Snapshot.Time < chosen.Manifest!.Snapshot.Time)
            .MaxBy(e => e.Manifest!.Snapshot.Time);
        // By its last increment, which brings the ones before it along; by its own id it would come alone.
        var best = before is null ? null : IncrementChain.Of(before.Manifest!, entries) is [.., var last] ? last : before;
        return new BackupException(ErrorCode.BackupDamaged, $"{chosen.Id} failed its {Words.Of(failed.Kind)} of {UtcText.Minutes(failed.At)}",
            $"{(best is null ? "There is no good one before it." : $"Restore the good one before it: {best.Id}.")} To restore {chosen.Id} all the same, name it.");
    }

    private static RestorePoint UpTo(CatalogEntry increment, IReadOnlyList<CatalogEntry> entries, bool useIncrements)
    {
        if (!useIncrements)
            throw new BackupException(ErrorCode.UsageWrong, $"{increment.Id} is an increment, and --no-increments leaves increments out", "Give the id of a backup, or leave --no-increments out.");
        var facts = (increment.Manifest ?? throw ArtifactReader.Damaged(increment.Problem!)).Increment!;
        var basis = entries.FirstOrDefault(e => e.Id.ToString() == facts.Base && e.Environment == increment.Environment)
            ?? throw new BackupException(ErrorCode.BackupNotFound, $"the backup {facts.Base}, which {increment.Id} completes, is not in the vault", "Fetch it from a copy of the vault; without it only the rows of the increment are there.");
        if (basis.Manifest is null) throw ArtifactReader.Damaged(basis.Problem!);
        var chain = IncrementChain.Of(basis.Manifest, entries).TakeWhile(e => e.Id != increment.Id).Append(increment).ToList();
        IncrementChain.CheckComplete(basis.Manifest, chain);
        return new RestorePoint(basis, chain);
    }
}
