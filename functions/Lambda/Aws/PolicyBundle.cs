using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Policies;
using Backup.Core.Storage;
using Backup.Lambda.Hosting;

namespace Backup.Lambda.Aws;

/// <summary>
/// The policy that this function was deployed with: <c>{"policy": {…}, "files": {"keys/ops.asc": "…"}}</c> in the config bucket. A document with another
/// hash than the deployed one is refused: whoever can write that bucket must not decide what is kept.
/// </summary>
public sealed class PolicyBundle(Settings settings, MachineEnvironment machine, TimeProvider clock)
{
    private const string Name = "the deployed policy";

    public async Task<Policy> ReadAsync(CancellationToken cancel)
    {
        await using var bucket = VaultFactory.Open($"s3://{settings.PolicyBucket}", null, clock);
        using var content = new MemoryStream();
        await using (var stored = await bucket.OpenAsync(settings.PolicyKey, 0, cancel)) await stored.CopyToAsync(content, cancel);
        var bytes = content.GetBuffer().AsMemory(0, (int)content.Length);
        var hash = Convert.ToHexStringLower(SHA256.HashData(bytes.Span));
        if (!string.Equals(hash, settings.PolicySha256, StringComparison.OrdinalIgnoreCase))
        {
            throw new BackupException(ErrorCode.PolicyInvalid, $"s3://{settings.PolicyBucket}/{settings.PolicyKey} has the SHA-256 {hash}, this function was deployed with {settings.PolicySha256}",
                "Run `pulumi up`; if nobody has deployed, find out who changed the object.");
        }

        try
        {
            using var bundle = JsonDocument.Parse(bytes);
            var folder = WriteFiles(bundle.RootElement, hash);
            return PolicyReader.Read(Encoding.UTF8.GetBytes(bundle.RootElement.GetProperty("policy").GetRawText()), Name, folder).OrThrow();
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new BackupException(ErrorCode.PolicyInvalid, $"s3://{settings.PolicyBucket}/{settings.PolicyKey} is no policy bundle", "Run `pulumi up`, which writes it.", e);
        }
    }

    /// <summary>
    /// Public keys become files, which is how gpg takes them, and so does SQL for after a restore, which is nobody else's business. The folder is named by the hash, so
    /// what lies there from an earlier call is the same.
    /// </summary>
    private string WriteFiles(JsonElement bundle, string hash)
    {
        var folder = Path.Combine(machine.TempFolder, $"backup-policy-{hash[..16]}");
        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        if (!bundle.TryGetProperty("files", out var files)) return folder;
        foreach (var file in files.EnumerateObject())
        {
            var path = Path.GetFullPath(Path.Combine(folder, file.Name));
            if (!path.StartsWith(folder + "/", StringComparison.Ordinal)) throw new InvalidOperationException($"the file {file.Name} is outside of the bundle");
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, file.Value.GetString());
        }

        return folder;
    }
}
