using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Storage;

namespace Backup.Core.Operations;

/// <summary>An artifact on its way out of the vault: stored bytes are counted and hashed, raw bytes come out.</summary>
public sealed class ArtifactReader : ReadOnlyStream
{
    /// <summary>What gpg says when it lacks the private key or may not use it.</summary>
    private static readonly string[] _keyTroubles = ["secret key", "pinentry", "agent", "passphrase", "ioctl", "cancelled", "keyring", "keybox"];

    private readonly Artifact _artifact;
    private readonly MeteredStream _stored;
    private readonly List<Stream> _stages;
    private readonly RowMeter? _meter;

    private ArtifactReader(Artifact artifact, MeteredStream stored, List<Stream> stages, RowMeter? meter)
    {
        _meter = meter;
        _artifact = artifact;
        _stored = stored;
        _stages = stages;
    }

    /// <param name="raw">False: the stored bytes as they are, for a checksum.</param>
    /// <param name="unlocked">Null: what is encrypted is read with gpg's own keyring.</param>
    /// <param name="meter">Sees every raw byte; <see cref="Difference"/> then compares what it has seen too.</param>
    public static async Task<ArtifactReader> OpenAsync(
        IVault vault, Toolbox tools, Artifact artifact, bool raw, Action<int>? passed, CancellationToken cancel, UnlockedArtifacts? unlocked = null, RowMeter? meter = null)
    {
        var stored = new MeteredStream(await vault.OpenAsync(artifact.Key, 0, cancel), passed);
        var stages = new List<Stream> { stored };
        foreach (var command in raw ? tools.Undo(artifact.Filters, unlocked?.Of(artifact)) : []) stages.Add(ToolFilter.Start(stages[^1], command, null, cancel, mayBeEmpty: artifact.Role == ArtifactRole.Chunk));
        return new ArtifactReader(artifact, stored, stages, meter);
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var count = await _stages[^1].ReadAsync(buffer, cancellationToken);
        _meter?.Read(buffer.Span[..count]);
        return count;
    }

    /// <summary>After the end: null when the stored bytes, and the raw ones where a meter sees them, are the manifest's, else what is different.</summary>
    public string? Difference()
    {
        if (_stored.Bytes != _artifact.StoredBytes) return $"{_artifact.Key} has {_stored.Bytes} bytes, the manifest says {_artifact.StoredBytes}";
        if (_stored.Sha256 != _artifact.Sha256) return $"{_artifact.Key} has SHA-256 {_stored.Sha256}, the manifest says {_artifact.Sha256}";
        if (_meter is not { } raw) return null;
        if (_artifact.Rows is { } rows && (raw.Rows != rows || raw.Bytes != _artifact.RawBytes || raw.EndsInMidLine))
            return $"{_artifact.Key} holds {raw.Rows} rows in {raw.Bytes} bytes, the manifest says {rows} in {_artifact.RawBytes}";
        return raw.Bytes != _artifact.RawBytes ? $"{_artifact.Key} unpacks to {raw.Bytes} bytes, the manifest says {_artifact.RawBytes}" : null;
    }

    /// <summary>
    /// Reads the stored bytes alone: what is different, or null. For after a failure, since a program that meets a flipped bit can only guess what
    /// happened: the checksum knows.
    /// </summary>
    public static async Task<string?> StoredDifferenceAsync(IVault vault, Toolbox tools, Artifact artifact, Action<int>? passed, CancellationToken cancel)
    {
        await using var stored = await OpenAsync(vault, tools, artifact, raw: false, passed, cancel);
        await stored.CopyToAsync(Stream.Null, cancel);
        return stored.Difference();
    }

    /// <summary>After a program or the server has failed on an artifact: backup.damaged when the stored bytes are the reason.</summary>
    public static async Task ThrowIfDamagedAsync(IVault vault, Toolbox tools, Artifact artifact, Action<int>? passed, CancellationToken cancel)
    {
        if (await StoredDifferenceAsync(vault, tools, artifact, passed, cancel) is { } difference) throw Damaged(difference);
    }

    public override async ValueTask DisposeAsync()
    {
        for (var i = _stages.Count - 1; i >= 0; i--) await _stages[i].DisposeAsync();
        await base.DisposeAsync();
    }

    /// <summary>A failure that says something about this machine's keys, nothing about the backup.</summary>
    public static bool LacksKey(BackupException e) => e.Message.StartsWith("gpg ", StringComparison.Ordinal)
        && _keyTroubles.Any(t => e.Message.Contains(t, StringComparison.OrdinalIgnoreCase));

    public static BackupException Damaged(string what) => new(ErrorCode.BackupDamaged, what,
        "Use another backup (`backup list`), or restore this one from a copy of the vault.");
}
