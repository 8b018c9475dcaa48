using Backup.Core.Model;
using Backup.Core.Operations.Watching;
using Backup.Core.Policies;

namespace Backup.Core.Operations.Status;

/// <summary>When backups may go at the earliest. The prune keeps more than this: the newest good ones, the newest proven ones, and all of them while something is wrong.</summary>
public static class Expiry
{
    /// <summary>Null: the policy keeps its tier for ever.</summary>
    public static DateTimeOffset? Of(WatchedBackup backup, RetentionPolicy? retention)
    {
        ArgumentNullException.ThrowIfNull(backup);
        var end = retention?.Keep.GetValueOrDefault(backup.Entry.Tier)?.AddTo(backup.Id.Time);
        return end is { } e && LockedUntil(backup) is { } until && until > e ? until : end;
    }

    /// <summary>Null: no lock, or its manifest was not read.</summary>
    public static DateTimeOffset? LockedUntil(WatchedBackup backup)
    {
        ArgumentNullException.ThrowIfNull(backup);
        return backup.Manifest?.Lock is { Mode: not LockMode.None } promise ? promise.Until : null;
    }
}
