using Backup.Core.Model;

namespace Backup.Core.Operations.Watching;

/// <summary>
/// Looks at a vault from outside of everything that writes to it, and judges. Writes nothing but the locks that committed backups were promised.
/// </summary>
public sealed class Watch(TimeProvider clock)
{
    /// <summary>A vault that cannot be read is itself the finding: whoever asks whether backups are safe must not get silence.</summary>
    public async Task<WatchReport> ExecuteAsync(WatchRequest request, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(request);
        try
        {
            var facts = await new WatchReader(request, clock).ReadAsync(cancel);
            return WatchJudge.Judge(request.Policy, facts, clock.GetUtcNow(), request.Database);
        }
        catch (BackupException e) when (e.Code.Name.StartsWith("vault.", StringComparison.Ordinal))
        {
            return WatchJudge.Blind(request.Policy, request.Vault.Name, e, clock.GetUtcNow(), request.Database);
        }
    }
}
