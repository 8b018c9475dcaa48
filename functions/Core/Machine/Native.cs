using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Backup.Core.Machine;

/// <summary>
/// The libc calls that .NET has no words for. Failures are <see cref="Win32Exception"/> whose NativeErrorCode is the errno.
/// </summary>
public static partial class Native
{
    // errno values; where Linux and macOS differ both are listed by the callers.
    public const int NoEntry = 2;
    public const int IoError = 5;
    public const int Again = 11;
    public const int AccessDenied = 13;
    public const int Exists = 17;
    public const int FileTooLarge = 27;
    public const int NoSpace = 28;
    public const int ReadOnlyFileSystem = 30;
    public const int NameTooLong = 36;
    public const int QuotaExceeded = 122;

    private const int NotPermitted = 1;
    private const int TooManyLinks = 31;
    private const int NotImplemented = 38;
    private const int NotSupported = 95;
    private const uint OwnerOnly = 0x180; // 0600
    private const int AtCurrentFolder = -100;
    private const uint NoReplace = 1;
    private const int SetPipeSize = 1031;
    private const int SetDumpable = 4;

    /// <summary>Creates a named pipe that only this user may open. Fails when the path exists.</summary>
    public static void MakeFifo(string path)
    {
        if (MkFifo(path, OwnerOnly) != 0) throw Failure($"mkfifo {path}");
    }

    /// <summary>
    /// Opens a named pipe for reading and closes it: whoever waits to write into it goes on, and finds nobody there. A path that is gone, or is no
    /// pipe, is left alone.
    /// </summary>
    public static void WakeFifo(string path)
    {
        var handle = Open(path, OperatingSystem.IsMacOS() ? 0x4 : 0x800); // O_RDONLY | O_NONBLOCK
        if (handle >= 0) _ = Close(handle);
    }

    /// <summary>
    /// Gives a pipe room for 1 MiB instead of 64 KiB, so that its two ends wake each other less often. Where the system does not allow it, it stays as
    /// it is.
    /// </summary>
    public static void WidenPipe(SafeHandle pipe)
    {
        if (OperatingSystem.IsLinux()) _ = FCntl(pipe, SetPipeSize, 1 << 20);
    }

    /// <summary>
    /// Closes this process's memory and environment to other processes of the same user, for as long as it lives. Root, and programs that it starts, are not meant. Linux only:
    /// elsewhere nothing happens.
    /// </summary>
    public static void HideProcess()
    {
        if (OperatingSystem.IsLinux()) _ = PrCtl(SetDumpable, 0);
    }

    /// <summary>Makes the names inside a folder durable. File systems that cannot do it for folders are left to themselves.</summary>
    public static void SyncFolder(string path)
    {
        var handle = Open(path, 0);
        if (handle < 0) throw Failure($"open {path}");
        try
        {
            if (FSync(handle) != 0 && Marshal.GetLastPInvokeError() is IoError or NoSpace) throw Failure($"fsync {path}");
        }
        finally
        {
            _ = Close(handle);
        }
    }

    /// <summary>
    /// Gives a file its final name in one step that fails (errno <see cref="Exists"/>) when the name is taken.
    /// File.Move cannot promise that: without hard links it copies, and a reader could see half a file.
    /// </summary>
    public static void Publish(string temporary, string final)
    {
        if (Link(temporary, final) == 0)
        {
            _ = Unlink(temporary); // A leftover second name is invisible and swept later.
            return;
        }

        var error = Marshal.GetLastPInvokeError();
        var linksAreUnknownHere = error is NotPermitted or TooManyLinks or NotImplemented or NotSupported;
        if (!linksAreUnknownHere) throw new Win32Exception(error, $"link {final}: {Marshal.GetPInvokeErrorMessage(error)}");
        if (RenameAt2(AtCurrentFolder, temporary, AtCurrentFolder, final, NoReplace) != 0) throw Failure($"rename {final}");
    }

    private static Win32Exception Failure(string call)
    {
        var error = Marshal.GetLastPInvokeError();
        return new Win32Exception(error, $"{call}: {Marshal.GetPInvokeErrorMessage(error)}");
    }

    [LibraryImport("libc", EntryPoint = "mkfifo", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MkFifo(string path, uint mode);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int FCntl(SafeHandle handle, int command, nint value);

    [LibraryImport("libc", EntryPoint = "prctl", SetLastError = true)]
    private static partial int PrCtl(int option, nuint value);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int FSync(int handle);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int handle);

    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Link(string existing, string created);

    [LibraryImport("libc", EntryPoint = "unlink", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Unlink(string path);

    [LibraryImport("libc", EntryPoint = "renameat2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int RenameAt2(int fromFolder, string from, int toFolder, string to, uint flags);
}
