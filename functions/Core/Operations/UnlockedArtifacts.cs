using System.Collections.Concurrent;
using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Storage;

namespace Backup.Core.Operations;

/// <summary>
/// The session keys of one proof's encrypted artifacts. OpenPGP encrypts each stream with a key of its own and that one to the recipients: so the private key is needed
/// for the first bytes of each artifact only, and is gone before anything of the backup runs. What stays opens these artifacts and no others: files of this user
/// alone, in memory where there is room, until this is disposed.
/// </summary>
public sealed class UnlockedArtifacts : IDisposable
{
    /// <summary>gpg writes blocks of 16 KiB; the session keys of many recipients come before them.</summary>
    private const int Beginning = 64 * 1024;
    private const int Parallel = 4;

    private readonly ConcurrentDictionary<string, string> _options = new(StringComparer.Ordinal);
    private readonly WorkFolder _folder;

    private UnlockedArtifacts(WorkFolder folder) => _folder = folder;

    /// <summary>True when an artifact of it cannot be read without a private key.</summary>
    public static bool IsNeeded(Manifest manifest)
    {
        ArgumentNullException.ThrowIfNull(manifest);
        return manifest.Artifacts.Any(IsLocked);
    }

    public static bool IsLocked(Artifact artifact)
    {
        ArgumentNullException.ThrowIfNull(artifact);
        return artifact.Filters.Contains("gpg");
    }

    /// <param name="vault">Where they are.</param>
    /// <param name="machine">Whose gpg.</param>
    /// <param name="manifests">Whose artifacts.</param>
    /// <param name="source">Asked when something is encrypted. Null: gpg's own keyring serves, and nothing is done here.</param>
    /// <param name="cancel">Leaves nothing behind.</param>
    /// <returns>Null when nothing is encrypted or gpg's own keyring serves.</returns>
    /// <exception cref="BackupException">secret.unusable: there is no key, or it is none of the recipients'. It says nothing about the backup.</exception>
    public static async Task<UnlockedArtifacts?> OpenAsync(IVault vault, MachineEnvironment machine, IEnumerable<Manifest> manifests, PrivateKeySource? source, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(vault);
        var locked = manifests.SelectMany(m => m.Artifacts).Where(IsLocked).ToList();
        if (source is null || locked.Count == 0) return null;
        var unlocked = new UnlockedArtifacts(WorkFolder.CreateInMemory(machine));
        try
        {
            await using var key = await PrivateKeyHome.OpenAsync(await source.ReadAsync(cancel), source.Name, machine, cancel);
            await System.Threading.Tasks.Parallel.ForEachAsync(locked, new ParallelOptions { MaxDegreeOfParallelism = Parallel, CancellationToken = cancel },
                async (artifact, token) => await unlocked.AddAsync(vault, machine, artifact, key, source.Name, token));
            return unlocked;
        }
        catch
        {
            unlocked.Dispose();
            throw;
        }
    }

    /// <summary>How gpg reads this artifact without a private key, or null for one that is not encrypted.</summary>
    public UnlockedArtifact? Of(Artifact artifact)
    {
        ArgumentNullException.ThrowIfNull(artifact);
        return _options.TryGetValue(artifact.Key, out var options) ? new UnlockedArtifact(_folder.GpgHome, options) : null;
    }

    public void Dispose() => _folder.Dispose();

    private async Task AddAsync(IVault vault, MachineEnvironment machine, Artifact artifact, PrivateKeyHome key, string name, CancellationToken cancel)
    {
        string? session = null;
        BackupException? refusal = null;
        try
        {
            session = await key.SessionKeyAsync(await BeginningAsync(vault, artifact, cancel), cancel);
        }
        catch (BackupException e) when (e.Code == ErrorCode.SecretUnusable)
        {
            refusal = e;
        }

        if (session is null)
        {
            // Keys are not to blame for damage: whoever reads the artifact finds and names it.
            if (await ArtifactReader.StoredDifferenceAsync(vault, new Toolbox(machine), artifact, null, cancel) is not null) return;
            throw refusal ?? new BackupException(ErrorCode.SecretUnusable, $"the private key of {name} does not open {artifact.Key}: it is not one of those that the backup was encrypted to",
                "List its public key in encryption.gpgRecipients, so that the next backup can be proven; read this one with the key that it was encrypted to.");
        }

        var path = Path.Combine(_folder.Folder, $"{Path.GetRandomFileName()}.conf");
        await using (var file = new FileStream(path, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite }))
        await using (var text = new StreamWriter(file)) await text.WriteLineAsync($"override-session-key {session}");
        _options[artifact.Key] = path;
    }

    private static async Task<ReadOnlyMemory<byte>> BeginningAsync(IVault vault, Artifact artifact, CancellationToken cancel)
    {
        var beginning = new byte[Beginning];
        await using var stored = await vault.OpenAsync(artifact.Key, 0, cancel);
        return beginning.AsMemory(0, await stored.ReadAtLeastAsync(beginning, Beginning, throwOnEndOfStream: false, cancel));
    }
}
