using Amazon.Runtime;
using Amazon.SimpleNotificationService;
using Amazon.SimpleNotificationService.Model;
using Backup.Core.Machine;
using Backup.Core.Model;

namespace Backup.Lambda.Aws;

/// <summary>Who would not hear an alarm: an address that has never answered the mail of AWS Notifications gets nothing, and nothing else says so.</summary>
public sealed class Subscribers(MachineEnvironment machine, IAmazonSimpleNotificationService sns)
{
    /// <summary>ARNs of the topics of alarms, with commas.</summary>
    public const string TopicsVariable = "BACKUP_TOPICS";

    /// <summary>A topic that nobody hears is critical: then the heartbeat's silence has to speak.</summary>
    public async Task<IReadOnlyList<Finding>> JudgeAsync(CancellationToken cancel)
    {
        var findings = new List<Finding>();
        foreach (var topic in machine[TopicsVariable]?.Split(',') ?? [])
        {
            try
            {
                findings.AddRange(Judge(topic.Split(':')[^1], await ListAsync(topic, cancel)));
            }
            catch (AmazonServiceException e)
            {
                findings.Add(FindingCode.NoticeUnconfirmed.On(topic, $"its subscribers could not be listed: {e.ErrorCode}", "Run `pulumi up`, which grants sns:ListSubscriptionsByTopic to Watch."));
            }
        }

        return findings;
    }

    private static IEnumerable<Finding> Judge(string topic, IReadOnlyList<Subscription> subscriptions)
    {
        var silent = subscriptions.Where(s => !Hears(s)).ToList();
        var isHeard = silent.Count < subscriptions.Count;
        if (subscriptions.Count == 0)
            yield return FindingCode.NoticeUnconfirmed.On(topic, "nobody subscribes to this topic, so its alarms reach nobody", "Run `pulumi up`, which makes the subscriptions of the policy's notify.", Severity.Critical);
        foreach (var subscription in silent)
        {
            yield return FindingCode.NoticeUnconfirmed.On(topic, $"{subscription.Endpoint} has not confirmed its subscription, or has ended it{(isHeard ? "" : ", and nobody else hears this topic")}",
                "Open the mail of AWS Notifications and confirm; after three days `pulumi up` sends it again.", isHeard ? null : Severity.Critical);
        }
    }

    /// <summary>"PendingConfirmation" and, for a while after somebody unsubscribed, "Deleted" stand where an ARN would.</summary>
    private static bool Hears(Subscription subscription) => subscription.SubscriptionArn?.StartsWith("arn:", StringComparison.Ordinal) == true;

    private async Task<IReadOnlyList<Subscription>> ListAsync(string topic, CancellationToken cancel)
    {
        var all = new List<Subscription>();
        string? next = null;
        do
        {
            var page = await sns.ListSubscriptionsByTopicAsync(new ListSubscriptionsByTopicRequest { TopicArn = topic, NextToken = next }, cancel);
            all.AddRange(page.Subscriptions ?? []);
            next = page.NextToken;
        }
        while (!string.IsNullOrEmpty(next));
        return all;
    }
}
