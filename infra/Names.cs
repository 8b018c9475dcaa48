using System.Security.Cryptography;
using System.Text;
using Backup.Core.Model;

namespace Backup.Infra;

/// <summary>
/// Every physical name and ARN, spelled once. Names are fixed, not random: policies that name each other can then be written without waiting for
/// resources, and a person finds things. Only what AWS itself makes up (key ids, the end of a secret's ARN) is not here.
/// </summary>
public sealed record Names(string Project, string Environment, string Account, string Region)
{
    private const int ProjectLimit = 12;
    private const int EnvironmentLimit = 12;
    private const int DatabaseLimit = 18;

    /// <summary>Begins every name of the stack. At most 32 characters, so that a role's name stays within 64 and a bucket's within 63.</summary>
    public string Stem => $"backup-{Clean(Project, ProjectLimit)}-{Clean(Environment, EnvironmentLimit)}";

    public string VaultBucket => $"{Stem}-vault-{Account}";
    public string CopyBucket => $"{Stem}-copy-{Account}";
    public string ConfigBucket => $"{Stem}-config-{Account}";
    public string TrailBucket => $"{Stem}-trail-{Account}";
    public string Alias => $"alias/{Stem}";
    public string Trail => $"{Stem}-vault-access";
    public string Cluster => Stem;
    public string Queue => $"{Stem}-failed";
    public string ScheduleGroup => Stem;
    public string Repository => Stem;
    public string DashboardName => Stem;
    public string Boundary => $"{Stem}-boundary";
    public string CiBoundary => $"{Stem}-ci-boundary";

    public string Role(string what) => $"{Stem}-{what}";
    public string Writer(string database) => Role($"writer-{Database(database)}");
    public string Drill(string database) => Role($"drill-{Database(database)}");
    public string Function(string verb, string? database) => database is null ? $"{Stem}-{verb}" : $"{Stem}-{verb}-{Database(database)}";
    public string Task(string verb, string database) => $"{Stem}-{verb}-{Database(database)}";
    public string Topic(string what) => $"{Stem}-{what}";
    public static string LogGroup(string function) => $"/aws/lambda/{function}";
    public string TaskLogGroup => $"/backup/{Stem}/tasks";

    public string RoleArn(string name) => $"arn:aws:iam::{Account}:role/{name}";
    public string PolicyArn(string name) => $"arn:aws:iam::{Account}:policy/{name}";
    public string RootArn => $"arn:aws:iam::{Account}:root";
    public string FunctionArn(string name) => Arn("lambda", $"function:{name}");
    public string TaskArn(string family) => Arn("ecs", $"task-definition/{family}");
    public string ClusterArn => Arn("ecs", $"cluster/{Cluster}");
    public string QueueArn => Arn("sqs", Queue);
    public string TopicArn(string what) => Arn("sns", Topic(what));
    public string LogArn(string group) => Arn("logs", $"log-group:{group}:*");
    public string TrailArn => Arn("cloudtrail", $"trail/{Trail}");
    public string AlarmArn(string name) => Arn("cloudwatch", $"alarm:{name}");
    public string RuleArn(string name) => Arn("events", $"rule/{name}");
    public string Arn(string service, string rest) => $"arn:aws:{service}:{Region}:{Account}:{rest}";
    public static string BucketArn(string bucket) => $"arn:aws:s3:::{bucket}";

    /// <summary>The database's part of names: short, lower case, and different for different databases.</summary>
    public static string Database(string name) => Clean(name, DatabaseLimit);

    /// <summary>
    /// Lower-case letters, digits and dashes only, at most <paramref name="most"/> of them. A text that had to be changed ends with a hash of what it was,
    /// so two texts never become one name.
    /// </summary>
    public static string Clean(string text, int most)
    {
        ArgumentNullException.ThrowIfNull(text);
        var clean = string.Concat(text.Select(c => char.IsAsciiLetterOrDigit(c) ? char.ToLowerInvariant(c) : '-')).Trim('-');
        if (clean == text && clean.Length <= most) return clean;
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..6];
        return $"{clean[..Math.Min(clean.Length, most - 7)].TrimEnd('-')}-{hash}";
    }

    /// <summary>Key prefixes of one database in every tier: IAM has to name each, since <c>*/bloom/*</c> would also match other databases' paths.</summary>
    public IReadOnlyList<string> Prefixes(string database) => VaultKeys.DatabasePrefixes(Environment, database);

    /// <summary>Where evidence about one database lies that is no backup: who restored, what a prune did.</summary>
    public string AuditPrefix(string database) => $"{Root}audit/{VaultKeys.Escape(database)}/";

    /// <summary>Begins every key of this environment, with a final '/'.</summary>
    public string Root => $"{VaultKeys.Escape(Environment)}/";
}
