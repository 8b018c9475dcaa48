using System.Buffers;
using System.Collections.Concurrent;
using System.IO.Enumeration;
using System.Runtime.CompilerServices;
using Backup.Core.Model;
using Backup.Core.Machine;

namespace Backup.Core.Storage;

/// <summary>
/// A vault in a local folder. An object is written to a temporary file below <c>.partial</c> on the same file system, made durable, and
/// then given its name in one step; so a name that can be seen is always a whole object, also after a power failure.
/// </summary>
public sealed class FolderVault : IVault
{
    internal const string PartialFolder = ".partial";
    internal const UnixFileMode FolderMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    internal const UnixFileMode FileMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private const int CopyBuffer = 128 * 1024;
    private const string Unclaimed = "unclaimed";

    private readonly string _root;
    private readonly TimeProvider _time;
    private readonly ConcurrentDictionary<FolderClaim, string> _claims = new();

    public FolderVault(string root, TimeProvider time)
    {
        _root = Path.TrimEndingDirectorySeparator(Path.GetFullPath(root));
        _time = time;
    }

    public string Name => _root;

    public async Task<long> PutAsync(string key, Stream content, ObjectState state, RetainUntil? retain, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(content);
        var final = PathOf(key);
        if (File.Exists(final)) throw Conflict(key);
        var temporary = Path.Combine(_root, PartialFolder, ClaimOf(key), Path.GetRandomFileName());
        var published = false;
        try
        {
            FolderErrors.Map(_root, key, () => MakeFolder(Path.GetDirectoryName(temporary)!));
            var size = await WriteAsync(temporary, key, content, cancel);
            cancel.ThrowIfCancellationRequested();
            FolderErrors.Map(_root, key, () => Publish(temporary, final));
            published = true;
            return size;
        }
        finally
        {
            if (!published) FolderSweep.TryDelete(temporary);
        }
    }

    public Task<Stream> OpenAsync(string key, long offset, CancellationToken cancel)
    {
        var path = PathOf(key);
        return Task.FromResult(FolderErrors.Map<Stream>(_root, key, () =>
        {
            var file = new FileStream(path, System.IO.FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, CopyBuffer,
                FileOptions.Asynchronous | FileOptions.SequentialScan);
            file.Position = offset;
            return file;
        }));
    }

    public async IAsyncEnumerable<VaultObject> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken cancel)
    {
        KeyRules.CheckPrefix(prefix);
        var found = await Task.Run(() => FolderErrors.Map(_root, prefix, () => Scan(prefix, cancel)), cancel);
        foreach (var item in found) yield return item;
    }

    public Task MarkAsync(IReadOnlyCollection<string> keys, ObjectState state, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(keys);
        if (state is not ObjectState.Expired) return Task.CompletedTask;
        foreach (var key in keys)
        {
            cancel.ThrowIfCancellationRequested();
            var path = PathOf(key);
            FolderErrors.Map(_root, key, () => FolderSweep.DeleteFile(path, _root));
        }

        return Task.CompletedTask;
    }

    public Task RetainAsync(IReadOnlyCollection<string> keys, RetainUntil retain, CancellationToken cancel) => Task.CompletedTask;

    public Task<IAsyncDisposable> ClaimAsync(IReadOnlyCollection<string> prefixes, CancellationToken cancel)
    {
        var folders = KeyRules.Folders(prefixes);
        return Task.Run<IAsyncDisposable>(() =>
        {
            var name = KeyRules.ClaimName(folders);
            var partial = Path.Combine(_root, PartialFolder);
            FolderErrors.Map(_root, PartialFolder, () => MakeFolder(partial));
            var claim = FolderClaim.Take(Path.Combine(partial, name), folders, Name, End);
            try
            {
                FolderErrors.Map(_root, string.Join(", ", folders), () =>
                {
                    FolderSweep.DeleteOldFiles(Path.Combine(partial, Unclaimed), _time.GetUtcNow().AddDays(-1));
                    Sweep(name, folders, cancel);
                });
                _claims[claim] = name;
                return claim;
            }
            finally
            {
                if (!_claims.ContainsKey(claim)) claim.Release();
            }
        }, cancel);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private void Sweep(string claim, IReadOnlyList<string> folders, CancellationToken cancel)
    {
        FolderSweep.DeleteTree(Path.Combine(_root, PartialFolder, claim));
        foreach (var folder in folders) FolderSweep.RemoveDeadAttempts(PathOf(folder[..^1]), cancel);
    }

    private void End(FolderClaim claim)
    {
        if (!_claims.TryRemove(claim, out var name)) return;
        try
        {
            Sweep(name, claim.Folders, CancellationToken.None);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or BackupException)
        {
            // A run that has failed has its own error to report, and the next claim sweeps again.
        }
    }

    private static async Task<long> CopyAsync(Stream content, FileStream file, string root, string key, CancellationToken cancel)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(CopyBuffer);
        try
        {
            long size = 0;
            int count;
            // Only the writing is mapped to vault errors: the content's own exception is the caller's business.
            while ((count = await content.ReadAsync(buffer, cancel)) > 0)
            {
                await FolderErrors.MapAsync(root, key, () => file.WriteAsync(buffer.AsMemory(0, count), cancel));
                size += count;
            }

            return size;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private async Task<long> WriteAsync(string temporary, string key, Stream content, CancellationToken cancel)
    {
        var file = FolderErrors.Map(_root, key, () => new FileStream(temporary, new FileStreamOptions
        {
            Mode = System.IO.FileMode.CreateNew,
            Access = FileAccess.Write,
            Options = FileOptions.Asynchronous,
            BufferSize = 0,
            UnixCreateMode = FileMode,
        }));
        await using (file)
        {
            var size = await CopyAsync(content, file, _root, key, cancel);
            FolderErrors.Map(_root, key, () =>
            {
                RandomAccess.FlushToDisk(file.SafeFileHandle);
                if (file.Length != size) throw new IOException($"{size} bytes were written but the file has {file.Length}");
            });
            return size;
        }
    }

    private static void Publish(string temporary, string final)
    {
        var folder = Path.GetDirectoryName(final)!;
        for (var attempt = 1; ; attempt++)
        {
            MakeFolder(folder);
            try
            {
                Native.Publish(temporary, final);
                break;
            }
            catch (System.ComponentModel.Win32Exception e) when (e.NativeErrorCode == Native.NoEntry && attempt < 5)
            {
                // Somebody removed the empty folder between the two calls.
            }
        }

        Native.SyncFolder(folder);
    }

    /// <summary>Creates a folder and makes the name of every new one on the way durable.</summary>
    private static void MakeFolder(string path)
    {
        if (Directory.Exists(path)) return;
        var parent = Path.GetDirectoryName(path)!;
        MakeFolder(parent);
        Directory.CreateDirectory(path, FolderMode);
        Native.SyncFolder(parent);
    }

    private List<VaultObject> Scan(string prefix, CancellationToken cancel)
    {
        if (!Directory.Exists(_root)) throw new DirectoryNotFoundException();
        var folder = prefix[..Math.Max(0, prefix.LastIndexOf('/'))];
        var start = folder.Length == 0 ? _root : PathOf(folder);
        if (!Directory.Exists(start)) return [];
        var files = new FileSystemEnumerable<VaultObject>(start, ToObject,
            new EnumerationOptions { RecurseSubdirectories = true, IgnoreInaccessible = false, AttributesToSkip = FileAttributes.None })
        {
            ShouldIncludePredicate = (ref FileSystemEntry e) => !e.IsDirectory && !e.Attributes.HasFlag(FileAttributes.ReparsePoint),
            ShouldRecursePredicate = (ref FileSystemEntry e) => !e.Attributes.HasFlag(FileAttributes.ReparsePoint)
                && !(e.FileName.SequenceEqual(PartialFolder) && e.Directory.SequenceEqual(_root)),
        };
        var found = new List<VaultObject>();
        foreach (var item in files)
        {
            cancel.ThrowIfCancellationRequested();
            if (item.Key.StartsWith(prefix, StringComparison.Ordinal)) found.Add(item);
        }

        found.Sort((a, b) => KeyRules.Order.Compare(a.Key, b.Key));
        return found;
    }

    private VaultObject ToObject(ref FileSystemEntry entry) =>
        new(entry.ToFullPath()[(_root.Length + 1)..], entry.Length, entry.LastWriteTimeUtc, "STANDARD");

    private string ClaimOf(string key) =>
        _claims.Where(c => c.Key.Folders.Any(f => key.StartsWith(f, StringComparison.Ordinal))).Select(c => c.Value).FirstOrDefault(Unclaimed);

    /// <summary>The path of a key. A symbolic link below the root could lead anywhere: refused.</summary>
    private string PathOf(string key)
    {
        var path = _root;
        foreach (var segment in KeyRules.Check(key).Split('/'))
        {
            path = Path.Combine(path, segment);
            if (new FileInfo(path).LinkTarget is not null)
            {
                throw new BackupException(ErrorCode.VaultDenied, $"{path} is a symbolic link, which a vault never follows",
                    "Replace the link by the folder or file that it points to; only the vault's own folder may be a link.");
            }
        }

        return path;
    }

    private BackupException Conflict(string key) => FolderErrors.Conflict(_root, key);
}
