using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Policies;

namespace Backup.Core.Signals;

/// <summary>The channels that a policy names, opened with what the environment says.</summary>
public sealed class NoticeChannels : IDisposable
{
    private readonly HttpDelivery _http;
    private readonly Uri? _heartbeat;

    private NoticeChannels(HttpDelivery http, IReadOnlyList<INoticeChannel> all, Uri? heartbeat)
    {
        _http = http;
        All = all;
        _heartbeat = heartbeat;
    }

    public IReadOnlyList<INoticeChannel> All { get; }

    /// <exception cref="BackupException">usage: a variable is not set or holds nothing usable. A notice that cannot be sent must be known before it is needed.</exception>
    public static NoticeChannels Open(NotifyPolicy policy, MachineEnvironment machine, DeliveryTuning? tuning = null)
    {
        ArgumentNullException.ThrowIfNull(policy);
        ArgumentNullException.ThrowIfNull(machine);
        var all = new List<INoticeChannel>();
        var http = new HttpDelivery(tuning);
        if (policy.PagerDutyVariable is { } pager) all.Add(new PagerDutyChannel(http, Value(machine, pager, "pagerDuty"), pager));
        if (policy.SlackVariable is { } slack) all.Add(new SlackChannel(http, HttpDelivery.Address(Value(machine, slack, "slack"), slack)));
        if (policy.SmtpVariable is { } smtp) all.Add(new MailChannel(SmtpServer.Parse(Value(machine, smtp, "smtp"), smtp), policy.Email, tuning));
        var heartbeat = policy.HeartbeatVariable is { } beat ? HttpDelivery.Address(Value(machine, beat, "heartbeat"), beat) : null;
        return new NoticeChannels(http, all, heartbeat);
    }

    /// <summary>Tells the dead-man service outside that all is well. Its silence is the one alarm that needs nothing of this machine.</summary>
    /// <returns>Null, or a sentence that says why it was not reached.</returns>
    public async Task<string?> BeatAsync(CancellationToken cancel)
    {
        if (_heartbeat is null) return null;
        try
        {
            await _http.GetAsync("the heartbeat service", _heartbeat, cancel);
            return null;
        }
        catch (BackupException e)
        {
            return e.Message;
        }
    }

    public void Dispose() => _http.Dispose();

    private static string Value(MachineEnvironment machine, string variable, string key) => machine[variable]
        ?? throw new BackupException(ErrorCode.UsageWrong, $"notify.{key} names the environment variable {variable}, which is not set", $"Set {variable}, or remove notify.{key} from the policy.");
}
