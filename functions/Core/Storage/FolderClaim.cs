using Backup.Core.Machine;
using Backup.Core.Model;

namespace Backup.Core.Storage;

/// <summary>
/// A lock file held open with flock: the kernel lets go of it when the process dies, however it dies. The file itself is never removed,
/// since removing it would let a waiting process lock a file that has no name any more. Who holds it stands in a second file, because
/// .NET does not let a locked one be read.
/// </summary>
internal sealed class FolderClaim : IAsyncDisposable
{
    private readonly Action<FolderClaim> _ending;
    private FileStream? _file;

    private FolderClaim(FileStream file, IReadOnlyList<string> folders, Action<FolderClaim> ending)
    {
        _file = file;
        _ending = ending;
        Folders = folders;
    }

    public IReadOnlyList<string> Folders { get; }

    public static FolderClaim Take(string path, IReadOnlyList<string> folders, string vault, Action<FolderClaim> ending)
    {
        try
        {
            return FolderErrors.Map(vault, folders[0], () => Open(path, folders, ending));
        }
        catch (BackupException e) when (e.InnerException is IOException { HResult: Native.Again or 35 })
        {
            throw Busy(path, folders, vault);
        }
    }

    public void Release() => Interlocked.Exchange(ref _file, null)?.Dispose();

    /// <summary>The vault sweeps what the claim's run has left unfinished while the lock is still held.</summary>
    public ValueTask DisposeAsync()
    {
        try
        {
            if (_file is not null) _ending(this);
        }
        finally
        {
            Release();
        }

        return ValueTask.CompletedTask;
    }

    private static FolderClaim Open(string path, IReadOnlyList<string> folders, Action<FolderClaim> ending)
    {
        var file = new FileStream(path + ".lock", new FileStreamOptions
        {
            Mode = FileMode.OpenOrCreate,
            Access = FileAccess.ReadWrite,
            Share = FileShare.None,
            UnixCreateMode = FolderVault.FileMode,
        });
        var claim = new FolderClaim(file, folders, ending);
        var isNamed = false;
        try
        {
            File.WriteAllText(path + ".owner", $"pid {Environment.ProcessId} on {Environment.MachineName}");
            isNamed = true;
            return claim;
        }
        finally
        {
            if (!isNamed) claim.Release();
        }
    }

    private static BackupException Busy(string path, IReadOnlyList<string> folders, string vault)
    {
        var holder = Holder(path);
        return new BackupException(ErrorCode.VaultBusy, $"{(holder.Length > 0 ? holder : "another process")} is writing {folders[0]} in {vault}",
            "Wait until that run has ended, or stop it; its claim ends with it.") { IsTransient = true };
    }

    private static string Holder(string path)
    {
        try
        {
            return File.ReadAllText(path + ".owner");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return ""; // being written at this moment, or not ours to read
        }
    }
}
