using System.Globalization;
using Backup.Core.Model;

namespace Backup.Core.Catalog;

/// <summary>Which backup a person means: <c>latest</c>, an id, or a time ("the last one at or before").</summary>
public static class BackupSelector
{
    /// <summary>backup.notFound says what there is instead.</summary>
    public static CatalogEntry Choose(IReadOnlyList<CatalogEntry> entries, string which, string vaultName)
    {
        if (BackupId.TryParse(which, out var id))
        {
            var named = entries.Where(e => e.Id == id).ToList();
            CheckOneEnvironment(named, vaultName);
            return named.FirstOrDefault() ?? throw NotFound($"there is no backup {which} in {vaultName}", entries);
        }

        var time = ParseTime(which);
        entries = [.. entries.Where(e => !e.Id.IsIncrement)]; // never a backup: it holds changes of some tables
        var readable = entries.Where(e => e.Manifest is not null).ToList();
        var databases = readable.Select(e => e.Id.Database).Distinct().Order(StringComparer.Ordinal).ToList();
        if (databases.Count > 1)
        {
            throw new BackupException(ErrorCode.UsageWrong, $"{vaultName} holds backups of {databases.Count} databases: {string.Join(", ", databases)}",
                "Name one with --database, or give a backup's id.");
        }

        CheckOneEnvironment(entries, vaultName);
        var chosen = readable.Where(e => time is null || e.Manifest!.Snapshot.Time <= time).MaxBy(e => e.Manifest!.Snapshot.Time);
        // A newer one with a damaged manifest is what was meant: whoever asks must hear of it rather than get an older one.
        var damaged = entries.Where(e => e.Manifest is null && (time is null || e.Id.Time <= time)).MaxBy(e => e.Id.Time);
        if (damaged is not null && (chosen is null || damaged.Id.Time > chosen.Id.Time)) return damaged;
        return chosen
            ?? throw NotFound(time is null ? $"there is no backup in {vaultName}" : $"there is no backup at or before {UtcText.Seconds(time.Value)} in {vaultName}", entries);
    }

    // Staging's bloom is not production's, and no id says which it is.
    private static void CheckOneEnvironment(IReadOnlyList<CatalogEntry> entries, string vaultName)
    {
        var environments = entries.Select(e => e.Environment).Distinct().Order(StringComparer.Ordinal).ToList();
        if (environments.Count <= 1) return;
        throw new BackupException(ErrorCode.UsageWrong, $"{vaultName} holds such backups of {environments.Count} environments: {string.Join(", ", environments)}",
            "Name the environment with --environment, or its policy with --policy or --stack.");
    }

    /// <summary>Null for <c>latest</c>; usage for anything that is neither that nor a time.</summary>
    public static DateTimeOffset? ParseTime(string which)
    {
        if (which == "latest") return null;
        return DateTimeOffset.TryParse(which, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time)
            ? time
            : throw new BackupException(ErrorCode.UsageWrong, $"\"{which}\" is neither latest, nor a backup id, nor a time",
                "Write latest, an id from `backup list`, or a UTC time such as 2026-03-01T12:00:00Z.");
    }

    private static BackupException NotFound(string sentence, IReadOnlyList<CatalogEntry> entries)
    {
        var range = entries.Count == 0
            ? "Check --vault, --stack and --database, then make one with `backup run`."
            : $"There are {entries.Count}, from {entries[0].Id} to {entries[^1].Id}; see `backup list`.";
        return new BackupException(ErrorCode.BackupNotFound, sentence, range);
    }
}
