using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Backup.Core.Model;
using Backup.Core.Signals;
using Backup.Tests.Support;

namespace Backup.Core.Tests.Signals;

/// <summary>What really leaves the machine, taken by local servers.</summary>
public sealed partial class ChannelTests
{
    private const string Secret = "0123456789abcdef0123456789hunter";

    private static readonly DeliveryTuning _quick = new() { FirstDelay = TimeSpan.FromMilliseconds(1), Timeout = TimeSpan.FromSeconds(10) };

    private static readonly Notice _lost = new()
    {
        Kind = NoticeKind.Opened,
        Key = new NoticeKey("production", "bloom", "table.shrunk"),
        Severity = Severity.Critical,
        Sentence = "public.\"Übung <!channel>\" has 400 rows instead of 1,000 (-60 %)",
        NextStep = "Keep bloom_20260319T020000Z.",
        Since = new DateTimeOffset(2026, 3, 20, 2, 6, 0, TimeSpan.Zero),
        At = new DateTimeOffset(2026, 3, 20, 3, 0, 0, TimeSpan.Zero),
    };

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task PagerDuty_gets_trigger_and_resolve_with_one_dedup_key()
    {
        await using var server = new HttpCatcher();
        using var http = new HttpDelivery(_quick);
        var channel = new PagerDutyChannel(http, $"{server.Address}integration/{Secret}/enqueue", "PAGERDUTY_URL");
        await channel.SendAsync(_lost, Cancel);
        await channel.SendAsync(_lost with { Kind = NoticeKind.Recovered }, Cancel);

        var sent = server.Requests.ToArray();
        Assert.All(sent, r => Assert.Equal(("POST", "/v2/enqueue", "application/json; charset=utf-8"), (r.Method, r.Path, r.ContentType)));
        var trigger = JsonNode.Parse(sent[0].Body)!;
        Assert.Equal((Secret, "trigger", "backup/production/bloom/table.shrunk"), ((string)trigger["routing_key"]!, (string)trigger["event_action"]!, (string)trigger["dedup_key"]!));
        var payload = trigger["payload"]!;
        Assert.Equal($"CRITICAL production/bloom: {_lost.Sentence}", (string)payload["summary"]!);
        Assert.Equal(("critical", "production/bloom", "bloom", "production", "table.shrunk"),
            ((string)payload["severity"]!, (string)payload["source"]!, (string)payload["component"]!, (string)payload["group"]!, (string)payload["class"]!));
        Assert.Equal(_lost.NextStep, (string)payload["custom_details"]!["next_step"]!);
        Assert.Equal(new DateTimeOffset(2026, 3, 20, 3, 0, 0, TimeSpan.Zero), DateTimeOffset.Parse((string)payload["timestamp"]!, null));
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse($$"""{"routing_key":"{{Secret}}","event_action":"resolve","dedup_key":"backup/production/bloom/table.shrunk","client":"backup"}"""), JsonNode.Parse(sent[1].Body)));
    }

    [Fact]
    public async Task Slack_gets_readable_blocks_in_which_names_cannot_mention_anybody()
    {
        await using var server = new HttpCatcher();
        using var http = new HttpDelivery(_quick);
        await new SlackChannel(http, new Uri(server.Address, $"services/T0/B0/{Secret}")).SendAsync(_lost, Cancel);

        Assert.True(server.Requests.TryDequeue(out var request));
        Assert.Equal($"/services/T0/B0/{Secret}", request.Path);
        var body = JsonNode.Parse(request.Body)!;
        Assert.Equal(["header", "section", "section", "context"], body["blocks"]!.AsArray().Select(b => (string)b!["type"]!));
        Assert.Equal(":rotating_light: Critical: bloom (production)", (string)body["blocks"]![0]!["text"]!["text"]!);
        Assert.Equal("public.\"Übung &lt;!channel&gt;\" has 400 rows instead of 1,000 (-60 %)", (string)body["blocks"]![1]!["text"]!["text"]!);
        Assert.Contains("*Next step:* Keep bloom_20260319T020000Z.", (string)body["blocks"]![2]!["text"]!["text"]!, StringComparison.Ordinal);
        Assert.Contains("`table.shrunk` · since 2026-03-20 02:06 UTC", (string)body["blocks"]![3]!["elements"]![0]!["text"]!, StringComparison.Ordinal);
        Assert.Contains("&lt;!channel&gt;", (string)body["text"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_service_that_stumbles_is_asked_again_and_one_that_refuses_is_not()
    {
        await using var server = new HttpCatcher();
        using var http = new HttpDelivery(_quick);
        var channel = new SlackChannel(http, new Uri(server.Address, Secret));
        foreach (var status in (int[])[500, 429, 503]) server.Answers.Enqueue(status);
        await channel.SendAsync(_lost, Cancel);
        Assert.Equal(4, server.Requests.Count);

        server.Answers.Enqueue(404);
        var error = await Assert.ThrowsAsync<BackupException>(() => channel.SendAsync(_lost, Cancel));
        Assert.Equal(("Slack answered 404", 5), (error.Message, server.Requests.Count));
        server.Answers.Enqueue(302); // a redirect would carry the notice elsewhere
        Assert.Equal("Slack answered 302", (await Assert.ThrowsAsync<BackupException>(() => channel.SendAsync(_lost, Cancel))).Message);
    }

    [Fact]
    public async Task No_error_repeats_an_address()
    {
        await using var server = new HttpCatcher();
        var address = new Uri(server.Address, Secret);
        await server.DisposeAsync();
        using var http = new HttpDelivery(_quick);
        var error = await Assert.ThrowsAsync<BackupException>(() => new SlackChannel(http, address).SendAsync(_lost, Cancel));
        Assert.Equal((ErrorCode.NoticeFailed, true), (error.Code, error.IsTransient));
        Assert.DoesNotContain("hunter", error.Message + error.NextStep + error.InnerException, StringComparison.Ordinal);
        foreach (var wrong in (string[])[$"ftp://{Secret}", Secret, $"http://example.org/{Secret}", "\0"])
        {
            error = Assert.Throws<BackupException>(() => HttpDelivery.Address(wrong, "SLACK_WEBHOOK"));
            Assert.DoesNotContain("hunter", error.Message + error.NextStep, StringComparison.Ordinal);
        }

        error = Assert.Throws<BackupException>(() => new PagerDutyChannel(http, $"https://events.example.org/{Secret}", "PD"));
        Assert.DoesNotContain("hunter", error.Message + error.NextStep, StringComparison.Ordinal);
        foreach (var wrong in (string[])["http://a:hunter@b", "smtp://hunter@h:25", "smtps://u:hunter@h", "smtps://u:hunter@h?from=x", "smtps://u:hunter@h?to=hunter", "smtps://u:hunter@h?from=a@b.c&ca=/nope"])
        {
            error = Assert.Throws<BackupException>(() => SmtpServer.Parse(wrong, "SMTP_URL"));
            Assert.DoesNotContain("hunter", error.Message + error.NextStep, StringComparison.Ordinal);
        }

        Assert.DoesNotContain("hunter", SmtpServer.Parse("smtps://u:hunter@h?from=a@b.c", "S").ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Mail_goes_out_encrypted_with_login(bool tlsAtOnce)
    {
        await using var server = new SmtpCatcher(tlsAtOnce);
        var url = $"{(tlsAtOnce ? "smtps" : "smtp")}://ops:p%40ss%3Aw%C3%B6rd@localhost:{server.Port}?from=backup@example.com&ca={Uri.EscapeDataString(server.CertificateFile)}";
        await new MailChannel(SmtpServer.Parse(url, "SMTP_URL"), ["a@example.com", "b@example.com"], _quick).SendAsync(_lost, Cancel);

        Assert.True(server.Mails.TryDequeue(out var mail));
        Assert.Equal(("backup@example.com", "|ops|p@ss:wörd", true), (mail.From, mail.Login, mail.Encrypted));
        Assert.Equal(["a@example.com", "b@example.com"], mail.To);
        Assert.Equal(tlsAtOnce ? [] : ["EHLO backup.invalid", "STARTTLS"], server.InClear);
        var (head, body) = (mail.Text.Split("\r\n\r\n")[0], mail.Text.Split("\r\n\r\n", 2)[1]);
        var subject = EncodedWord().Matches(head).Select(m => Encoding.UTF8.GetString(Convert.FromBase64String(m.Groups[1].Value)));
        Assert.Equal(_lost.Headline, string.Concat(subject));
        Assert.Contains("Date: Fri, 20 Mar 2026 03:00:00 +0000", head, StringComparison.Ordinal);
        var text = Encoding.UTF8.GetString(Convert.FromBase64String(body));
        Assert.Contains($"{_lost.Sentence}\n\nNext step: {_lost.NextStep}\n", text, StringComparison.Ordinal);
        Assert.Contains("Code:        table.shrunk (docs/runbooks/findings.md, heading table.shrunk)", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Mail_is_never_sent_to_a_server_without_trust_or_without_tls()
    {
        await using var stranger = new SmtpCatcher(tlsAtOnce: true);
        var error = await Assert.ThrowsAsync<BackupException>(() => Mail($"smtps://u:hunter@localhost:{stranger.Port}?from=a@b.c"));
        Assert.Contains("could not be trusted", error.Message, StringComparison.Ordinal);
        Assert.False(error.IsTransient);

        await using var open = new SmtpCatcher(tlsAtOnce: false, offersTls: false);
        error = await Assert.ThrowsAsync<BackupException>(() => Mail($"smtp://u:hunter@localhost:{open.Port}?from=a@b.c&ca={open.CertificateFile}"));
        Assert.Contains("offers no STARTTLS", error.Message, StringComparison.Ordinal);
        Assert.Equal(["EHLO backup.invalid"], open.InClear);
        Assert.Empty(open.Mails);
        Assert.Empty(stranger.Mails);

        static Task Mail(string url) => new MailChannel(SmtpServer.Parse(url, "SMTP_URL"), ["x@example.com"], _quick).SendAsync(_lost, Cancel);
    }

    [Fact]
    public async Task A_mail_server_that_is_busy_is_asked_again_and_one_that_refuses_is_named_without_its_words()
    {
        await using var server = new SmtpCatcher(tlsAtOnce: true);
        server.Recipients.Enqueue("451 try later");
        var channel = new MailChannel(SmtpServer.Parse($"smtps://localhost:{server.Port}?from=a@b.c&ca={server.CertificateFile}", "S"), ["x@example.com"], _quick);
        await channel.SendAsync(_lost, Cancel);
        Assert.Single(server.Mails);
        server.Recipients.Enqueue("550 hunter2 is unknown");
        var error = await Assert.ThrowsAsync<BackupException>(() => channel.SendAsync(_lost, Cancel));
        Assert.Equal($"the mail server localhost:{server.Port} refused the recipient x@example.com with 550", error.Message);
    }

    [GeneratedRegex(@"=\?utf-8\?B\?([A-Za-z0-9+/=]+)\?=")]
    private static partial Regex EncodedWord();
}
