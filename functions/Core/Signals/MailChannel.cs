using System.Globalization;
using System.Text;
using Backup.Core.Model;
using Polly;

namespace Backup.Core.Signals;

/// <summary>Notices by e-mail: plain text, UTF-8.</summary>
public sealed class MailChannel : INoticeChannel
{
    private readonly SmtpServer _server;
    private readonly IReadOnlyList<string> _to;
    private readonly DeliveryTuning _tuning;
    private readonly ResiliencePipeline _pipeline;

    public MailChannel(SmtpServer server, IReadOnlyList<string> to, DeliveryTuning? tuning = null)
    {
        (_server, _to, _tuning) = (server, to, tuning ?? new DeliveryTuning());
        _pipeline = _tuning.Pipeline();
    }

    public string Name => "e-mail";

    public NoticeRoute Route => NoticeRoute.Mail;

    public Task SendAsync(Notice notice, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(notice);
        var message = Message(notice);
        return _pipeline.ExecuteAsync(async token =>
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(token);
            limit.CancelAfter(_tuning.Timeout);
            try
            {
                await SmtpSession.SendAsync(_server, _to, message, limit.Token);
            }
            catch (OperationCanceledException) when (!token.IsCancellationRequested)
            {
                throw new BackupException(ErrorCode.NoticeFailed, $"the mail server {_server} did not answer within {_tuning.Timeout.TotalSeconds:0.#} s", "Check whether the mail server is up.") { IsTransient = true };
            }
        }, cancel).AsTask();
    }

    private string Message(Notice notice)
    {
        var text = string.Create(CultureInfo.InvariantCulture, $"""
            {notice.Headline}

            {notice.Sentence}

            Next step: {notice.NextStep}

            Database:    {notice.Key.Database}
            Environment: {notice.Key.Environment}
            Code:        {notice.Key.Code} ({notice.Runbook})
            Since:       {notice.Since.UtcDateTime:yyyy-MM-dd HH:mm} UTC

            """);
        // All notices of one trouble are one thread in the reader's mailbox.
        var thread = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(Encoding.UTF8.GetBytes(notice.Key.ToString())))[..24];
        var message = new StringBuilder();
        void Header(string name, string value) => message.Append(name).Append(": ").Append(value).Append("\r\n");
        Header("From", $"Backup <{_server.From}>");
        Header("To", string.Join(", ", _to.Select(a => $"<{a}>")));
        Header("Subject", Word(notice.Headline));
        Header("Date", notice.At.UtcDateTime.ToString("ddd, dd MMM yyyy HH:mm:ss '+0000'", CultureInfo.InvariantCulture));
        Header("Message-ID", $"<{Guid.NewGuid():n}@backup.invalid>");
        Header("References", $"<{thread}@backup.invalid>");
        Header("Auto-Submitted", "auto-generated");
        Header("MIME-Version", "1.0");
        Header("Content-Type", "text/plain; charset=utf-8");
        Header("Content-Transfer-Encoding", "base64");
        return message.Append("\r\n").Append(Convert.ToBase64String(Encoding.UTF8.GetBytes(text), Base64FormattingOptions.InsertLineBreaks)).Append("\r\n").ToString();
    }

    /// <summary>A header value in encoded words (RFC 2047) of at most 75 characters, cut between code points; line breaks cannot get in.</summary>
    private static string Word(string text)
    {
        var (words, part) = (new List<string>(), new List<byte>());
        foreach (var rune in text.EnumerateRunes())
        {
            var bytes = Encoding.UTF8.GetBytes(rune.ToString());
            if (part.Count + bytes.Length > 45) Flush();
            part.AddRange(bytes);
        }

        Flush();
        return string.Join("\r\n ", words);

        void Flush()
        {
            if (part.Count > 0) words.Add($"=?utf-8?B?{Convert.ToBase64String([.. part])}?=");
            part.Clear();
        }
    }
}
