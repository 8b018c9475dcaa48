using Backup.Core.Machine;

namespace Backup.Core.Operations;

/// <summary>A private temporary folder that goes with the operation; what a killed process left is removed by the next.</summary>
public sealed class WorkFolder : IDisposable
{
    private const string NamePrefix = "backup-work-";
    private const string Memory = "/dev/shm";

    private WorkFolder(string folder) => Folder = folder;

    public string Folder { get; }

    /// <summary>An empty home for gpg, so that nobody's keyring is touched.</summary>
    public string GpgHome => Directory.CreateDirectory(Path.Combine(Folder, "gpg"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute).FullName;

    public static WorkFolder Create(MachineEnvironment machine)
    {
        ArgumentNullException.ThrowIfNull(machine);
        return Create(machine.TempFolder);
    }

    /// <summary>For keys: on no disk, where the system has a file system in memory that this user may write to; else as <see cref="Create(MachineEnvironment)"/>.</summary>
    public static WorkFolder CreateInMemory(MachineEnvironment machine)
    {
        ArgumentNullException.ThrowIfNull(machine);
        try
        {
            return Create(Directory.Exists(Memory) ? Memory : machine.TempFolder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Create(machine.TempFolder);
        }
    }

    private static WorkFolder Create(string parent)
    {
        foreach (var old in Directory.EnumerateDirectories(parent, NamePrefix + "*"))
        {
            var pid = Path.GetFileName(old)[NamePrefix.Length..].Split('-')[0];
            if (Directory.Exists("/proc") && !Directory.Exists($"/proc/{pid}") && IsOurs(old)) Bury(old);
        }

        var folder = Path.Combine(parent, $"{NamePrefix}{Environment.ProcessId}-{Path.GetRandomFileName()}");
        return new WorkFolder(Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute).FullName);
    }

    public void Dispose() => Remove(Folder);

    private static void Remove(string folder)
    {
        try
        {
            Directory.Delete(folder, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Another process removes it too, or it belongs to another user: not ours to insist on.
        }
    }

    /// <summary>
    /// A psql of the dead process may still wait in a FIFO for its reader, with its locks and its snapshot: opening it for a moment lets psql
    /// go on, fail and end.
    /// </summary>
    private static void Bury(string folder)
    {
        try
        {
            foreach (var fifo in Directory.EnumerateFiles(folder, "*.fifo")) Native.WakeFifo(fifo);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Another process buries it too.
        }

        Remove(folder);
    }

    // A folder of mode 0700 that this user can list is this user's (or this user is root).
    private static bool IsOurs(string folder)
    {
        try
        {
            return (File.GetUnixFileMode(folder) & (UnixFileMode.GroupRead | UnixFileMode.OtherRead)) == 0;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false; // another process has just removed it
        }
    }
}
