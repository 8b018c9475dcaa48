using Backup.Infra.Compile;
using Backup.Infra.Settings;
using Pulumi;
using Pulumi.Aws.Budgets;
using Pulumi.Aws.Budgets.Inputs;
using Pulumi.Aws.Chatbot;
using Pulumi.Aws.CloudWatch;
using Pulumi.Aws.CloudWatch.Inputs;
using Pulumi.Aws.Iam;
using Pulumi.Aws.Sns;

namespace Backup.Infra.Components;

public sealed class AlarmsArgs
{
    public required Names Names { get; init; }
    public required InfraSettings Settings { get; init; }
    public string? CopyBucket { get; init; }
    public required Output<string> QueueArn { get; init; }

    /// <summary>PagerDuty's integration URL; a secret.</summary>
    public Output<string>? PagerDuty { get; init; }
}

/// <summary>Who is told what: topics, their subscribers, alarms on metrics and rules on events.</summary>
public sealed class Alarms : ComponentResource
{
    private readonly string _name;
    private readonly AlarmsArgs _args;
    private readonly Dictionary<AlarmTopic, Topic> _topics = [];

    public Alarms(string name, AlarmsArgs args, ComponentResourceOptions? options = null) : base("backup:infra:Alarms", name, options)
    {
        ArgumentNullException.ThrowIfNull(args);
        (_name, _args) = (name, args);
        var (names, settings) = (args.Names, args.Settings);
        var trail = settings.Trail != TrailMode.None;
        var rotation = settings.RotationMonths is not null;
        Topics();
        Specs = AlarmCompiler.Alarms(names, settings.Policy, args.CopyBucket, trail, rotation);
        foreach (var spec in Specs) Add(spec);
        foreach (var rule in EventCompiler.Rules(names, trail, rotation)) Add(rule);
        if (settings.Chat is { } chat) Chat(chat);
        if (settings.Budget is { } amount) Spending(amount);
        RegisterOutputs(new Dictionary<string, object?> { ["critical"] = _topics[AlarmTopic.Critical].Arn, ["notice"] = _topics[AlarmTopic.Notice].Arn });
    }

    public IReadOnlyList<AlarmSpec> Specs { get; }

    public static IReadOnlyList<AlarmTopic> Topics(InfraSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        return settings.Chat is null ? [AlarmTopic.Critical, AlarmTopic.Notice] : [AlarmTopic.Critical, AlarmTopic.Notice, AlarmTopic.Chat];
    }

    private Topic To(AlarmTopic topic) => _topics.GetValueOrDefault(topic) ?? _topics[AlarmTopic.Notice];

    private void Topics()
    {
        var names = _args.Names;
        foreach (var what in Topics(_args.Settings))
        {
            var word = Core.Model.Words.Of(what);
            var topic = new Topic($"{_name}-{word}", new TopicArgs { Name = names.Topic(word), SignatureVersion = 2 }, Components.Options.Of(this));
            _ = new TopicPolicy($"{_name}-{word}-policy", new TopicPolicyArgs { Arn = topic.Arn, Policy = PolicyDocument.Write(ServicePolicies.Topic(names, word)) }, Components.Options.Of(this));
            _topics[what] = topic;
        }

        if (_args.PagerDuty is { } url) Subscribe("critical-pagerduty", AlarmTopic.Critical, "https", url, redrive: true);
        var email = _args.Settings.Policy.Notify.Email;
        for (var i = 0; i < email.Count; i++)
        {
            Subscribe($"notice-email-{i + 1}", AlarmTopic.Notice, "email", email[i]);
            // Without a pager the same people get what is critical.
            if (_args.PagerDuty is null) Subscribe($"critical-email-{i + 1}", AlarmTopic.Critical, "email", email[i]);
        }
    }

    private void Subscribe(string what, AlarmTopic topic, string protocol, Input<string> endpoint, bool redrive = false)
    {
        var args = new TopicSubscriptionArgs { Topic = To(topic).Arn, Protocol = protocol, Endpoint = endpoint };
        if (redrive)
        {
            args.EndpointAutoConfirms = true;
            args.RawMessageDelivery = false;
            args.RedrivePolicy = _args.QueueArn.Apply(arn => JsonText.Of(new { deadLetterTargetArn = arn }));
        }

        _ = new TopicSubscription($"{_name}-{what}", args, Components.Options.Of(this));
    }

    private void Add(AlarmSpec spec)
    {
        var topic = To(spec.Topic).Arn;
        var args = new MetricAlarmArgs
        {
            Name = $"{_args.Names.Stem}-{spec.Name}",
            AlarmDescription = spec.Description,
            AlarmActions = topic,
            OkActions = topic,
            ComparisonOperator = spec.Comparison,
            Threshold = spec.Threshold,
            EvaluationPeriods = spec.Periods,
            DatapointsToAlarm = spec.Periods,
            TreatMissingData = spec.Missing,
        };
        if (spec.Expression is null)
        {
            var metric = spec.Metrics[0];
            (args.Namespace, args.MetricName, args.Statistic, args.Period) = (metric.Namespace, metric.Name, metric.Statistic, spec.PeriodSeconds);
            args.Dimensions = Map(metric);
        }
        else
        {
            args.MetricQueries.Add(new MetricAlarmMetricQueryArgs { Id = "e1", Expression = spec.Expression, Label = spec.Name, ReturnData = true });
            for (var i = 0; i < spec.Metrics.Count; i++)
            {
                var metric = spec.Metrics[i];
                args.MetricQueries.Add(new MetricAlarmMetricQueryArgs
                {
                    Id = $"m{i + 1}",
                    ReturnData = false,
                    Metric = new MetricAlarmMetricQueryMetricArgs
                    {
                        Namespace = metric.Namespace,
                        MetricName = metric.Name,
                        Stat = metric.Statistic,
                        Period = spec.PeriodSeconds,
                        Dimensions = Map(metric),
                    },
                });
            }
        }

        _ = new MetricAlarm($"{_name}-{spec.Name}", args, Components.Options.Of(this));
    }

    private void Add(EventSpec spec)
    {
        var rule = new EventRule($"{_name}-{spec.Name}", new EventRuleArgs
        {
            Name = $"{_args.Names.Stem}-{spec.Name}",
            Description = spec.Description,
            EventPattern = spec.Pattern,
            State = "ENABLED",
        }, Components.Options.Of(this));
        if (spec.Topic is not { } topic) return;
        _ = new EventTarget($"{_name}-{spec.Name}-target", new EventTargetArgs
        {
            Rule = rule.Name,
            Arn = To(topic).Arn,
            DeadLetterConfig = new EventTargetDeadLetterConfigArgs { Arn = _args.QueueArn },
        }, Components.Options.Of(this));
    }

    private void Chat(ChatSettings chat)
    {
        var role = new Role($"{_name}-chat-role", new RoleArgs
        {
            Name = _args.Names.Role("chat"),
            AssumeRolePolicy = ServicePolicies.ChatTrust(_args.Names),
            PermissionsBoundary = _args.Names.PolicyArn(_args.Names.Boundary),
        }, Components.Options.Of(this));
        _ = new SlackChannelConfiguration($"{_name}-chat", new SlackChannelConfigurationArgs
        {
            ConfigurationName = _args.Names.Stem,
            IamRoleArn = role.Arn,
            SlackTeamId = chat.Workspace,
            SlackChannelId = chat.Channel,
            SnsTopicArns = _topics[AlarmTopic.Chat].Arn,
            // Left out, it would be AdministratorAccess.
            GuardrailPolicyArns = "arn:aws:iam::aws:policy/CloudWatchReadOnlyAccess",
            LoggingLevel = "ERROR",
        }, Components.Options.Of(this));
    }

    private void Spending(int amount) => _ = new Budget($"{_name}-budget", new BudgetArgs
    {
        Name = _args.Names.Stem,
        BudgetType = "COST",
        TimeUnit = "MONTHLY",
        LimitAmount = $"{amount}",
        LimitUnit = "USD",
        CostFilters = new BudgetCostFilterArgs { Name = "TagKeyValue", Values = $"user:{Grants.StackTag}${_args.Names.Stem}" },
        Notifications = new BudgetNotificationArgs
        {
            ComparisonOperator = "GREATER_THAN",
            NotificationType = "FORECASTED",
            Threshold = 100,
            ThresholdType = "PERCENTAGE",
            SubscriberSnsTopicArns = _topics[AlarmTopic.Notice].Arn,
        },
    }, Components.Options.Of(this));

    private static InputMap<string> Map(MetricRef metric)
    {
        var map = new InputMap<string>();
        foreach (var (key, value) in metric.Dimensions) map.Add(key, value);
        return map;
    }
}
