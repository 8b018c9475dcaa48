using System.ComponentModel;
using Backup.Core.Machine;

namespace Backup.Core.Tests.Machine;

public sealed class NativeTests : IDisposable
{
    private const int GetDumpable = 3;

    private readonly string _folder = Directory.CreateTempSubdirectory("native-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_named_pipe_is_for_its_owner_only_and_made_once()
    {
        var path = Path.Combine(_folder, "pipe");
        Native.MakeFifo(path);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        Assert.Equal(Native.Exists, Assert.Throws<Win32Exception>(() => Native.MakeFifo(path)).NativeErrorCode);
    }

    [Fact]
    public void Publishing_never_replaces_a_file()
    {
        var (first, second, final) = (Path.Combine(_folder, "1"), Path.Combine(_folder, "2"), Path.Combine(_folder, "final"));
        File.WriteAllText(first, "first");
        File.WriteAllText(second, "second");
        Native.Publish(first, final);
        Assert.Equal(Native.Exists, Assert.Throws<Win32Exception>(() => Native.Publish(second, final)).NativeErrorCode);
        Assert.Equal("first", File.ReadAllText(final));
        Assert.False(File.Exists(first));
        Native.SyncFolder(_folder);
    }

    /// <summary>What the kernel then refuses to others of this user (and not to root, as which tests may run) is its own promise: prctl(2), proc(5).</summary>
    [Fact]
    public void A_process_can_close_its_memory_and_environment()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "the kernel of Linux does it");
        Native.HideProcess();
        Assert.Equal(0, PrCtl(GetDumpable));
    }

#pragma warning disable SYSLIB1054 // the generated form needs unsafe code, for one call of a test
    [System.Runtime.InteropServices.DllImport("libc", EntryPoint = "prctl")]
    private static extern int PrCtl(int option);
#pragma warning restore SYSLIB1054
}
