using System.Security.Cryptography;
using System.Text;
using Backup.Core.Machine;
using Backup.Core.Model;

namespace Backup.Core.Tests.Drills;

/// <summary>
/// Changes rows of a chunk in a folder vault and computes every checksum and count anew, as a broken program or a careful intruder would leave it:
/// only the fingerprint is still the original's.
/// </summary>
internal static class Tampering
{
    public static async Task ChunkAsync(string vault, string prefix, MachineEnvironment machine, string table, Func<List<string>, IEnumerable<string>> change)
    {
        var tools = new Toolbox(machine);
        await ManifestAsync(vault, prefix, async manifest =>
        {
            var chunk = manifest.Artifacts.First(a => a.Table?.Name == table);
            var path = Path.Combine(vault, chunk.Key);
            var lines = (await ToolProcess.CheckAsync(tools.Decompress() with { Arguments = ["-q", "-d", "-c", path] }, null, default)).Split('\n')[..^1].ToList();
            var rows = change(lines).ToList();
            var raw = string.Concat(rows.Select(r => r + "\n"));
            var copy = Path.GetTempFileName();
            await File.WriteAllTextAsync(copy, raw);
            File.Delete(path);
            await ToolProcess.CheckAsync(tools.Compress(3) with { Arguments = ["-q", copy, "-o", path] }, null, default);
            File.Delete(copy);
            var stored = await File.ReadAllBytesAsync(path);
            var changed = chunk with
            {
                Rows = rows.Count,
                RawBytes = Encoding.UTF8.GetByteCount(raw),
                StoredBytes = stored.Length,
                Sha256 = Convert.ToHexStringLower(SHA256.HashData(stored)),
            };
            return manifest with { Artifacts = [.. manifest.Artifacts.Select(a => a.Key == chunk.Key ? changed : a)] };
        });
    }

    public static async Task ManifestAsync(string vault, string prefix, Func<Manifest, Task<Manifest>> change)
    {
        var path = Path.Combine(vault, prefix + VaultKeys.ManifestName);
        var changed = await change(ManifestJson.Read(await File.ReadAllBytesAsync(path), path));
        File.Delete(path);
        await File.WriteAllBytesAsync(path, ManifestJson.Write(changed));
    }
}
