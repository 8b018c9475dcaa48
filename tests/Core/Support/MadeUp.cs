using System.Security.Cryptography;
using System.Text.Json;
using Backup.Core.Catalog;
using Backup.Core.Model;
using Backup.Core.Storage;

namespace Backup.Core.Tests.Support;

/// <summary>Committed backups without a database behind them: real artifacts of random bytes, the golden manifest with their names, sizes and hashes.</summary>
internal static class MadeUp
{
    public const string Environment = "test";
    public const string Database = "bloom";

    private static readonly Manifest _golden = ManifestJson.Read(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Golden", "manifest-v1.json")), "golden");

    /// <returns>The key prefix of the backup.</returns>
    public static async Task<string> BackupAsync(IVault vault, DateTimeOffset at, Tier tier = Tier.Daily, int[]? sizes = null, LockPromise? @lock = null, string attempt = "0a1b2c3d",
        string database = Database, string? baseId = null)
    {
        var id = BackupId.Create(database, at) with { IsIncrement = baseId is not null };
        var prefix = VaultKeys.BackupPrefix(Environment, tier, id);
        var artifacts = new List<Artifact>();
        foreach (var (size, i) in (sizes ?? [700, 0]).Select((s, i) => (s, i)))
        {
            var bytes = RandomNumberGenerator.GetBytes(size);
            var template = _golden.Artifacts[i == 0 ? 0 : 1];
            var key = i == 0 ? VaultKeys.Base(prefix, attempt, ["zstd"]) : VaultKeys.Chunk(prefix, attempt, new TableName("public", "t"), i, ["zstd"]);
            await PutAsync(vault, key, bytes, ObjectState.Committed);
            artifacts.Add(template with { Key = key, StoredBytes = size, Sha256 = Convert.ToHexStringLower(SHA256.HashData(bytes)), Filters = ["zstd"] });
        }

        var manifest = _golden with
        {
            Id = id.ToString(),
            Environment = Environment,
            Database = database,
            Tier = tier,
            Attempt = attempt,
            StartedAt = at,
            FinishedAt = at.AddMinutes(1),
            Snapshot = _golden.Snapshot with { Time = at.AddSeconds(5) },
            Artifacts = artifacts,
            Totals = _golden.Totals with { StoredBytes = artifacts.Sum(a => a.StoredBytes) },
            Lock = @lock,
            Increment = baseId is null ? null : new IncrementFacts(baseId, 1, []),
        };
        await new BackupCatalog(vault).PublishAsync(prefix, manifest, @lock is null ? null : new RetainUntil(@lock.Mode, @lock.Until), CancellationToken.None);
        if (@lock is not null) await PutAsync(vault, prefix + VaultKeys.LockedName, JsonSerializer.SerializeToUtf8Bytes(new LockedFact(@lock.Mode, @lock.Until, at, artifacts.Count), ManifestJson.Context.LockedFact), ObjectState.Committed);
        return prefix;
    }

    public static async Task PutAsync(IVault vault, string key, byte[] bytes, ObjectState state)
    {
        using var content = new MemoryStream(bytes, writable: false);
        await vault.PutAsync(key, content, state, null, CancellationToken.None);
    }

    public static async Task<List<string>> KeysAsync(IVault vault, string prefix = "")
    {
        var keys = new List<string>();
        await foreach (var item in vault.ListAsync(prefix, CancellationToken.None)) keys.Add(item.Key);
        return keys;
    }

    public static Task<IReadOnlyList<CatalogEntry>> ListAsync(IVault vault) =>
        new BackupCatalog(vault).ListAsync(Environment, Database, CancellationToken.None);
}

/// <summary>A process that is killed after so many steps: every stored object and every marked key is one.</summary>
internal sealed class DyingVault(IVault inner, int steps) : PassingVault(inner)
{
    private int _left = steps;

    public override Task<long> PutAsync(string key, Stream content, ObjectState state, RetainUntil? retain, CancellationToken cancel)
    {
        Step();
        return base.PutAsync(key, content, state, retain, cancel);
    }

    public override async Task MarkAsync(IReadOnlyCollection<string> keys, ObjectState state, CancellationToken cancel)
    {
        foreach (var key in keys)
        {
            Step();
            await base.MarkAsync([key], state, cancel);
        }
    }

    private void Step()
    {
        if (Interlocked.Decrement(ref _left) < 0) throw new KilledException();
    }
}

internal sealed class KilledException : Exception;
