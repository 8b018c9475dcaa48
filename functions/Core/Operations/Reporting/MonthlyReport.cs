using Backup.Core.Model;
using Backup.Core.Policies;
using Backup.Core.Storage;

namespace Backup.Core.Operations.Reporting;

/// <summary>What to report on.</summary>
public sealed record MonthlyReportRequest
{
    public required Policy Policy { get; init; }
    public required IVault Vault { get; init; }
    public required ReportMonth Month { get; init; }

    /// <summary>The second vault, to see what it holds and lacks.</summary>
    public IVault? Copy { get; init; }

    /// <summary>Where CloudTrail's data events of the vault lie.</summary>
    public IVault? AccessLog { get; init; }

    /// <summary>Null = every database of the policy.</summary>
    public string? Database { get; init; }

    internal IEnumerable<DatabasePolicy> Databases => Policy.Databases.Where(d => Database is null || d.Name == Database);
}

/// <summary>
/// One month of a policy, from what the vault knows: who asks for it, on a terminal or each month in the cloud, writes the result down with <see cref="ReportJson"/>
/// and <see cref="ReportPage"/>. Writes nothing itself.
/// </summary>
public sealed class MonthlyReport(TimeProvider clock)
{
    /// <exception cref="BackupException">With the codes of the vault; usage for a database that the policy does not have, or an access log of a folder.</exception>
    public async Task<MonthReport> ExecuteAsync(MonthlyReportRequest request, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (!request.Databases.Any())
            throw new BackupException(ErrorCode.UsageWrong, $"the policy has no database {request.Database}", $"It has {string.Join(", ", request.Policy.Databases.Select(d => d.Name))}.");
        return MonthJudge.Make(await new ReportReader(request, clock.GetUtcNow()).ReadAsync(cancel));
    }
}
