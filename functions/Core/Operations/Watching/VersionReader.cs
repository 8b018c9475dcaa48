using Backup.Core.Model;
using Backup.Core.Storage;

namespace Backup.Core.Operations.Watching;

/// <summary>
/// Finds in a stream of versions what was done to objects of committed backups. Objects are written once: a second version, or a delete marker
/// without a tombstone beside it, is somebody else's doing. What never became a backup is lifecycle's to remove.
/// </summary>
/// <param name="attempts">Key prefix of a backup → the attempt that its manifest names, as far as known.</param>
public sealed class VersionReader(IReadOnlyDictionary<string, string> attempts)
{
    private readonly List<TouchedObject> _found = [];
    private readonly List<(string Name, TouchedObject Object)> _here = [];
    private string _prefix = "";
    private bool _committed;
    private bool _retired;
    private string _key = "";
    private int _versions;
    private DateTimeOffset _newestAt;

    public void Add(ObjectVersion version)
    {
        if (!VaultKeys.TryBackup(version.Key, out var prefix, out _, out var id)) return;
        if (prefix != _prefix) NextBackup(prefix);
        if (version.Key != _key) (_key, _versions) = (version.Key, 0);
        var name = version.Key[prefix.Length..];
        if (version.IsDeleteMarker)
        {
            if (version.IsLatest) _here.Add((name, new TouchedObject(version.Key, id.Database, IsHidden: true, version.LastModified)));
            return;
        }

        _committed |= name == VaultKeys.ManifestName;
        _retired |= name == VaultKeys.TombstoneName;
        // Newest first, so the first one says when it was last stored over.
        if (++_versions == 1) _newestAt = version.LastModified;
        if (_versions == 2) _here.Add((name, new TouchedObject(version.Key, id.Database, IsHidden: false, _newestAt)));
    }

    public IReadOnlyList<TouchedObject> Finish()
    {
        NextBackup("");
        return _found;
    }

    private void NextBackup(string prefix)
    {
        if (_committed && !_retired) _found.AddRange(_here.Where(o => IsOfBackup(o.Name)).Select(o => o.Object));
        _here.Clear();
        (_prefix, _committed, _retired, _key, _versions) = (prefix, false, false, "", 0);
    }

    // A dead attempt of a backup that succeeded later is swept by lifecycle with a delete marker.
    private bool IsOfBackup(string name)
    {
        var slash = name.IndexOf('/', StringComparison.Ordinal);
        if (slash < 0 || !VaultKeys.IsAttempt(name[..slash])) return true;
        return !attempts.TryGetValue(_prefix, out var attempt) || attempt == name[..slash];
    }
}
