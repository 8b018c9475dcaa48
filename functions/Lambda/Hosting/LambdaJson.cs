using System.Text.Json;
using System.Text.Json.Serialization;
using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Lambda.Events;

namespace Backup.Lambda.Hosting;

/// <summary>Every event and result. Names are camelCase, words are spelled as in policies, absent values are left out.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    Converters = [typeof(WordConverter<Tier>), typeof(WordConverter<Severity>), typeof(WordConverter<VerifyLevel>)])]
[JsonSerializable(typeof(JsonElement))]
[JsonSerializable(typeof(DumpEvent))]
[JsonSerializable(typeof(DumpResult))]
[JsonSerializable(typeof(VerifyEvent))]
[JsonSerializable(typeof(VerifyEventResult))]
[JsonSerializable(typeof(IncrementalEvent))]
[JsonSerializable(typeof(IncrementalResult))]
[JsonSerializable(typeof(WatchEvent))]
[JsonSerializable(typeof(WatchResult))]
[JsonSerializable(typeof(PruneEvent))]
[JsonSerializable(typeof(PruneResult))]
[JsonSerializable(typeof(RotationEvent))]
[JsonSerializable(typeof(RotationResult))]
[JsonSerializable(typeof(Failure))]
public sealed partial class LambdaJson : JsonSerializerContext;
