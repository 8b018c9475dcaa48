using System.ComponentModel;
using Backup.Core.Machine;
using Backup.Core.Model;

namespace Backup.Core.Storage;

/// <summary>The one place where the file system's errors become vault errors.</summary>
internal static class FolderErrors
{
    public static void Map(string root, string key, Action action) => Map(root, key, () =>
    {
        action();
        return true;
    });

    public static T Map<T>(string root, string key, Func<T> action)
    {
        try
        {
            return action();
        }
        catch (Exception e) when (IsFileError(e))
        {
            throw ToVaultError(root, key, e);
        }
    }

    public static async ValueTask MapAsync(string root, string key, Func<ValueTask> action)
    {
        try
        {
            await action();
        }
        catch (Exception e) when (IsFileError(e))
        {
            throw ToVaultError(root, key, e);
        }
    }

    public static BackupException Conflict(string root, string key, Exception? cause = null) =>
        new(ErrorCode.VaultConflict, $"{key} exists already in {root}", "Objects are written once; run it again to get a new name.", cause);

    private static bool IsFileError(Exception e) => e is IOException or UnauthorizedAccessException or Win32Exception;

    private static BackupException ToVaultError(string root, string key, Exception e)
    {
        // On Unix .NET puts the errno into HResult where it has no exception type of its own.
        var errno = e is Win32Exception native ? native.NativeErrorCode : e.HResult;
        return (e, errno) switch
        {
            (_, Native.NoSpace or Native.QuotaExceeded or Native.FileTooLarge) => new(ErrorCode.VaultFull,
                $"{root} has no space left for {key}", "Free space on that disk, lower the retention, or choose another vault.", e),
            (UnauthorizedAccessException, _) or (_, Native.AccessDenied or Native.ReadOnlyFileSystem) => new(ErrorCode.VaultDenied,
                $"{root} refuses access to {key}", "Make the folder readable and writable for the user that runs backups.", e),
            (DirectoryNotFoundException, _) when !Directory.Exists(root) => new(ErrorCode.VaultMissing,
                $"the vault folder {root} does not exist", "Mount the disk, or correct the vault's path in the policy.", e),
            (FileNotFoundException or DirectoryNotFoundException, _) or (_, Native.NoEntry) => new(ErrorCode.VaultMissing,
                $"{key} does not exist in {root}", "List the vault to see what it holds.", e),
            (_, Native.Exists) => Conflict(root, key, e),
            (PathTooLongException, _) or (_, Native.NameTooLong) => new(ErrorCode.VaultDenied,
                $"{root} cannot hold a name as long as {key}", "Shorten the environment's or the database's name.", e),
            _ => new(ErrorCode.VaultUnreachable, $"{root} failed at {key}: {e.Message}", "Look at the disk and the system log.", e),
        };
    }
}
