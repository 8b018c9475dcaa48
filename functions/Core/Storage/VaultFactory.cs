namespace Backup.Core.Storage;

public static class VaultFactory
{
    /// <summary>
    /// Opens the vault that <paramref name="location"/> names (see <see cref="VaultLocation"/>). Nothing is asked of it yet: a vault that
    /// does not exist or refuses shows at the first call.
    /// </summary>
    public static IVault Open(string location, string? relativeTo, TimeProvider time) => VaultLocation.Parse(location, relativeTo) switch
    {
        S3Location s3 => new S3Vault(s3, time),
        FolderLocation folder => new FolderVault(folder.Path, time),
        var other => throw new NotSupportedException(other.GetType().Name),
    };
}
