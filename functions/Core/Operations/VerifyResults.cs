using System.Text.Json;
using System.Text.Json.Serialization;
using Backup.Core.Catalog;
using Backup.Core.Model;
using Backup.Core.Operations.Drills;
using Backup.Core.Retention;

namespace Backup.Core.Operations;

public enum VerifyLevel
{
    /// <summary>Every stored byte is read and hashed.</summary>
    Checksum,

    /// <summary>Also decrypted, decompressed, the archive read to its end by pg_restore, and the rows of chunks counted.</summary>
    Archive,

    /// <summary>Restored into a throw-away server and compared, row by row.</summary>
    Restore,
}

/// <summary>What one verify found: a write-once object beside the manifest.</summary>
public sealed record VerifyResult
{
    public required string Id { get; init; }
    public required VerifyLevel Level { get; init; }
    public required DateTimeOffset At { get; init; }

    /// <summary>could-not-verify at level restore, and at level archive when a private key was to be had elsewhere and was not: other such failures are errors.</summary>
    public required Verdict Verdict { get; init; }
    public bool Passed => Verdict == Verdict.Pass;
    public required int Objects { get; init; }
    public required long StoredBytes { get; init; }
    public required double Seconds { get; init; }

    /// <summary>Every difference, not only the first.</summary>
    public required IReadOnlyList<Finding> Findings { get; init; }
}

/// <summary>The bytes of result objects, and what follows from them.</summary>
public static class VerifyResults
{
    private static readonly ResultContext _context = new(Options());

    public static byte[] Write(VerifyResult result) => JsonSerializer.SerializeToUtf8Bytes(result, _context.VerifyResult);

    /// <summary>What the choice of a tier must know of earlier backups: a damaged one, or one whose newest verify or drill failed, fills no period.</summary>
    public static IReadOnlyList<EarlierBackup> ToEarlier(IEnumerable<CatalogEntry> entries) =>
        [.. entries.Select(e => new EarlierBackup(e.Id, e.Tier, e.IsGood))];

    public static byte[] Write(DrillReport report) => JsonSerializer.SerializeToUtf8Bytes(report, _context.DrillReport);

    /// <summary>Null for what cannot be read as one: it measures and proves nothing more than its name says.</summary>
    public static DrillReport? TryReadDrill(ReadOnlySpan<byte> json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, _context.DrillReport);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static JsonSerializerOptions Options()
    {
        var options = ManifestJson.NewOptions();
        options.Converters.Add(new WordConverter<VerifyLevel>());
        options.Converters.Add(new WordConverter<Verdict>());
        return options;
    }
}

[JsonSerializable(typeof(VerifyResult))]
[JsonSerializable(typeof(DrillReport))]
internal sealed partial class ResultContext : JsonSerializerContext;
