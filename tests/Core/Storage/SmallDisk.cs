using System.Diagnostics;

namespace Backup.Core.Tests.Storage;

/// <summary>
/// A file system of 4 MiB, so that a disk can be full. Needs root or a sudo without password: where neither is, the test skips on a laptop
/// and fails in CI.
/// </summary>
internal sealed class SmallDisk : IDisposable
{
    private readonly string _path;

    private SmallDisk(string path) => _path = path;

    public static SmallDisk Mount(string path)
    {
        Directory.CreateDirectory(path);
        var options = $"size=4m,mode=0700,uid={Run("id", "-u").Output.Trim()}";
        if (Run("mount", "-t", "tmpfs", "-o", options, "tmpfs", path).Code == 0
            || Run("sudo", "-n", "mount", "-t", "tmpfs", "-o", options, "tmpfs", path).Code == 0)
        {
            return new SmallDisk(path);
        }

        const string Reason = "a full disk needs a tmpfs: run the tests as root, or allow 'sudo -n mount'";
        if (Environment.GetEnvironmentVariable("CI") == "true") Assert.Fail(Reason);
        Assert.Skip(Reason);
        throw new UnreachableException();
    }

    public void Dispose()
    {
        // Lazily: a process that another test is just starting holds copies of this one's open files until it has become a program of its own.
        if (Run("umount", "-l", _path).Code != 0) Run("sudo", "-n", "umount", "-l", _path);
    }

    private static (int Code, string Output) Run(string program, params string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            var output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return (process.ExitCode, output);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return (127, "");
        }
    }
}
