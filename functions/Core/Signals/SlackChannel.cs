using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Backup.Core.Model;

namespace Backup.Core.Signals;

/// <summary>Slack's incoming webhook: a headline for the notification, blocks for the channel.</summary>
public sealed class SlackChannel(HttpDelivery http, Uri webhook) : INoticeChannel
{
    /// <summary>Slack refuses longer texts.</summary>
    private const int LongestHeader = 150;
    private const int LongestText = 3000;

    public string Name => "Slack";

    public NoticeRoute Route => NoticeRoute.Chat;

    public Task SendAsync(Notice notice, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(notice);
        var over = notice.Kind == NoticeKind.Recovered;
        var mark = over ? ":white_check_mark:" : notice.Severity == Severity.Critical ? ":rotating_light:" : ":warning:";
        var title = $"{(over ? "Resolved" : notice.Kind == NoticeKind.Reminder ? "Still wrong" : notice.Severity == Severity.Critical ? "Critical" : "Warning")}: {notice.Key.Database} ({notice.Key.Environment})";
        var body = new JsonObject
        {
            ["text"] = Escape(notice.Headline, LongestText),
            ["blocks"] = new JsonArray(
                new JsonObject { ["type"] = "header", ["text"] = new JsonObject { ["type"] = "plain_text", ["text"] = Cut($"{mark} {title}", LongestHeader), ["emoji"] = true } },
                Section(Escape(notice.Sentence, LongestText)),
                Section(over ? "_Nothing to do._" : Escape("*Next step:* " + notice.NextStep, LongestText)),
                new JsonObject
                {
                    ["type"] = "context",
                    ["elements"] = new JsonArray(Markdown(string.Create(CultureInfo.InvariantCulture,
                        $"`{notice.Key.Code}` · since {notice.Since.UtcDateTime:yyyy-MM-dd HH:mm} UTC · {Escape(notice.Runbook, LongestText)}"))),
                }),
        };
        return http.PostAsync(Name, webhook, body.ToJsonString(JsonSerializerOptions.Web), cancel);
    }

    private static JsonObject Section(string text) => new() { ["type"] = "section", ["text"] = Markdown(text) };

    private static JsonObject Markdown(string text) => new() { ["type"] = "mrkdwn", ["text"] = text };

    // A table's name must not become a link or a mention of everybody.
    private static string Escape(string text, int most) =>
        Cut(text, most / 2).Replace("&", "&amp;", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal).Replace(">", "&gt;", StringComparison.Ordinal);

    private static string Cut(string text, int most) => text.Length <= most ? text : text[..(most - 1)] + "…";
}
