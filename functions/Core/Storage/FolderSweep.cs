namespace Backup.Core.Storage;

/// <summary>
/// Removal in a folder vault. Nothing here follows a symbolic link, and nothing is removed whose name this program does not give:
/// what is unknown belongs to somebody.
/// </summary>
internal static class FolderSweep
{
    private const int AttemptLength = 8;
    private static readonly EnumerationOptions s_plain = new()
    {
        AttributesToSkip = FileAttributes.ReparsePoint,
        IgnoreInaccessible = false,
    };

    /// <summary>
    /// Below <c>{env}/{tier}/{database}</c>: every <c>{yyyy}/{MM}/{id}</c> without manifest goes, and in the others every attempt that the
    /// manifest does not name. A folder with a tombstone is left to prune, which finishes it; one with a lock or results once was a backup, and who has
    /// taken its manifest away is not known.
    /// </summary>
    public static void RemoveDeadAttempts(string database, CancellationToken cancel)
    {
        foreach (var year in Folders(database, name => name.Length == 4 && name.All(char.IsAsciiDigit)))
        foreach (var month in Folders(year, name => name.Length == 2 && name.All(char.IsAsciiDigit)))
        foreach (var backup in Folders(month, _ => true))
        {
            cancel.ThrowIfCancellationRequested();
            if (File.Exists(Path.Combine(backup, Model.VaultKeys.TombstoneName))) continue;
            if (!File.Exists(Path.Combine(backup, Model.VaultKeys.ManifestName)) && WasCommitted(backup)) continue;
            var manifest = Path.Combine(backup, Model.VaultKeys.ManifestName);
            if (File.Exists(manifest)) RemoveUnnamed(backup, manifest);
            else DeleteTree(backup);
            RemoveEmpty(month, database);
        }
    }

    public static void DeleteTree(string folder)
    {
        if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true); // removes links, not what they point to
    }

    public static void DeleteOldFiles(string folder, DateTimeOffset before)
    {
        if (!Directory.Exists(folder)) return;
        foreach (var file in Directory.EnumerateFiles(folder, "*", s_plain))
            if (File.GetLastWriteTimeUtc(file) < before.UtcDateTime) File.Delete(file);
    }

    /// <summary>Removes a file, if it is there, and the folders that it leaves empty.</summary>
    public static void DeleteFile(string path, string root)
    {
        var folder = Path.GetDirectoryName(path)!;
        try
        {
            File.Delete(path);
        }
        catch (DirectoryNotFoundException)
        {
            return; // somebody who removes the same was faster
        }

        RemoveEmpty(folder, root);
    }

    /// <summary>For clean-up after a failure whose own error is the one to report.</summary>
    public static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It is below .partial, invisible, and the next claim removes it.
        }
    }

    private static bool WasCommitted(string backup) =>
        File.Exists(Path.Combine(backup, Model.VaultKeys.LockedName)) || Directory.Exists(Path.Combine(backup, Model.ResultName.Folder.TrimEnd('/')));

    private static void RemoveUnnamed(string backup, string manifest)
    {
        var attempts = Folders(backup, name => name.Length == AttemptLength && name.All(char.IsAsciiLetterOrDigit));
        if (attempts.Count < 2) return; // the usual case: nothing to look up
        var text = File.ReadAllText(manifest);
        var named = attempts.Where(a => text.Contains($"/{Path.GetFileName(a)}/", StringComparison.Ordinal)).ToList();
        if (named.Count == 0) return; // a damaged manifest tells nothing about what is dead
        foreach (var attempt in attempts.Except(named)) DeleteTree(attempt);
    }

    private static void RemoveEmpty(string folder, string root)
    {
        try
        {
            while (folder.Length > root.Length && !Directory.EnumerateFileSystemEntries(folder).Any())
            {
                Directory.Delete(folder);
                folder = Path.GetDirectoryName(folder)!;
            }
        }
        catch (IOException)
        {
            // A new object came in between, or another sweep was faster.
        }
    }

    private static List<string> Folders(string parent, Func<string, bool> isOurs) =>
        Directory.Exists(parent) ? [.. Directory.EnumerateDirectories(parent, "*", s_plain).Where(d => isOurs(Path.GetFileName(d)))] : [];
}
