using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Backup.Core.Model;

namespace Backup.Core.Signals;

/// <summary>
/// PagerDuty's Events API v2: trigger, and resolve with the same dedup key. The variable holds an integration key, or a URL that has it in its
/// path (<c>…/integration/KEY/enqueue</c>) or query (<c>?routing_key=KEY</c>).
/// </summary>
public sealed partial class PagerDutyChannel : INoticeChannel
{
    private static readonly Uri _standard = new("https://events.pagerduty.com/v2/enqueue");

    private readonly HttpDelivery _http;
    private readonly Uri _address;
    private readonly string _routingKey;

    /// <exception cref="BackupException">usage: no integration key is in the text, which is not repeated.</exception>
    public PagerDutyChannel(HttpDelivery http, string text, string variable)
    {
        ArgumentNullException.ThrowIfNull(text);
        _http = http;
        if (Bare().IsMatch(text))
        {
            (_address, _routingKey) = (_standard, text);
            return;
        }

        var uri = HttpDelivery.Address(text, variable);
        var match = InUrl().Match(uri.PathAndQuery);
        if (!match.Success)
            throw new BackupException(ErrorCode.UsageWrong, $"the environment variable {variable} holds no integration key of PagerDuty", $"Set {variable} to the integration key of an Events API v2 integration.");
        _routingKey = match.Groups["key"].Value;
        _address = new Uri(uri, "/v2/enqueue");
    }

    public string Name => "PagerDuty";

    public NoticeRoute Route => NoticeRoute.Page;

    public Task SendAsync(Notice notice, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(notice);
        var body = new JsonObject
        {
            ["routing_key"] = _routingKey,
            ["event_action"] = notice.Kind == NoticeKind.Recovered ? "resolve" : "trigger",
            ["dedup_key"] = notice.Key.ToString(),
            ["client"] = "backup",
        };
        if (notice.Kind != NoticeKind.Recovered)
        {
            body["payload"] = new JsonObject
            {
                ["summary"] = notice.Headline.Length > 1024 ? notice.Headline[..1023] + "…" : notice.Headline, // their limit
                ["source"] = $"{notice.Key.Environment}/{notice.Key.Database}",
                ["severity"] = notice.Severity == Severity.Critical ? "critical" : "warning",
                ["timestamp"] = notice.At.UtcDateTime.ToString("O"),
                ["component"] = notice.Key.Database,
                ["group"] = notice.Key.Environment,
                ["class"] = notice.Key.Code,
                ["custom_details"] = new JsonObject
                {
                    ["next_step"] = notice.NextStep,
                    ["runbook"] = notice.Runbook,
                    ["since"] = notice.Since.UtcDateTime.ToString("O"),
                },
            };
        }

        return _http.PostAsync(Name, _address, body.ToJsonString(JsonSerializerOptions.Web), cancel);
    }

    [GeneratedRegex(@"^[A-Za-z0-9]{32}\z")]
    private static partial Regex Bare();

    [GeneratedRegex(@"(/integration/|[?&]routing_key=)(?<key>[A-Za-z0-9]{16,64})(/enqueue|&|\z)")]
    private static partial Regex InUrl();
}
