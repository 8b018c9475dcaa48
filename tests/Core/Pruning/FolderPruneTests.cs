using Backup.Core.Storage;

namespace Backup.Core.Tests.Pruning;

public sealed class FolderPruneTests : PruneContract, IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("backup-prune-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    protected override Task<IVault> NewVaultAsync() =>
        Task.FromResult<IVault>(new FolderVault(Directory.CreateDirectory(Path.Combine(_folder, $"{Guid.NewGuid():n}")).FullName, TimeProvider.System));

    /// <summary>Also the folders themselves.</summary>
    protected override Task IsGoneAsync(IVault vault, string prefix)
    {
        Assert.False(Directory.Exists(Path.Combine(vault.Name, prefix)), prefix);
        return Task.CompletedTask;
    }
}
