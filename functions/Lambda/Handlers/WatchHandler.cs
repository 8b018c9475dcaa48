using System.Text.Json;
using Amazon.CloudWatch;
using Amazon.CloudWatch.Model;
using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Operations.Reporting;
using Backup.Core.Operations.Watching;
using Backup.Core.Policies;
using Backup.Core.Signals;
using Backup.Core.Storage;
using Backup.Lambda.Aws;
using Backup.Lambda.Events;
using Backup.Lambda.Hosting;
using Metric = Backup.Core.Signals.Metric;

namespace Backup.Lambda.Handlers;

/// <summary>
/// Event → judgement, ages as figures, locks repaired, and the heartbeat when all is well. The first watch of a UTC day also looks at versions, at the copy and at who hears alarms, starts
/// Prune and tells the team's channel what is wrong; the first of a month sends the test page and writes the last month's report.
/// </summary>
public sealed class WatchHandler(
    MachineEnvironment machine, TimeProvider clock, PolicyBundle policies, ReportStore reports, Subscribers subscribers, Figures figures, AwsCall aws, IAmazonCloudWatch cloudWatch)
{
    public const string CopyBucketVariable = "BACKUP_COPY_BUCKET";
    public const string PruneFunctionVariable = "BACKUP_PRUNE_FUNCTION";
    public const string TestAlarmVariable = "BACKUP_TEST_ALARM";

    public async Task<WatchResult> HandleAsync(JsonElement json, Invocation call)
    {
        ArgumentNullException.ThrowIfNull(call);
        var e = EventReader.Read(json, LambdaJson.Default.WatchEvent, call.Function);
        if (e.Kind is not (null or "hourly" or "daily" or "expiry")) throw new BackupException(ErrorCode.UsageWrong, $"the event's kind is \"{e.Kind}\"", "Give hourly, daily or expiry.");
        if (e.Kind == "expiry" != e.Key is not null) throw new BackupException(ErrorCode.UsageWrong, "an event of kind expiry has a key, and no other has", "Leave key out, or give the removed manifest's.");
        var time = e.ScheduledTime is null ? clock.GetUtcNow() : EventReader.Time(e.ScheduledTime, "scheduledTime");
        var isDaily = e.Kind == "daily" || (e.ScheduledTime is not null && time.Hour == 0);
        var policy = await policies.ReadAsync(call.Cancel);
        if (e.Key is { } key) return await JudgeExpiryAsync(policy, key, call);
        var report = await JudgeAsync(policy, isDaily, call.Cancel);
        if (isDaily) report = report with { Findings = [.. report.Findings, .. await subscribers.JudgeAsync(call.Cancel)] };
        await figures.EmitAsync(WatchSignals.Metrics(report), call);
        foreach (var (subject, finding) in report.Databases.SelectMany(d => d.Findings.Select(f => (d.Database, f))).Concat(report.Findings.Select(f => (report.Vault, f))))
            Log(call, subject, finding);

        var did = new List<string>();
        using var channels = NoticeChannels.Open(Reachable(policy.Notify), machine);
        var failures = isDaily ? await TellAsync(channels, report, call, did) : [];
        if (isDaily) await StartPruneAsync(did, call.Cancel);
        if (isDaily && time.Day == 1) await TestPageAsync(did, call.Cancel);
        // Its silence is the alarm outside of this account: it must not sound well while people cannot be reached.
        if (report.Safe && failures.Count == 0) await BeatAsync(channels, policy, call, did);
        // Last: a report that cannot be written keeps nobody from being told.
        if (isDaily && time.Day == 1) await ReportAsync(policy, time.AddMonths(-1), did, call.Cancel);
        return new WatchResult
        {
            Outcome = report.Safe ? WatchResult.Safe : WatchResult.AtRisk,
            Did = did,
            Databases = [.. report.Databases.Select(d => new WatchedDatabase(d.Database, d.Safe, d.AgeHours, d.Findings))],
            Findings = report.Findings,
        };
    }

    private async Task<WatchReport> JudgeAsync(Policy policy, bool isDaily, CancellationToken cancel)
    {
        await using var vault = VaultFactory.Open(policy.Vault!, null, clock);
        await using var copy = isDaily ? OpenCopy() : null;
        return await new Watch(clock).ExecuteAsync(new WatchRequest { Policy = policy, Vault = vault, Copy = copy, WithVersions = isDaily }, cancel);
    }

    /// <summary>S3 tells of each manifest that its lifecycle rules remove: the pruner's tags are behind it, and its tombstone must be there to say why.</summary>
    private async Task<WatchResult> JudgeExpiryAsync(Policy policy, string key, Invocation call)
    {
        await using var vault = VaultFactory.Open(policy.Vault!, null, clock);
        if (!VaultKeys.TryBackup(key, out _, out _, out var id)) throw new BackupException(ErrorCode.UsageWrong, "the event's key is no manifest's", "Give the key as S3 gives it.");
        var finding = await ExpiryJudge.JudgeAsync(vault, key, call.Cancel);
        call.About(id.Database, id.ToString());
        if (finding is not null) Log(call, id.Database, finding);
        await figures.EmitAsync([new Metric(MetricName.ExpiryUnexplained, finding is null ? 0 : 1, policy.Environment, id.Database, clock.GetUtcNow())], call);
        return new WatchResult { Outcome = finding is null ? WatchResult.Safe : WatchResult.AtRisk, Findings = finding is null ? [] : [finding] };
    }

    /// <summary>Pages are CloudWatch's alarms here; of the policy's own channels those are opened whose address the function was given.</summary>
    private NotifyPolicy Reachable(NotifyPolicy policy) => policy with
    {
        PagerDutyVariable = null,
        SlackVariable = Given(policy.SlackVariable),
        SmtpVariable = Given(policy.SmtpVariable),
        HeartbeatVariable = Given(policy.HeartbeatVariable),
    };

    private string? Given(string? variable) => variable is not null && machine[variable] is not null ? variable : null;

    // Nothing is remembered between two calls, so what is wrong is told once a day for as long as it lasts, and its end is not told.
    private async Task<IReadOnlyList<string>> TellAsync(NoticeChannels channels, WatchReport report, Invocation call, List<string> did)
    {
        if (channels.All.Count == 0) return [];
        var outcome = await new NoticeDesk(channels.All, new NoMemory(), clock).UpdateAsync(WatchSignals.Notices(report), call.Cancel);
        foreach (var failure in outcome.Failures) call.Log.Warning(failure);
        if (outcome.Sent.Count > 0) did.Add($"told {outcome.Sent.Count} findings");
        return outcome.Failures;
    }

    private async Task StartPruneAsync(List<string> did, CancellationToken cancel)
    {
        if (machine[PruneFunctionVariable] is not { } function) return;
        try
        {
            await aws.PostPathAsync("lambda", $"/2015-03-31/functions/{Uri.EscapeDataString(function)}/invocations", [], [new("X-Amz-Invocation-Type", "Event")], cancel);
        }
        catch (AwsCallException e)
        {
            throw new BackupException(ErrorCode.RunnerUnavailable, $"the function {function} was not started: {e.Message}", "Run `pulumi up`, which makes it and the right to start it.", e) { IsTransient = e.MayPass };
        }

        did.Add("started Prune");
    }

    private async Task TestPageAsync(List<string> did, CancellationToken cancel)
    {
        if (machine[TestAlarmVariable] is not { } alarm) return;
        await cloudWatch.SetAlarmStateAsync(new SetAlarmStateRequest { AlarmName = alarm, StateValue = StateValue.ALARM, StateReason = "the monthly test: somebody must have been paged" }, cancel);
        did.Add("sent the test page");
    }

    private async Task ReportAsync(Policy policy, DateTimeOffset month, List<string> did, CancellationToken cancel)
    {
        await using var vault = VaultFactory.Open(policy.Vault!, null, clock);
        await using var copy = OpenCopy();
        var request = new MonthlyReportRequest { Policy = policy, Vault = vault, Copy = copy, Month = new ReportMonth(month.Year, month.Month) };
        if (await reports.WriteAsync(await new MonthlyReport(clock).ExecuteAsync(request, cancel), cancel) is { } place) did.Add($"reported {place}");
    }

    private IVault? OpenCopy() => machine[CopyBucketVariable] is { } bucket ? VaultFactory.Open($"s3://{bucket}", null, clock) : null;

    private static async Task BeatAsync(NoticeChannels channels, Policy policy, Invocation call, List<string> did)
    {
        if (await channels.BeatAsync(call.Cancel) is { } problem) call.Log.Warning(problem);
        else if (policy.Notify.HeartbeatVariable is not null) did.Add("heartbeat");
    }

    private static void Log(Invocation call, string subject, Finding f)
    {
        (string, object?)[] fields = [("database", subject), ("code", f.Code), ("subject", f.Subject), ("nextStep", f.NextStep)];
        if (f.Severity == Severity.Critical) call.Log.Error(f.Sentence, fields);
        else if (f.Severity == Severity.Warning) call.Log.Warning(f.Sentence, fields);
        else call.Log.Information(f.Sentence, fields);
    }

    private sealed class NoMemory : INoticeState
    {
        public Task<IReadOnlyDictionary<string, ToldFact>> LoadAsync(CancellationToken cancel) => Task.FromResult<IReadOnlyDictionary<string, ToldFact>>(new Dictionary<string, ToldFact>());

        public Task SaveAsync(IReadOnlyDictionary<string, ToldFact> told, CancellationToken cancel) => Task.CompletedTask;
    }
}
