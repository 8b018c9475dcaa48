using System.Globalization;
using System.Security.Cryptography;
using Backup.Core.Machine;

namespace Backup.Core.Postgres;

/// <summary>
/// The places of one throw-away server: <c>[parent]/backup-pg.[pid]-[random]/</c> for data and locales, <c>/tmp/bk.[pid]-[random]/</c>
/// for the socket, whose path may have 107 bytes at most (103 on macOS), and <c>[parent]/backup-pg.[pid]-[random].lock</c>.
/// Its owner holds an exclusive lock on that last file. The kernel lets go of it when the owner dies, however it dies: a lock that can be
/// had marks a leftover. A process number alone does not: numbers are used again, and containers that share a folder each count from 1.
/// </summary>
internal sealed class ClusterFolder : IAsyncDisposable
{
    private const string Prefix = "backup-pg.";
    private const string SocketPrefix = "/tmp/bk.";
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private readonly FileStream _lock;

    private ClusterFolder(string root, FileStream held)
    {
        Root = root;
        Socket = SocketPrefix + Path.GetFileName(root)[Prefix.Length..];
        _lock = held;
    }

    public string Root { get; }
    public string Socket { get; }
    public string Data => Path.Combine(Root, "data");
    public string Locales => Path.Combine(Root, "locales");

    /// <summary>Makes the folders, owned by <paramref name="owner"/> (null: this process's user) and closed to everybody else but root.</summary>
    public static async Task<ClusterFolder> CreateAsync(string parent, string? owner, MachineEnvironment machine, CancellationToken cancel)
    {
        Directory.CreateDirectory(parent);
        var name = string.Create(CultureInfo.InvariantCulture, $"{Prefix}{Environment.ProcessId}-{RandomNumberGenerator.GetHexString(8, lowercase: true)}");
        var root = Path.Combine(parent, name);
        // The lock comes first and goes last: a folder without one is never anybody's.
        var folder = new ClusterFolder(root, new FileStream(root + ".lock", FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None));
        var complete = false;
        try
        {
            Directory.CreateDirectory(folder.Root, OwnerOnly);
            Directory.CreateDirectory(folder.Socket, OwnerOnly);
            if (owner is not null)
                await ToolProcess.CheckAsync(new ToolCommand { Path = "chown", Arguments = [owner, folder.Root, folder.Socket], Environment = machine.ForTool() }, null, cancel);
            complete = true;
            return folder;
        }
        finally
        {
            if (!complete) await folder.DisposeAsync();
        }
    }

    /// <summary>True when a user other than this one may pass through a folder and all above it.</summary>
    public static bool OthersMayEnter(string path)
    {
        for (var folder = new DirectoryInfo(path); folder is not null; folder = folder.Parent)
            if (folder.Exists && !folder.UnixFileMode.HasFlag(UnixFileMode.OtherExecute)) return false;
        return true;
    }

    /// <summary>
    /// Stops and removes what killed processes left below a folder. Leftovers of other users stay: this one cannot open their locks.
    /// </summary>
    public static async Task SweepAsync(string parent, string pgCtl, string? owner, MachineEnvironment machine, CancellationToken cancel)
    {
        if (!Directory.Exists(parent)) return;
        foreach (var lockFile in Directory.GetFiles(parent, Prefix + "*.lock"))
        {
            if (TryLock(lockFile) is not { } held) continue;
            await using var folder = new ClusterFolder(lockFile[..^".lock".Length], held);
            await StopAsync(folder.Data, pgCtl, owner, machine, cancel);
        }
    }

    /// <summary>Removes the folders, then gives up the lock.</summary>
    public async ValueTask DisposeAsync()
    {
        await RemoveAsync(Root);
        await RemoveAsync(Socket);
        File.Delete(_lock.Name);
        await _lock.DisposeAsync();
    }

    private static FileStream? TryLock(string path)
    {
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null; // its owner is alive, is another user, or has just removed it
        }
    }

    /// <summary>The pid file is from a dead run: its number may be anybody's by now, so it is used only if that process serves this very folder.</summary>
    private static async Task StopAsync(string data, string pgCtl, string? owner, MachineEnvironment machine, CancellationToken cancel)
    {
        var pidFile = Path.Combine(data, "postmaster.pid");
        if (!File.Exists(pidFile)) return;
        var first = (await File.ReadAllLinesAsync(pidFile, cancel)).FirstOrDefault() ?? "";
        if (!int.TryParse(first, NumberStyles.None, CultureInfo.InvariantCulture, out var pid)) return;
        if (!(await CommandLineAsync(pid, machine, cancel)).Contains(data, StringComparison.Ordinal)) return;
        await ToolProcess.RunAsync(new ToolCommand
        {
            Path = pgCtl,
            Arguments = ["stop", "-D", data, "-m", "immediate", "-t", "10"],
            Environment = machine.ForTool(),
            UserName = owner,
            WorkingDirectory = "/",
        }, null, cancel);
    }

    private static async Task<string> CommandLineAsync(int pid, MachineEnvironment machine, CancellationToken cancel)
    {
        var number = pid.ToString(CultureInfo.InvariantCulture);
        if (Directory.Exists("/proc/self"))
            return File.Exists($"/proc/{number}/cmdline") ? await File.ReadAllTextAsync($"/proc/{number}/cmdline", cancel) : "";
        return (await ToolProcess.RunAsync(new ToolCommand { Path = "ps", Arguments = ["-o", "command=", "-p", number], Environment = machine.ForTool() }, null, cancel)).Output;
    }

    private static async Task RemoveAsync(string folder)
    {
        // Server processes whose parent was killed end by themselves within a second or so and may still write until then.
        for (var attempt = 1; Directory.Exists(folder); attempt++)
        {
            try
            {
                Directory.Delete(folder, recursive: true);
            }
            catch (Exception e) when (attempt < 20 && e is IOException or UnauthorizedAccessException)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(100));
            }
        }
    }
}
