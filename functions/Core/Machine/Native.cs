using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Backup.Core.Machine;

/// <summary>The few libc calls that .NET does not offer.</summary>
public static partial class Native
{
    /// <summary>Makes a named pipe that only this user can open.</summary>
    public static void MakeFifo(string path)
    {
        if (mkfifo(path, 0x180 /* 0600 */) != 0) throw new Win32Exception(Marshal.GetLastPInvokeError());
    }

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int mkfifo(string path, uint mode);
}
