using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Backup.Core.Model;
using Backup.Core.Policies;

namespace Backup.Infra.Compile;

/// <summary>
/// The document that every function reads: the policy, with the vault that Pulumi made, and the files that it names (public keys, a private one is refused with the policy; SQL that is run after a restore). Its key is its hash, so
/// an old one stays for runs in flight, and a function refuses a document with another hash than the one that it was deployed with.
/// </summary>
public sealed record PolicyBundle(string Content)
{
    private static readonly UTF8Encoding _strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public string Sha256 => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Content)));

    public string Key => $"policy/{Sha256}.json";

    /// <param name="policyJson">As Pulumi gave it.</param>
    /// <param name="folder">Where the policy's relative paths start; null: they are as written.</param>
    public static PolicyBundle Of(string policyJson, Policy policy, string vaultBucket, string? folder)
    {
        ArgumentNullException.ThrowIfNull(policy);
        var document = JsonNode.Parse(policyJson)!.AsObject();
        document["vault"] = $"s3://{vaultBucket}";
        var files = new JsonObject();
        foreach (var file in policy.Encryption.GpgRecipients.Order(StringComparer.Ordinal)) files[NameOf(file, folder)] = Read(file, "a key of encryption.gpgRecipients");
        foreach (var (database, index) in policy.Databases.Select((d, i) => (d, i)).Where(x => x.d.AfterRestore is not null))
        {
            var name = NameOf(database.AfterRestore!, folder);
            document["databases"]![index]!["afterRestore"] = name; // however it is written: a function has it below the bundle's folder
            files[name] = Read(database.AfterRestore!, $"afterRestore of {database.Name}");
        }

        return new PolicyBundle(new JsonObject { ["policy"] = document, ["files"] = files }.ToJsonString(JsonText.Options));
    }

    private static string NameOf(string file, string? folder)
    {
        var name = folder is null ? file : Path.GetRelativePath(folder, file);
        return !name.StartsWith("..", StringComparison.Ordinal) ? name
            : throw new BackupException(ErrorCode.PolicyInvalid, $"{file} lies outside of {folder}, and functions get only what is below it", "Put the file into the policy's folder.");
    }

    private static string Read(string file, string what)
    {
        try
        {
            return File.ReadAllText(file, _strict);
        }
        catch (DecoderFallbackException e)
        {
            // A binary key: gpg here would read it, and no function could.
            throw new BackupException(ErrorCode.PolicyInvalid, $"{file}, {what}, is no text, and functions get only text", "Write the key with gpg --armor --export.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BackupException(ErrorCode.PolicyInvalid, $"{file}, {what}, cannot be read", "Run Pulumi where the file is.", e);
        }
    }
}
