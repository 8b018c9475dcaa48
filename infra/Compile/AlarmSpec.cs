namespace Backup.Infra.Compile;

/// <summary>Where an alarm goes. Critical pages somebody, notice is an e-mail, chat is a channel (or notice where there is none).</summary>
public enum AlarmTopic
{
    Critical,
    Notice,
    Chat,
}

/// <summary>One metric of an alarm or a graph. Dimensions must be exactly those that were published.</summary>
public sealed record MetricRef(string Namespace, string Name, IReadOnlyDictionary<string, string> Dimensions, string Statistic);

/// <summary>One CloudWatch alarm. With one metric and no expression it watches the metric itself.</summary>
public sealed record AlarmSpec
{
    /// <summary>Below the stack's name; also the logical name.</summary>
    public required string Name { get; init; }
    public required string Description { get; init; }
    public required AlarmTopic Topic { get; init; }
    public required IReadOnlyList<MetricRef> Metrics { get; init; }

    /// <summary>Metric math over m1, m2, … in the order of <see cref="Metrics"/>; null for a single metric.</summary>
    public string? Expression { get; init; }
    public required string Comparison { get; init; }
    public required double Threshold { get; init; }
    public required int PeriodSeconds { get; init; }
    public int Periods { get; init; } = 1;

    /// <summary>missing, ignore, breaching or notBreaching: what silence means.</summary>
    public required string Missing { get; init; }
}

/// <summary>One EventBridge rule: something that should never pass unseen.</summary>
public sealed record EventSpec(string Name, string Description, string Pattern, AlarmTopic? Topic);
