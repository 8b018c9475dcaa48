using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Backup.Core.Model;
using Backup.Core.Policies;

namespace Backup.Infra.Compile;

/// <summary>
/// The document that every function reads: the policy, with the vault that Pulumi made, and the files that it names (public keys; a private one is refused with the policy). Its key is its hash, so
/// an old one stays for runs in flight, and a function refuses a document with another hash than the one that it was deployed with.
/// </summary>
public sealed record PolicyBundle(string Content)
{
    public string Sha256 => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Content)));

    public string Key => $"policy/{Sha256}.json";

    /// <param name="policyJson">As Pulumi gave it.</param>
    /// <param name="folder">Where the policy's relative paths start; null only in tests without files.</param>
    public static PolicyBundle Of(string policyJson, Policy policy, string vaultBucket, string? folder)
    {
        ArgumentNullException.ThrowIfNull(policy);
        var document = JsonNode.Parse(policyJson)!.AsObject();
        document["vault"] = $"s3://{vaultBucket}";
        var files = new JsonObject();
        foreach (var file in policy.Encryption.GpgRecipients.Order(StringComparer.Ordinal))
        {
            var name = folder is null ? file : Path.GetRelativePath(folder, file);
            files[name] = Read(file);
        }

        return new PolicyBundle(new JsonObject { ["policy"] = document, ["files"] = files }.ToJsonString(JsonText.Options));
    }

    private static string Read(string file)
    {
        try
        {
            return File.ReadAllText(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BackupException(ErrorCode.PolicyInvalid, $"{file}, a key of encryption.gpgRecipients, cannot be read", "Run Pulumi where the file is.", e);
        }
    }
}
