using System.Security.Cryptography;
using Backup.Core.Catalog;
using Backup.Core.Machine;
using Backup.Core.Model;

namespace Backup.Cli.Demo;

/// <summary>
/// What a drill is for: a copy of a vault in which one letter of one row is another one, with every checksum computed anew, as somebody would do who may write
/// the vault. Checksums and the archive agree with the manifest then; only the fingerprint, taken in the snapshot, remembers.
/// </summary>
internal static class Tamper
{
    /// <returns>The table whose row was changed.</returns>
    public static async Task<TableName> CopyAsync(string vault, string copy, CatalogEntry entry, MachineEnvironment machine, CancellationToken cancel)
    {
        foreach (var file in Directory.EnumerateFiles(vault, "*", SearchOption.AllDirectories).Where(f => !f.StartsWith(Path.Combine(vault, ".partial"), StringComparison.Ordinal)))
        {
            var target = Path.Combine(copy, Path.GetRelativePath(vault, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }

        var manifest = entry.Manifest!;
        var chunk = manifest.Artifacts.First(a => a.Role == ArtifactRole.Chunk);
        var stored = Path.Combine(copy, chunk.Key);
        var rows = stored + ".rows";
        async Task ZstdAsync(params string[] arguments) =>
            await ToolProcess.CheckAsync(new ToolCommand { Path = "zstd", Arguments = ["-q", "-f", .. arguments], Environment = machine.ForTool() }, null, cancel);
        await ZstdAsync("-d", "--long=31", stored, "-o", rows);
        var text = await File.ReadAllBytesAsync(rows, cancel);
        var letter = text.AsSpan(text.Length / 2).IndexOf("checkout"u8) + (text.Length / 2);
        text[letter] = (byte)'C';
        await File.WriteAllBytesAsync(rows, text, cancel);
        File.Delete(stored);
        await ZstdAsync(rows, "-o", stored);
        File.Delete(rows);
        var bytes = await File.ReadAllBytesAsync(stored, cancel);
        var changed = chunk with { StoredBytes = bytes.Length, Sha256 = Convert.ToHexStringLower(SHA256.HashData(bytes)) };
        var path = Path.Combine(copy, entry.Prefix + VaultKeys.ManifestName);
        File.Delete(path);
        await File.WriteAllBytesAsync(path, ManifestJson.Write(manifest with { Artifacts = [.. manifest.Artifacts.Select(a => a.Key == chunk.Key ? changed : a)] }), cancel);
        return chunk.Table!;
    }
}
