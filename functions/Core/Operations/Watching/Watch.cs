using Backup.Core.Model;
using Backup.Core.Policies;

namespace Backup.Core.Operations.Watching;

/// <summary>A judgement, and what it was made from.</summary>
/// <param name="Report">The judgement.</param>
/// <param name="Facts">Null when the vault could not be read.</param>
public sealed record WatchLook(WatchReport Report, WatchFacts? Facts)
{
    /// <summary>The same facts, judged at another time: what was young then may be too old now.</summary>
    public WatchLook At(Policy policy, DateTimeOffset now) => Facts is null ? this : this with { Report = WatchJudge.Judge(policy, Facts, now) };
}

/// <summary>
/// Looks at a vault from outside of everything that writes to it, and judges. Writes nothing but the locks that committed backups were promised.
/// </summary>
public sealed class Watch(TimeProvider clock)
{
    /// <summary>As <see cref="LookAsync"/>, without the facts.</summary>
    public async Task<WatchReport> ExecuteAsync(WatchRequest request, CancellationToken cancel) => (await LookAsync(request, cancel)).Report;

    /// <summary>A vault that cannot be read is itself the finding: whoever asks whether backups are safe must not get silence.</summary>
    public async Task<WatchLook> LookAsync(WatchRequest request, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(request);
        try
        {
            var facts = await new WatchReader(request, clock).ReadAsync(cancel);
            return new WatchLook(WatchJudge.Judge(request.Policy, facts, clock.GetUtcNow(), request.Database), facts);
        }
        catch (BackupException e) when (e.Code.Name.StartsWith("vault.", StringComparison.Ordinal))
        {
            return new WatchLook(WatchJudge.Blind(request.Policy, request.Vault.Name, e, clock.GetUtcNow(), request.Database), null);
        }
    }
}
