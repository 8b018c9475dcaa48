using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Backup.Cli.Verbs;
using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Core.Operations.Drills;
using Backup.Core.Operations.Increments;
using Backup.Core.Operations.Syncing;
using Backup.Core.Operations.Watching;
using Backup.Core.Storage;

namespace Backup.Cli;

/// <summary>
/// Every document that <c>--output json</c> prints: one JsonSerializable line per verb's report. Names are camelCase,
/// words are spelled as in policies, absent values are left out.
/// </summary>
[JsonSerializable(typeof(CheckReport))]
[JsonSerializable(typeof(RunListReport))]
[JsonSerializable(typeof(IncrementListReport))]
[JsonSerializable(typeof(ListReport))]
[JsonSerializable(typeof(ShowReport))]
[JsonSerializable(typeof(Tombstone))]
[JsonSerializable(typeof(AuditReport))]
[JsonSerializable(typeof(VerifyResult))]
[JsonSerializable(typeof(VerifyListReport))]
[JsonSerializable(typeof(RestoreReport))]
[JsonSerializable(typeof(ThawReport))]
[JsonSerializable(typeof(DrillReport))]
[JsonSerializable(typeof(PruneListReport))]
[JsonSerializable(typeof(SyncReport))]
[JsonSerializable(typeof(WatchReport))]
[JsonSerializable(typeof(DoctorReport))]
[JsonSerializable(typeof(DemoReport))]
[JsonSerializable(typeof(WatchReport))]
public sealed partial class CliJson : JsonSerializerContext
{
    /// <summary>The context to print with: arrows and quotes stay readable, since the output is no part of a web page.</summary>
    public static CliJson Printed { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters =
        {
            new WordConverter<Severity>(), new WordConverter<Tier>(), new WordConverter<BackupKind>(), new WordConverter<Provider>(),
            new WordConverter<LockMode>(), new WordConverter<ArtifactRole>(), new WordConverter<RunOutcome>(), new WordConverter<VerifyLevel>(),
            new WordConverter<Comparison>(), new WordConverter<Health>(), new WordConverter<Verdict>(), new WordConverter<IncrementMode>(), new WordConverter<IncrementOutcome>(), new WordConverter<ObjectState>(),
        },
    });

    public static string Write<T>(T report, JsonTypeInfo<T> type) => JsonSerializer.Serialize(report, type);
}
